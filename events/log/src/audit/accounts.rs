//! What the events of an application say about other events, which only the application can read.

use crate::{
    header::Header,
    recorded::Entry,
    stream::{Position, Version},
};

/// Reads the application's own events for an audit.
pub trait Accounts: Send + Sync + 'static {
    /// The keys that this event says are erased: what was sealed under them before may be closed.
    fn erased(&self, event: &Header<'_>) -> Vec<ErasedKeys>;

    /// The event that this one says was redacted: it may lack its header.
    fn redacted(&self, event: &Header<'_>) -> Option<RedactedEvent>;
}

/// Keys of one person and class: that of this number, and all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedKeys {
    /// The person.
    pub subject: String,
    /// The retention class.
    pub class: String,
    /// The number of the last key.
    pub last: u32,
}

/// An event that lacks its header, as a later event describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactedEvent {
    /// Where it stands.
    pub position: Position,
    /// Its stream.
    pub stream: String,
    /// Its version in the stream.
    pub version: Version,
    /// Its type.
    pub event_type: String,
    /// Its entry.
    pub entry: Entry,
}
