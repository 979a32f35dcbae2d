//! A file built up to a position, that nobody reads yet: to compare with, or to look at the past.

use std::{fs, io, path::Path, sync::Arc};

use meguri_log::{Log, Position};
use tokio_util::sync::CancellationToken;

use crate::{
    files::view_file::ViewFile,
    running::{
        error::{RebuildError, ShadowError},
        projector::{End, Projector, Role},
        rebuilds::Rebuilds,
        view_handle::ViewHandle,
        worker_command::Steps,
    },
};

/// Where views are built to be compared with, beside the folders of all views.
pub const SHADOW: &str = "shadow";

/// What it takes to build such files, and nothing that keeps the views from being closed.
#[derive(Clone)]
pub struct Shadows {
    log: Log,
    rebuilds: Rebuilds,
    block_events: usize,
}

impl Shadows {
    pub const fn new(log: Log, rebuilds: Rebuilds, block_events: usize) -> Self {
        Self {
            log,
            rebuilds,
            block_events,
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Brings a file further, up to a position, and proves it. The log must have come so far.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub async fn advance(
        &self,
        file: ViewFile,
        handle: &Arc<ViewHandle>,
        until: Position,
        steps: Option<Steps>,
        stop: CancellationToken,
    ) -> Result<ViewFile, ShadowError> {
        let mut projector = Projector {
            file,
            handle: Arc::clone(handle),
            log: self.log.clone(),
            rebuilds: self.rebuilds.clone(),
            stop,
            block_events: self.block_events,
            until: Some(until),
            replaces: None,
            rows: tokio::sync::watch::Sender::default(),
            role: Role::Shadow(steps),
        };
        match projector.build().await {
            End::CaughtUp => Ok(projector.file),
            End::Stopped => {
                projector.file.close().await;
                Err(RebuildError::Closed.into())
            }
            End::Poison(poison) => {
                projector.file.close().await;
                Err(ShadowError::Poison(poison.reason))
            }
            End::Mismatch(mismatch) => Err(ShadowError::Mismatch(mismatch)),
        }
    }
}

/// Removes what a crash has left of views that were looked into.
pub fn sweep(views: &Path) -> io::Result<()> {
    remove(&views.join(SHADOW))
}

pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
