//! What can be asked of the log, and how it answers: one request, all or nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    limits::TooLarge,
    stream::{Position, StreamName, Version},
    vault::VaultError,
};

/// One request: any number of events for any number of streams, under any number of conditions.
/// Either all of it is appended, in this order and without others between, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// Who did it and because of what.
    pub cause: Cause,
    /// What happened, in order; at least one event.
    pub events: Vec<NewEvent>,
    /// What must hold at the moment of the commit, also for streams that are not written.
    pub conditions: Vec<Condition>,
    /// Repeating a request under its key answers as the first did and writes nothing.
    pub key: Option<RequestKey>,
}

/// Who did it, for whom, and because of what: the same for all events of one append.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    /// Who did it, such as `member-…`, `policy-…`, `system`.
    pub actor: String,
    /// For whom, where that is somebody else.
    pub acting_for: Option<String>,
    /// The id of the first command of the chain.
    pub correlation: Option<Uuid>,
    /// The id of the event or command that led to this one.
    pub causation: Option<Uuid>,
    /// The version of the policy of the community under which it was decided.
    pub policy: Option<u32>,
}

/// An event that is to be appended.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its type, such as `ThanksSent`: ASCII letters and digits.
    pub event_type: Cow<'static, str>,
    /// The number of its shape.
    pub schema: u32,
    /// The open data: the text of a JSON object, kept byte for byte. It stays for ever.
    pub data: String,
    /// What is sealed, each section under a key of its own person and class.
    pub sealed: Vec<NewSection>,
}

/// A part of an event that only the key of a person opens, and that is gone with that key.
#[derive(Debug, Clone)]
pub struct NewSection {
    /// The name of the section: ASCII lower-case letters, digits, `_`.
    pub section: Cow<'static, str>,
    /// Whose key seals it, such as `member-0192…`.
    pub subject: String,
    /// The retention class of the key, such as `message`.
    pub class: Cow<'static, str>,
    /// The UTF-8 JSON object of the section's fields.
    pub plaintext: Vec<u8>,
}

/// What a stream must be like at the moment of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The stream, which need not be written.
    pub stream: StreamName,
    /// What is expected of it.
    pub expected: Expected,
}

/// What is expected of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// Its last event has this version.
    Version(Version),
    /// It has no event yet.
    NoStream,
    /// It has at least one event.
    Exists,
    /// Nothing.
    Any,
}

impl Expected {
    /// Whether a stream of this version is what was expected.
    pub fn holds(self, found: Version) -> bool {
        match self {
            Self::Version(version) => version == found,
            Self::NoStream => found == Version::ZERO,
            Self::Exists => found > Version::ZERO,
            Self::Any => true,
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version}"),
            Self::NoStream => f.write_str("no stream"),
            Self::Exists => f.write_str("a stream"),
            Self::Any => f.write_str("anything"),
        }
    }
}

/// The key under which a request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    /// SHA-256 over who asks, the route, and the client's own key.
    pub key: [u8; 32],
    /// SHA-256 over what was asked: another request under the same key is refused.
    pub request: [u8; 32],
    /// Whether it is forgotten after [`REQUEST_KEY_DAYS`](crate::limits::REQUEST_KEY_DAYS).
    pub expires: bool,
}

/// What was appended, now or when the key was used first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// The position of the last event.
    pub position: Position,
    /// When, as all its events say.
    pub at: Timestamp,
    /// The events in order.
    pub events: Vec<AppendedEvent>,
    /// Whether this is the first outcome of a repeated request.
    #[serde(skip)]
    pub repeated: bool,
}

/// Where one event went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendedEvent {
    /// The id it was given.
    pub id: Uuid,
    /// Its stream.
    pub stream: StreamName,
    /// Its version in the stream.
    pub version: Version,
    /// Its position in the log.
    pub position: Position,
}

/// Why nothing was appended, or why that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A condition does not hold. Load again, decide again.
    #[error("stream {stream}: expected {expected}, found version {found}")]
    Conflict {
        /// The stream whose condition failed first.
        stream: StreamName,
        /// What was expected.
        expected: Expected,
        /// The version found.
        found: Version,
    },
    /// The event that is said to have done what was asked for is not there, or not any more: it was
    /// emptied, or the database fell back to before it. Load again, decide again.
    #[error("stream {stream} has no such event as version {version} was")]
    NotDone {
        /// The stream of the event.
        stream: StreamName,
        /// The version that it had.
        version: Version,
    },
    /// Another request was made under this key. Use a new key.
    #[error("this key was used for another request")]
    KeyReused,
    /// Too many appends are waiting. Try again a little later.
    #[error("the log is busy: too many appends are waiting")]
    Busy,
    /// The connection was lost and it cannot be told what became of the request. Repeat it with
    /// the same key: that never doubles it.
    #[error("it is not known whether this was appended; repeat it with the same key")]
    Unknown,
    /// Over a bound of the log.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The request can never be appended as it is.
    #[error("this cannot be appended: {0}")]
    Invalid(String),
    /// The keys of this person are destroyed: nothing can be sealed for them any more.
    #[error("the {class} key of {subject} is destroyed")]
    Erased {
        /// The person.
        subject: String,
        /// The retention class.
        class: String,
    },
    /// The vault could not be asked. Nothing was appended; try again later.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database refused or could not be reached. Nothing was appended; try again later.
    #[error("nothing was appended: {0}")]
    Unavailable(String),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}
