//! A file built up to a position, that nobody reads yet: to compare with, or to look at the past.

use std::{path::Path, sync::Arc};

use meguri_log::{Log, Position};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::Steps,
    error::StoreError,
    folding::{End, Folding, Role},
    proof::Mismatch,
    rebuilds::Rebuilds,
    slot::Slot,
    store::ViewFile,
    views::{RebuildError, Views},
};

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

/// What it takes to build such files, and nothing that keeps the views from being closed.
#[derive(Clone)]
pub(crate) struct Shadows {
    log: Log,
    rebuilds: Rebuilds,
    block_events: usize,
}

impl Shadows {
    pub(crate) const fn new(log: Log, rebuilds: Rebuilds, block_events: usize) -> Self {
        Self {
            log,
            rebuilds,
            block_events,
        }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Brings a file further, up to a position, and proves it. The log must have come so far.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub(crate) async fn advance(
        &self,
        file: ViewFile,
        slot: &Arc<Slot>,
        until: Position,
        steps: Option<Steps>,
        stop: CancellationToken,
    ) -> Result<ViewFile, ShadowError> {
        let mut folding = Folding {
            file,
            slot: Arc::clone(slot),
            log: self.log.clone(),
            rebuilds: self.rebuilds.clone(),
            stop,
            block_events: self.block_events,
            until: Some(until),
            replaces: None,
            rows: tokio::sync::watch::Sender::default(),
            role: Role::Shadow(steps),
        };
        match folding.build().await {
            End::Level => Ok(folding.file),
            End::Stopped => {
                folding.file.close().await;
                Err(RebuildError::Closed.into())
            }
            End::Poison(poison) => {
                folding.file.close().await;
                Err(ShadowError::Poison(poison.reason))
            }
            End::Mismatch(mismatch) => Err(ShadowError::Mismatch(mismatch)),
        }
    }
}

impl Views {
    /// Builds a view from the log up to a position, in this folder, and proves it; one that was
    /// begun there before is gone on with. The log must have come so far.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub(crate) async fn shadow(
        &self,
        view: &str,
        dir: &Path,
        folder: &str,
        until: Position,
        steps: Option<Steps>,
    ) -> Result<ViewFile, ShadowError> {
        let slot = self
            .slot(view)
            .ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        let limits = self.limits().without_index();
        let file = ViewFile::open(dir, folder, Arc::clone(&slot.view), limits).await?;
        self.advance_shadow(file, slot, until, steps).await
    }

    /// Brings such a file further, up to a position.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub(crate) async fn advance_shadow(
        &self,
        file: ViewFile,
        slot: &Arc<Slot>,
        until: Position,
        steps: Option<Steps>,
    ) -> Result<ViewFile, ShadowError> {
        let stop = self.stopping();
        self.shadows().advance(file, slot, until, steps, stop).await
    }
}
