//! Which moment an answer shows, and how far it has seen the log.

use std::time::Duration;

use meguri_engine::AsOf;
use meguri_log::Position;

/// Longest wait for a position that has not arrived yet.
pub const MIN_POSITION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Largest position that JSON numbers carry exactly in every language: 2^53 - 1.
pub const POSITION_MAX: u64 = (1 << 53) - 1;

/// Which moment an answer shows. The default is what is known now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// At least this position, which is waited for up to [`MIN_POSITION_WAIT_MAX`].
    pub min_position: Option<u64>,
    /// As it was then; not with `min_position`.
    pub as_of: Option<AsOf>,
}

impl Freshness {
    /// What is known now, with this position at least, where one is given.
    pub const fn at_least(min_position: Option<u64>) -> Self {
        Self {
            min_position,
            as_of: None,
        }
    }
}

/// An answer, and how far it has seen the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// The answer.
    pub body: T,
    /// Every event up to here is in it.
    pub position: Position,
    /// Version of the one stream that it shows, where it shows one.
    pub version: Option<u64>,
}

impl<T> Seen<T> {
    /// An answer from many streams, or from none.
    pub(crate) fn at(position: Position, body: T) -> Self {
        Self {
            body,
            position,
            version: None,
        }
    }

    /// An answer that shows one stream at this version.
    pub(crate) fn versioned(position: Position, version: u64, body: T) -> Self {
        Self {
            body,
            position,
            version: Some(version),
        }
    }
}
