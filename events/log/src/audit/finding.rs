//! What an audit finds, and where.

use std::fmt;

use crate::stream::Position;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: FindingKind,
    /// In words.
    pub reason: String,
}

impl Finding {
    pub(super) fn new(place: Place, kind: FindingKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            place,
            kind,
            reason,
        }
    }

    /// Something about an event.
    pub(super) fn at(position: Position, kind: FindingKind, reason: impl Into<String>) -> Self {
        Self::new(Place::Event(position), kind, reason)
    }
}

/// Where something does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At an event.
    Event(Position),
    /// In a run of events, from the first to the last.
    Events(Position, Position),
    /// In a tile, by level and number.
    Tile(u8, u64),
    /// In the frontier that is kept at a position.
    Frontier(Position),
    /// In the checkpoint of that size.
    Checkpoint(u64),
    /// In the checkpoint that is kept outside of the database.
    Outside,
    /// In what the log remembers of its end.
    Head,
    /// In what the log remembers of requests.
    Requests,
    /// The database itself.
    Database,
    /// The vault's database.
    Vault,
    /// What is kept of the streams that tell who somebody is.
    Identities,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(position) => write!(f, "position {position}"),
            Self::Events(first, last) => write!(f, "positions {first} to {last}"),
            Self::Tile(level, number) => write!(f, "tile {level}/{number}"),
            Self::Frontier(position) => write!(f, "frontier at position {position}"),
            Self::Checkpoint(size) => write!(f, "checkpoint of size {size}"),
            Self::Outside => f.write_str("checkpoint outside of the database"),
            Self::Head => f.write_str("end of the log"),
            Self::Requests => f.write_str("remembered requests"),
            Self::Database => f.write_str("database"),
            Self::Vault => f.write_str("vault"),
            Self::Identities => f.write_str("streams of who somebody is"),
        }
    }
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// Positions are missing, or one is beyond the end.
    Position,
    /// A header is no header.
    Header,
    /// A column is not what the header says.
    Column,
    /// The entry is not that of the header.
    Entry,
    /// The version does not follow the one before it in the stream.
    Version,
    /// The time is before that of the event before.
    Time,
    /// Two events have one id.
    Id,
    /// What led to the event is no earlier event.
    Cause,
    /// A sealed section is not what the header commits to.
    Section,
    /// A sealed section does not open, and no erasure covers it.
    Closed,
    /// An event was redacted, and no event says so; or one says so, and it was not.
    Redaction,
    /// A tile is not the tree's, or not there.
    Tile,
    /// A frontier that is kept is not the tree's.
    Frontier,
    /// A checkpoint is not signed, or not the tree's.
    Checkpoint,
    /// What the log remembers of its end is not so.
    Head,
    /// What the log remembers of a request is not what became of it.
    Outcome,
    /// A page or an index of the database is damaged.
    Integrity,
    /// An event is not found where it is looked up.
    Lookup,
    /// What is kept of a stream that tells who somebody is, is not what its events say.
    Identity,
}

impl FindingKind {
    /// Its name, which scripts may rely on.
    pub fn code(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Header => "header",
            Self::Column => "column",
            Self::Entry => "entry",
            Self::Version => "version",
            Self::Time => "time",
            Self::Id => "id",
            Self::Cause => "cause",
            Self::Section => "section",
            Self::Closed => "closed",
            Self::Redaction => "redaction",
            Self::Tile => "tile",
            Self::Frontier => "frontier",
            Self::Checkpoint => "checkpoint",
            Self::Head => "head",
            Self::Outcome => "outcome",
            Self::Integrity => "integrity",
            Self::Lookup => "lookup",
            Self::Identity => "identity",
        }
    }
}
