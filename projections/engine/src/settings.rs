//! How the views are run.

use std::time::Duration;

use crate::files::limits::FileLimits;
use crate::{files::parked::OnPoison, set::ViewSet};

/// How the views are run.
#[derive(Clone, Debug)]
pub struct ViewSettings {
    /// Events that a view reads, folds and writes at once while it catches up.
    pub block_events: usize,
    /// Connections that read one view at the same time.
    pub readers: u32,
    /// Events of a transaction while a file is being built: rows that many events touch are read
    /// and written once for all of them, and a crash costs as many.
    pub transaction_events: u64,
    /// Percent of the time that building may work while others write or read.
    pub build_percent: u32,
    /// How long a view may take to remove what is erased from its files. One that takes longer is
    /// not served any more, and is built anew.
    pub erase_within: Duration,
    /// What a view does when it meets an event that it cannot fold.
    pub on_poison: OnPoison,
    /// How much of the past is kept, over all views.
    pub past: PastBounds,
    /// What is run.
    pub views: ViewSet,
}

impl ViewSettings {
    /// The usual settings for these views.
    pub fn of(views: ViewSet) -> Self {
        Self {
            block_events: 2_000,
            readers: 4,
            transaction_events: 131_072,
            build_percent: 40,
            erase_within: Duration::from_mins(10),
            on_poison: OnPoison::Stop,
            past: PastBounds::default(),
            views,
        }
    }

    /// What a file may use by them.
    #[doc(hidden)]
    pub fn limits(&self) -> FileLimits {
        FileLimits {
            readers: self.readers,
            transaction_events: self.transaction_events,
            indexed: true,
            on_poison: self.on_poison,
        }
    }
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastBounds {
    /// So many files, over all views; at least one.
    pub files: usize,
    /// So many bytes of all of them; the one that was asked for last is kept however large it is.
    pub bytes: u64,
}

impl Default for PastBounds {
    fn default() -> Self {
        Self {
            files: 16,
            bytes: 2 << 30,
        }
    }
}
