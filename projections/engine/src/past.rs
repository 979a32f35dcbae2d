//! The past of the views: any of them as of a position, in a file that is built once and kept.
//!
//! Such a file is built from the log by the same fold as the live one, with the keys that exist at
//! that time: what was erased before is erased in it, too. It is never written again, and is
//! removed when there is no room for it any more, when the view's fingerprint changes, and when
//! something is erased (`Views::forget_past`). A member who leaves erases nothing.

mod as_of;
mod build;
mod cache;

use std::sync::Arc;

use meguri_log::{Position, ReadError, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use self::build::Entry;
use crate::files::{index::TextIndex, seal::Seal};

pub use as_of::{AsOf, BadAsOf};
pub(crate) use cache::AsOfCache;

/// A view as of a position. Its file stays for as long as one of these is held.
#[derive(Clone)]
pub struct Past {
    entry: Arc<Entry>,
    readers: SqlitePool,
    index: Option<Arc<TextIndex>>,
    seal: Arc<Seal>,
}

/// What was built of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltPast {
    /// The view.
    pub view: String,
    /// Every event up to here is in it, and none after.
    pub position: Position,
    /// How many rows it has.
    pub rows: u64,
    /// The digest of its rows, in short.
    pub content: String,
    /// How large its file is.
    pub bytes: u64,
}

/// Why a view cannot be read as of a position.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// There is no view of this name.
    #[error("there is no view {0:?}")]
    UnknownView(String),
    /// The log has not come so far. Ask for an earlier position.
    #[error("the log ends at position {head}")]
    Beyond {
        /// Where the log ends.
        head: Position,
    },
    /// What will have happened by then is not known. Ask for an earlier time.
    #[error("it is only {now}")]
    Future {
        /// The time.
        now: Timestamp,
    },
    /// Its file is being built. Ask again: building goes on.
    #[error("the view {view} as of position {of} is being built, and stands at {position}")]
    Building {
        /// The view.
        view: &'static str,
        /// How far the file is.
        position: Position,
        /// How far it has to go.
        of: Position,
        /// How long the rest takes; none where that cannot be told yet.
        seconds_left: Option<u64>,
    },
    /// As many files of the past as are kept are being built or read. Ask again.
    #[error("as many files of the past as are kept are in use")]
    Busy,
    /// An event before that position cannot be folded: the view has to be mended.
    #[error("{reason}")]
    Stopped {
        /// Which event, and why.
        reason: String,
    },
    /// The file cannot be made. Asked for again, it goes on where it ended.
    #[error("{0}")]
    Failed(String),
    /// The log cannot be read. Ask again.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The views are closed, or the whole past was forgotten while this was built: ask again then.
    #[error("building was broken off")]
    BrokenOff,
}

impl Past {
    /// The name of the view.
    pub fn view(&self) -> &'static str {
        self.entry.view()
    }

    /// Every event up to here is in it, and none after.
    pub fn position(&self) -> Position {
        self.entry.position
    }

    /// Whether the file is as it was left.
    pub fn is_whole(&self) -> bool {
        let index = self.index.as_ref();
        let whole = self.seal.is_whole() && index.is_none_or(|index| index.is_whole());
        if !whole {
            self.entry.doubt();
        }
        whole
    }

    /// Whether this is the same file.
    #[doc(hidden)]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entry, &other.entry)
    }

    /// What is found of its rows, where the view is searched.
    pub fn index(&self) -> Option<Arc<TextIndex>> {
        self.index.clone()
    }

    /// The connections that read it.
    pub fn readers(&self) -> SqlitePool {
        self.entry.count_read();
        self.readers.clone()
    }
}

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Past")
            .field("view", &self.view())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
