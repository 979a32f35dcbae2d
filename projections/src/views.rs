//! All views of a process: opened together, run side by side, asked through one handle.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use meguri_log::{Log, Position};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    feed::Feed,
    read::Reader,
    shelf::Shelf,
    slot::{Slot, Standing, ViewStatus},
    store::{Poison, StoreError},
    view::{AnyView, Erased, View},
    worker::{RebuildRequest, RebuildStep, Worker},
};

pub mod board;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod history;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod profiles;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a view wants few of many events and says so in WANTS"
)]
pub mod rooms;
pub mod thanks;

use board::BoardQueries;
use history::HistoryQueries;
use profiles::ProfileQueries;
use rooms::RoomQueries;
use thanks::ThanksQueries;

/// The file whose lock says that a process owns the folder of the views.
const LOCK: &str = "lock";

/// Steps of a rebuild that wait for who asked for it.
const STEPS_WAITING: usize = 64;

/// How the views are run.
#[derive(Clone, Debug)]
pub struct ViewSettings {
    /// Events that a view reads, folds and writes at once while it catches up.
    pub block_events: usize,
    /// Connections that read one view at the same time.
    pub readers: u32,
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self {
            block_events: 2_000,
            readers: 4,
        }
    }
}

/// Why the views do not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenViewsError {
    /// Another process owns the folder. Ask it through its socket, or stop it.
    #[error("another process owns the views in {}: ask it, or stop it first", .0.display())]
    Owned(PathBuf),
    /// The folder cannot be made or locked.
    #[error("the folder of the views cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// A view cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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

/// Why a rebuild did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// There is no view of this name.
    #[error("there is no view {0:?}")]
    UnknownView(String),
    /// The views are being closed.
    #[error("the views are closed")]
    Closed,
}

/// The views of this process. Cloning is cheap; when the last clone is gone, their work stops.
#[derive(Clone)]
pub struct Views(Arc<Running>);

struct Running {
    log: Log,
    slots: Vec<Arc<Slot>>,
    requests: Vec<mpsc::Sender<RebuildRequest>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_with_the_last: DropGuard,
}

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views")
            .field("slots", &self.0.slots)
            .finish_non_exhaustive()
    }
}

/// Every view of the product.
fn all() -> Vec<Arc<dyn AnyView>> {
    vec![
        of::<board::Board>(),
        of::<profiles::Profiles>(),
        of::<thanks::Thanks>(),
        of::<rooms::Rooms>(),
        of::<history::History>(),
    ]
}

/// A view type as a value.
pub(crate) fn of<V: View>() -> Arc<dyn AnyView> {
    Arc::new(Erased::<V>::new())
}

impl Views {
    /// Takes the folder, opens what is in it, and starts to fold what is missing. What was live
    /// before can be read at once; what was not is built, and can be read when it is level.
    ///
    /// # Errors
    /// [`OpenViewsError::Owned`] where another process has the folder.
    pub async fn open(
        log: Log,
        dir: PathBuf,
        settings: ViewSettings,
    ) -> Result<Self, OpenViewsError> {
        Self::open_these(log, &dir, &settings, all()).await
    }

    /// As [`Views::open`], with other views: for tests of what runs them.
    pub(crate) async fn open_these(
        log: Log,
        dir: &Path,
        settings: &ViewSettings,
        views: Vec<Arc<dyn AnyView>>,
    ) -> Result<Self, OpenViewsError> {
        let lock = Arc::new(take(dir)?);
        let feed = Feed::new(views.iter().map(AsRef::as_ref));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (mut slots, mut requests, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for view in views {
            let slot = Arc::new(Slot::new(Arc::clone(&view)));
            let shelf = Shelf::open(dir, view, settings.readers).map_err(StoreError::from)?;
            let live = shelf.live(&log).await?;
            if let Some(file) = &live {
                slot.install(file.readers(), file.position());
            }
            let (request, asked) = mpsc::channel(1);
            let worker = Worker {
                slot: Arc::clone(&slot),
                shelf,
                log: log.clone(),
                feed: feed.clone(),
                block_events: settings.block_events.max(1),
                stop: stop.child_token(),
                requests: asked,
                live: None,
                build: None,
            };
            workers.push((worker, live));
            slots.push(slot);
            requests.push(request);
        }
        // Only now, so that after a failure nothing runs on.
        for (worker, live) in workers {
            tasks.spawn(held(Arc::clone(&lock), worker.run(live)));
        }
        tasks.spawn(held(lock, feed.run(log.clone(), stop.child_token())));
        tasks.close();
        let guard = stop.clone().drop_guard();
        let running = Running {
            log,
            slots,
            requests,
            tasks,
            stop,
            _stop_with_the_last: guard,
        };
        Ok(Self(Arc::new(running)))
    }

    /// The board: open Needs and Offers.
    pub fn board(&self) -> BoardQueries {
        BoardQueries(self.reader::<board::Board>())
    }

    /// Profiles: who members are to others.
    pub fn profiles(&self) -> ProfileQueries {
        ProfileQueries(self.reader::<profiles::Profiles>())
    }

    /// Thanks, received and sent.
    pub fn thanks(&self) -> ThanksQueries {
        ThanksQueries(self.reader::<thanks::Thanks>())
    }

    /// Rooms: exchanges and what was said in them.
    pub fn rooms(&self) -> RoomQueries {
        RoomQueries(self.reader::<rooms::Rooms>())
    }

    /// History: what happened in an exchange.
    pub fn history(&self) -> HistoryQueries {
        HistoryQueries(self.reader::<history::History>())
    }

    /// Every view at a glance.
    pub fn status(&self) -> Vec<ViewStatus> {
        let head = self.0.log.known_head();
        self.0.slots.iter().map(|slot| slot.status(head)).collect()
    }

    /// Where the log ends, as far as this process has heard.
    pub fn head(&self) -> Position {
        self.0.log.known_head()
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
        let slot = self
            .slot(view)
            .ok_or_else(|| WaitError::UnknownView(view.to_owned()))?;
        let mut standing = slot.standing();
        let waited = tokio::time::timeout(
            timeout,
            standing.wait_for(|now| reached(now, position) || now.stopped.is_some()),
        );
        let now = match waited.await {
            Ok(Ok(now)) => now.clone(),
            // In time, but the view is gone with its process; or not in time.
            Ok(Err(_)) | Err(_) => slot.standing().borrow().clone(),
        };
        let (view, at) = (slot.name(), now.live.unwrap_or_default());
        match now.stopped {
            _ if reached(&slot.standing().borrow(), position) => Ok(()),
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
            .slots
            .iter()
            .map(|slot| self.wait_for(slot.name(), position, timeout));
        futures::future::try_join_all(each).await.map(drop)
    }

    /// Builds a view anew beside the live one and switches to it. Reads go on all the time. What
    /// happens is told until the last step; who does not listen hinders nothing.
    ///
    /// # Errors
    /// [`RebuildError`] where it could not even begin.
    pub async fn rebuild(&self, view: &str) -> Result<mpsc::Receiver<RebuildStep>, RebuildError> {
        let index = self.0.slots.iter().position(|slot| slot.name() == view);
        let request = index.and_then(|index| self.0.requests.get(index));
        let request = request.ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        let (steps, told) = mpsc::channel(STEPS_WAITING);
        request
            .send(steps)
            .await
            .map_err(|_| RebuildError::Closed)?;
        Ok(told)
    }

    /// Stops folding between two transactions, closes the files and lets go of the folder.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.wait().await;
    }

    pub(crate) fn slot(&self, view: &str) -> Option<&Arc<Slot>> {
        self.0.slots.iter().find(|slot| slot.name() == view)
    }

    /// Reads a view. One that is not run is never ready.
    fn reader<V: View>(&self) -> Reader {
        let slot = self.slot(V::NAME).map(Arc::clone);
        Reader::new(slot.unwrap_or_else(|| Arc::new(Slot::new(of::<V>()))))
    }
}

fn reached(standing: &Standing, position: Position) -> bool {
    standing.live.is_some_and(|live| live >= position)
}

/// Makes the folder this process's own. Views hold what people typed in clear, so that the folder
/// is for the user of the process alone.
fn take(dir: &Path) -> Result<File, OpenViewsError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenViewsError::Owned(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Runs a task that works in the folder: as long as one does, the folder is not free.
async fn held(lock: Arc<File>, task: impl Future<Output = ()>) {
    task.await;
    drop(lock);
}
