//! Opening a view: what is there of it is served at once, if it is what the log says.

use std::{borrow::Cow, fs::File, path::Path, sync::Arc, time::Duration};

use meguri_log::Log;
use meguri_supervision::{OnFailure, Outcome};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    files::{
        error::StoreError,
        folder_lock,
        limits::FileLimits,
        view_dir::{Found, ViewDir},
        view_file::ViewFile,
    },
    folding::{facts::Facts, view::AnyView},
    running::{
        feed::Feed,
        projector::{Projector, Role},
        rebuilds::Rebuilds,
        throttle::Reads,
        view_handle::ViewHandle,
        worker::{self, Worker},
        worker_command::WorkerCommand,
    },
};

/// What all views of a process share.
pub struct Environment<'a> {
    pub log: &'a Log,
    pub facts: &'static dyn Facts,
    pub dir: &'a Path,
    pub feed: &'a Feed,
    pub rebuilds: &'a Rebuilds,
    pub reads: &'a Reads,
    pub stop: &'a CancellationToken,
    pub limits: FileLimits,
    pub tasks: &'a TaskTracker,
    pub lock: &'a Arc<File>,
    pub block_events: usize,
    pub erase_within: Duration,
    pub check_turns: &'a Arc<Semaphore>,
}

/// A view that is ready to run.
pub struct OpenedView {
    pub worker: Worker,
    pub live: Option<ViewFile>,
    pub handle: Arc<ViewHandle>,
    pub ask: mpsc::Sender<WorkerCommand>,
}

impl Environment<'_> {
    /// Runs a loop until the views are closed. As long as it works, the folder is not free.
    pub fn run<N, W>(&self, name: N, on_failure: OnFailure, work: W)
    where
        N: Into<Cow<'static, str>> + 'static,
        W: Future<Output: Outcome> + Send + 'static,
    {
        let supervisor = self.log.supervisor();
        let watched = supervisor.watch(name, on_failure, self.stop, work);
        self.tasks
            .spawn(folder_lock::held(Arc::clone(self.lock), watched));
    }

    /// Opens these views. Nothing runs yet.
    pub async fn all(&self, views: Vec<Arc<dyn AnyView>>) -> Result<Vec<OpenedView>, StoreError> {
        let mut opened = Vec::with_capacity(views.len());
        for view in views {
            opened.push(self.open(view).await?);
        }
        Ok(opened)
    }

    /// Opens one view. Nothing runs yet.
    pub async fn open(&self, view: Arc<dyn AnyView>) -> Result<OpenedView, StoreError> {
        let handle = Arc::new(ViewHandle::new(Arc::clone(&view), self.reads.clone()));
        let folders = ViewDir::open(self.dir, view, self.limits)?;
        let file = match self.serve(&folders, &handle).await {
            Ok(file) => file,
            Err(error) => {
                // It grows back beside what is there, as soon as it can.
                tracing::error!(view = handle.name(), %error, "a view does not open, and is built");
                handle.withdraw(error.to_string());
                None
            }
        };
        let (ask, asked) = mpsc::channel(1);
        let worker = Worker {
            handle: Arc::clone(&handle),
            view_dir: folders,
            log: self.log.clone(),
            feed: self.feed.clone(),
            rebuilds: self.rebuilds.clone(),
            block_events: self.block_events,
            stop: self.stop.child_token(),
            asked,
            live: None,
            build: None,
            checker: None,
            check_turns: Arc::clone(self.check_turns),
            goes_on: None,
            rest: worker::REST,
        };
        Ok(OpenedView {
            worker,
            live: file,
            handle,
            ask,
        })
    }

    /// Serves what there is of a view, where it is what it should be.
    async fn serve(
        &self,
        folders: &ViewDir,
        handle: &Arc<ViewHandle>,
    ) -> Result<Option<ViewFile>, StoreError> {
        let Found {
            mut file,
            is_new,
            mismatch,
        } = folders.live(self.log).await?;
        if let Some(mismatch) = mismatch {
            handle.withdraw(mismatch.to_string());
        }
        if let Some(behind) = file.take_if(|_| is_new) {
            file = Some(self.caught_up(behind, handle).await);
        }
        if let Some(file) = &mut file {
            file.catch_up_index().await?;
            handle.install(file.to_be_read());
        }
        Ok(file)
    }

    /// Another release has served until now, perhaps: nothing older is read than it has shown.
    async fn caught_up(&self, file: ViewFile, handle: &Arc<ViewHandle>) -> ViewFile {
        let mut projector = Projector {
            file,
            handle: Arc::clone(handle),
            log: self.log.clone(),
            rebuilds: self.rebuilds.clone(),
            stop: self.stop.child_token(),
            block_events: self.block_events,
            until: None,
            replaces: None,
            rows: tokio::sync::watch::Sender::default(),
            role: Role::Shadow(None),
        };
        // Whatever stands in the way, its worker meets it again, and says so.
        projector.catch_up().await;
        projector.file
    }
}
