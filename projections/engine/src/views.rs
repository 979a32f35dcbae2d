//! All views of a process: opened together, run side by side, asked through one handle.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use meguri_log::{Log, Position};
use meguri_supervision::OnFailure;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    erasures::{Keeper, LastErasure},
    files::{error::OpenViewsError, folder_lock, limits::FileLimits},
    folding::outcome::Poison,
    past::AsOfCache,
    running::{
        error::RebuildError,
        feed::Feed,
        opening::{Environment, OpenedView},
        rebuilds::Rebuilds,
        shadow::{self, Shadows},
        status::ViewStatus,
        throttle::{Reads, Throttle},
        view_handle::{Standing, ViewHandle},
        worker_command::{RebuildStep, WorkerCommand},
    },
    settings::ViewSettings,
};

mod past;

/// Steps of a rebuild that wait for who asked for it.
const STEPS_WAITING: usize = 64;

/// Why waiting for a position was in vain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// There is no view of this name.
    #[error("there is no view {0:?}")]
    UnknownView(String),
    /// It did not get there in time. Ask again.
    #[error("the view {view} has reached position {reached} only")]
    TooSlow {
        /// The view.
        view: &'static str,
        /// Where it stands.
        reached: Position,
    },
    /// It stopped before, and will not get there before it is mended.
    #[error("the view {view} stopped at position {reached}: {reason}")]
    Stopped {
        /// The view.
        view: &'static str,
        /// Where it stands.
        reached: Position,
        /// Why it stopped.
        reason: String,
    },
}

/// The views of this process. Cloning is cheap; when the last clone is gone, their work stops.
#[derive(Clone)]
pub struct Views(Arc<Running>);

struct Running {
    log: Log,
    handles: Vec<Arc<ViewHandle>>,
    asks: Vec<mpsc::Sender<WorkerCommand>>,
    kept: Arc<AsOfCache>,
    erased: LastErasure,
    dir: PathBuf,
    limits: FileLimits,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_with_the_last: DropGuard,
}

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views")
            .field("handles", &self.0.handles)
            .finish_non_exhaustive()
    }
}

impl Views {
    /// Takes the folder, opens what is in it, and starts to fold what is missing. What was live
    /// before can be read at once; what was not is built, and can be read when it has caught up.
    ///
    /// # Errors
    /// [`OpenViewsError::Owned`] where another process has the folder.
    pub async fn open(
        log: Log,
        dir: PathBuf,
        settings: ViewSettings,
    ) -> Result<Self, OpenViewsError> {
        let lock = Arc::new(folder_lock::take(&dir)?);
        shadow::sweep(&dir)?;
        let feed = Feed::new(&settings.views);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (reads, facts) = (Reads::default(), settings.views.facts);
        let throttle = Throttle::new(log.clone(), reads.clone(), settings.build_percent);
        let rebuilds = Rebuilds::start(log.clone(), facts, throttle, stop.child_token(), &tasks);
        let environment = Environment {
            log: &log,
            facts,
            dir: &dir,
            feed: &feed,
            rebuilds: &rebuilds,
            reads: &reads,
            stop: &stop,
            limits: settings.limits(),
            tasks: &tasks,
            lock: &lock,
            block_events: settings.block_events.max(1),
            erase_within: settings.erase_within,
            check_turns: &Arc::new(Semaphore::new(1)),
        };
        let opened = environment.all(settings.views.views.clone()).await?;
        let handles: Vec<_> = opened.iter().map(|one| Arc::clone(&one.handle)).collect();
        let kept = Arc::new(AsOfCache::open(&environment, &handles, &settings.past)?);
        // Only now, so that after a failure nothing runs on.
        let asks = run_all(&environment, opened);
        let keeper = Keeper::new(&environment, &handles, &asks, &kept);
        let erased = keeper.last();
        environment.run("erasures", OnFailure::Unready, keeper.run());
        let feeding = feed.clone().run(log.clone(), stop.child_token());
        environment.run("feed", OnFailure::EndProcess, feeding);
        tasks.close();
        let running = Running {
            log,
            handles,
            asks,
            kept,
            erased,
            dir,
            limits: settings.limits(),
            tasks,
            _stop_with_the_last: stop.clone().drop_guard(),
            stop,
        };
        Ok(Self(Arc::new(running)))
    }

    /// Every view at a glance.
    pub fn status(&self) -> Vec<ViewStatus> {
        let head = self.0.log.known_head();
        self.0
            .handles
            .iter()
            .map(|handle| handle.status(head))
            .collect()
    }

    /// Where the log ends, as far as this process has heard.
    pub fn head(&self) -> Position {
        self.0.log.known_head()
    }

    /// The position of the last erasure that this process has heard of: a view that has not folded
    /// it is not to be read.
    pub fn last_erasure(&self) -> Position {
        self.0.erased.position()
    }

    /// Waits until what is read of a view holds everything up to a position.
    ///
    /// # Errors
    /// [`WaitError`] says how far it came.
    pub async fn wait_for(
        &self,
        view: &str,
        position: Position,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let handle = self
            .handle(view)
            .ok_or_else(|| WaitError::UnknownView(view.to_owned()))?;
        let mut standing = handle.standing();
        let waited = tokio::time::timeout(
            timeout,
            standing.wait_for(|now| reached(now, position) || now.stopped.is_some()),
        );
        let now = match waited.await {
            Ok(Ok(now)) => now.clone(),
            // In time, but the view is gone with its process; or not in time.
            Ok(Err(_)) | Err(_) => handle.standing().borrow().clone(),
        };
        let (view, at) = (handle.name(), now.live.unwrap_or_default());
        match now.stopped {
            _ if reached(&handle.standing().borrow(), position) => Ok(()),
            Some(Poison { reason, .. }) => Err(WaitError::Stopped {
                view,
                reached: at,
                reason,
            }),
            None => Err(WaitError::TooSlow { view, reached: at }),
        }
    }

    /// Waits until every view holds everything up to a position.
    ///
    /// # Errors
    /// [`WaitError`] of the first view that does not.
    pub async fn wait_for_all(
        &self,
        position: Position,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let each = self
            .0
            .handles
            .iter()
            .map(|handle| self.wait_for(handle.name(), position, timeout));
        futures::future::try_join_all(each).await.map(drop)
    }

    /// Builds a view anew beside the live one and switches to it. Reads go on all the time. What
    /// happens is told until the last step; who does not listen hinders nothing.
    ///
    /// # Errors
    /// [`RebuildError`] where it could not even begin.
    pub async fn rebuild(&self, view: &str) -> Result<mpsc::Receiver<RebuildStep>, RebuildError> {
        let (steps, told) = mpsc::channel(STEPS_WAITING);
        self.ask(view, WorkerCommand::Rebuild(steps)).await?;
        Ok(told)
    }

    /// Goes back to the file that was live before, once that has caught up. Reads go on all the
    /// time; what happens is told as for [`Views::rebuild`].
    ///
    /// # Errors
    /// [`RebuildError`] where it could not even begin.
    pub async fn rollback(&self, view: &str) -> Result<mpsc::Receiver<RebuildStep>, RebuildError> {
        let (steps, told) = mpsc::channel(STEPS_WAITING);
        self.ask(view, WorkerCommand::Rollback(steps)).await?;
        Ok(told)
    }

    /// Lets a view that has stopped try the same event again.
    ///
    /// # Errors
    /// [`RebuildError::Refused`] where it has not stopped.
    pub async fn retry(&self, view: &str) -> Result<(), RebuildError> {
        let (answer, answered) = oneshot::channel();
        self.ask(view, WorkerCommand::Retry(answer)).await?;
        let answer = answered.await.map_err(|_| RebuildError::Closed)?;
        answer.map_err(RebuildError::Refused)
    }

    pub(crate) async fn ask(&self, view: &str, ask: WorkerCommand) -> Result<(), RebuildError> {
        let index = self
            .0
            .handles
            .iter()
            .position(|handle| handle.name() == view);
        let worker = index.and_then(|index| self.0.asks.get(index));
        let worker = worker.ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        worker.send(ask).await.map_err(|_| RebuildError::Closed)
    }

    /// Stops folding between two transactions, closes the files and lets go of the folder.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.wait().await;
        self.0.kept.close().await;
    }

    /// Where all views are.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    pub(crate) fn limits(&self) -> FileLimits {
        self.0.limits
    }

    /// What it takes to build files that nobody reads yet.
    pub fn shadows(&self) -> &Shadows {
        self.0.kept.shadows()
    }

    /// What is kept of the past.
    pub fn kept(&self) -> &Arc<AsOfCache> {
        &self.0.kept
    }

    /// Cancelled when the views are closed.
    pub fn stopping(&self) -> CancellationToken {
        self.0.stop.child_token()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.0.log
    }

    #[doc(hidden)]
    pub fn handle(&self, view: &str) -> Option<&Arc<ViewHandle>> {
        self.0.handles.iter().find(|handle| handle.name() == view)
    }
}

/// Runs these views. Answers how each is asked.
fn run_all(
    environment: &Environment<'_>,
    opened: Vec<OpenedView>,
) -> Vec<mpsc::Sender<WorkerCommand>> {
    let run = |one: OpenedView| {
        let name = format!("view {}", one.handle.name());
        environment.run(name, OnFailure::Unready, one.worker.run(one.live));
        one.ask
    };
    opened.into_iter().map(run).collect()
}

fn reached(standing: &Standing, position: Position) -> bool {
    standing.live.is_some_and(|live| live >= position)
}
