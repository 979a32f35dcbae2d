//! Building the views of this release beside those of a process that goes on serving, to take over
//! from it.

use std::{path::Path, sync::Arc};

use meguri_log::Log;
use tokio::task::JoinHandle;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    files::{
        error::{OpenViewsError, StoreError},
        folder_lock,
        view_dir::ViewDir,
        view_file::ViewFile,
    },
    running::{
        projector::{End, Projector, Role},
        rebuilds::Rebuilds,
        throttle::{Reads, Throttle},
        view_handle::ViewHandle,
    },
    settings::ViewSettings,
    views::Views,
};

/// Views that have caught up with the log and keep up, for [`Views::open`] to find.
#[derive(Debug)]
pub struct Prepared {
    names: Vec<&'static str>,
    following: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

/// Why a view was not built beside. Nothing has changed for who serves.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenViewsError),
    /// It met an event that it cannot fold, or its file is not what the log says.
    #[error("the view {view} cannot be built: {reason}")]
    NotBuilt {
        /// The view.
        view: &'static str,
        /// Why.
        reason: String,
    },
}

impl Views {
    /// Builds those views of which there is no live file of today's fingerprint, beside the process
    /// that owns the folder, and answers when all of them are proven and have caught up with the
    /// log. What was begun by an earlier attempt is gone on with.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub async fn prepare(
        log: &Log,
        dir: &Path,
        settings: &ViewSettings,
    ) -> Result<Prepared, PrepareError> {
        folder_lock::make(dir).map_err(OpenViewsError::from)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let guard = stop.clone().drop_guard();
        let throttle = Throttle::new(log.clone(), Reads::default(), settings.build_percent);
        let facts = settings.views.facts;
        let rebuilds = Rebuilds::start(log.clone(), facts, throttle, stop.child_token(), &tasks);
        let mut building = Vec::new();
        for view in &settings.views.views {
            let handle = Arc::new(ViewHandle::new(Arc::clone(view), Reads::default()));
            let view_dir = ViewDir::open(dir, Arc::clone(view), settings.limits())
                .map_err(|error| OpenViewsError::from(StoreError::from(error)))?;
            let file = view_dir.beside(log).await.map_err(OpenViewsError::from)?;
            building.extend(file.map(|file| Projector {
                file,
                handle,
                log: log.clone(),
                rebuilds: rebuilds.clone(),
                stop: stop.clone(),
                block_events: settings.block_events.max(1),
                until: None,
                replaces: view_dir.other_version(),
                rows: tokio::sync::watch::Sender::default(),
                role: Role::Shadow(None),
            }));
        }
        let built = futures::future::try_join_all(building.into_iter().map(built)).await?;
        let names = built
            .iter()
            .map(|projector| projector.handle.name())
            .collect();
        let following = built
            .into_iter()
            .map(|projector| tokio::spawn(follow(projector)));
        Ok(Prepared {
            names,
            following: following.collect(),
            stop,
            _stop_when_dropped: guard,
        })
    }
}

async fn built(mut projector: Projector) -> Result<Projector, PrepareError> {
    let reason = match projector.build().await {
        End::CaughtUp => return Ok(projector),
        End::Poison(poison) => poison.reason,
        End::Mismatch(mismatch) => mismatch.to_string(),
        End::Stopped => "it was stopped".to_owned(),
    };
    let view = projector.handle.name();
    projector.file.close().await;
    Err(PrepareError::NotBuilt { view, reason })
}

/// Follows the log until it is stopped.
async fn follow(mut projector: Projector) {
    let mut head = projector.log.watch_head();
    while let End::CaughtUp = projector.catch_up().await {
        tokio::select! {
            // Whoever stops it is heard first, also while the log grows.
            biased;
            () = projector.stop.cancelled() => break,
            moved = head.moved() => if moved.is_err() { break },
        }
    }
    ViewFile::close(projector.file).await;
}

impl Prepared {
    /// The views that were built beside.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Lets go of the files: who opens the views next finds them.
    pub async fn release(self) {
        self.stop.cancel();
        for following in self.following {
            if let Err(error) = following.await {
                tracing::warn!(%error, "a view that was prepared is caught up later");
            }
        }
    }
}
