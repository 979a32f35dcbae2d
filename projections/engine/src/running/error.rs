//! Why a view is not built.

use crate::files::{error::StoreError, mismatch::Mismatch};

/// Why a rebuild did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// There is no view of this name.
    #[error("there is no view {0:?}")]
    UnknownView(String),
    /// It makes no sense now.
    #[error("{0}")]
    Refused(String),
    /// The views are being closed.
    #[error("the views are closed")]
    Closed,
}

/// Why a file was not built. What there is of it goes on where it ended, if it is built again.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// There is no such view, or it cannot be asked any more.
    #[error(transparent)]
    View(#[from] RebuildError),
    /// The file cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event before that position cannot be folded.
    #[error("{0}")]
    Poison(String),
    /// The new file is not what the log says: the disk or the log is damaged.
    #[error("the new file is not what the log says: {0}")]
    Mismatch(Mismatch),
}
