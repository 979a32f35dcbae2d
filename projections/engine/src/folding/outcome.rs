//! What becomes of a batch that is folded into a file.

use std::sync::Arc;

use meguri_log::Position;

/// An event that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    pub position: Position,
    pub reason: String,
    /// Its stream, where the view may go on without that.
    pub stream: Option<Arc<str>>,
    /// The key of the row that it found none of: what it rests on may have been redacted.
    pub lacks_row: Option<String>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Advanced {
    /// All of it is in the file, or will be with the next commit.
    Folded,
    /// This event cannot be folded. What came before it is in the file.
    Stopped(Poison),
    /// The file stands further back than it did: read on from its position.
    Rewound,
}

impl Poison {
    /// An event that cannot be folded, whatever came before it.
    pub fn new(position: Position, reason: String) -> Self {
        Self {
            position,
            reason,
            stream: None,
            lacks_row: None,
        }
    }

    /// The same, where the view may go on without this stream.
    #[must_use]
    pub fn of(self, stream: Option<Arc<str>>) -> Self {
        Self { stream, ..self }
    }

    /// The last position that can be folded.
    pub fn before(&self) -> Position {
        before(self.position)
    }
}

/// The position before this one.
pub fn before(position: Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}
