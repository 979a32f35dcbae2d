//! One view as of one position: its folder, what is known of it, and how it is built.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use meguri_log::{Log, Position};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{BuiltPast, Past, PastError};
use crate::{
    files::{
        build_lock,
        error::StoreError,
        index::TextIndex,
        seal::Seal,
        view_dir::ViewDir,
        view_file::{self, ViewFile},
    },
    running::{
        error::{RebuildError, ShadowError},
        shadow::Shadows,
        status::BuildPhase,
        view_handle::{Building, ViewHandle},
        worker_command::{RebuildStep, Steps},
    },
};

/// Steps that wait to be told.
const STEPS_WAITING: usize = 64;

/// How long a connection to a file stays that nobody reads: each holds pages in memory.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// A view, and the folder in which its past is kept.
pub(super) struct ViewPast {
    pub(super) handle: Arc<ViewHandle>,
    pub(super) view_dir: ViewDir,
    pub(super) readers: u32,
}

/// A view as of a position. Whoever holds one builds, waits or reads, so that it is not removed.
pub struct Entry {
    of: Arc<ViewPast>,
    pub(super) position: Position,
    folder: String,
    /// Of what is on disk, when last looked.
    bytes: AtomicU64,
    stage: watch::Sender<Stage>,
    stop: CancellationToken,
}

/// What is being done for it.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing. There may be a file, whole or begun.
    AtRest,
    /// It waits for its turn, or is this far.
    Building(Option<Building>),
    /// It can be read.
    Built(Built),
    /// Not built, for this reason. The next who asks begins again.
    Failed(Arc<ShadowError>),
}

#[derive(Clone, Debug)]
struct Built {
    seal: Arc<Seal>,
    readers: SqlitePool,
    index: Option<Arc<TextIndex>>,
    rows: u64,
    content: String,
}

impl ViewPast {
    /// The name of the folder of a position.
    fn folder(&self, position: Position) -> String {
        format!("{}@{position}", self.view_dir.stem())
    }

    /// The position of a folder of today's fingerprint.
    pub(super) fn position(&self, folder: &str) -> Option<Position> {
        let number = folder
            .strip_prefix(&self.view_dir.stem())?
            .strip_prefix('@')?;
        let position = Position::new(number.parse().ok()?);
        (self.folder(position) == folder).then_some(position)
    }
}

impl Entry {
    pub(super) fn new(of: Arc<ViewPast>, position: Position, stop: CancellationToken) -> Self {
        let folder = of.folder(position);
        let entry = Self {
            position,
            bytes: AtomicU64::new(0),
            stage: watch::Sender::new(Stage::AtRest),
            stop,
            folder,
            of,
        };
        entry.measure();
        entry
    }

    pub(super) fn view(&self) -> &'static str {
        self.of.handle.name()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_read(&self) {
        self.of.handle.reads.count();
    }

    /// Whether it has to be built now: it is not built, and nobody is at it.
    pub(super) fn begins(&self) -> bool {
        self.stage.send_if_modified(|stage| {
            let begins = matches!(stage, Stage::AtRest | Stage::Failed(_));
            if begins {
                *stage = Stage::Building(None);
            }
            begins
        })
    }

    /// Waits until it is built.
    pub async fn wait(self: Arc<Self>, wait: Duration) -> Result<Past, PastError> {
        // In time or not: what counts is how it stands.
        let _ = tokio::time::timeout(wait, self.ended()).await;
        let Built {
            seal,
            readers,
            index,
            ..
        } = self.built()?;
        Ok(Past {
            entry: self,
            readers,
            index,
            seal,
        })
    }

    /// Its file is not as it was left: the next who asks has it proven, and built where it is not
    /// what it should be.
    pub(super) fn doubt(&self) {
        let before = self.stage.send_replace(Stage::AtRest);
        if let Stage::Building(_) = before {
            self.stage.send_replace(before);
        } else {
            let (view, position) = (self.view(), self.position);
            tracing::warn!(view, %position, "a file of the past was changed by something else");
        }
    }

    /// Waits until it is built, and tells how far it is.
    pub async fn told(self: Arc<Self>, steps: Option<Steps>) -> Result<BuiltPast, PastError> {
        let mut stage = self.stage.subscribe();
        loop {
            let Stage::Building(building) = stage.borrow_and_update().clone() else {
                break;
            };
            if let (Some(building), Some(steps)) = (building, &steps) {
                // Who does not listen closely misses a step.
                let _ = steps.try_send(self.step(building));
            }
            // The sender is this entry's own.
            let _ = stage.changed().await;
        }
        let Built { rows, content, .. } = self.built()?;
        Ok(BuiltPast {
            view: self.view().to_owned(),
            position: self.position,
            rows,
            content,
            bytes: self.bytes(),
        })
    }

    fn step(&self, building: Building) -> RebuildStep {
        let Building {
            position, phase, ..
        } = building;
        match phase {
            BuildPhase::Folding => RebuildStep::Folded {
                position,
                head: self.position,
            },
            BuildPhase::Verifying | BuildPhase::Indexing => RebuildStep::Phase { phase, position },
        }
    }

    /// What was built, or why it was not, as it stands now.
    fn built(&self) -> Result<Built, PastError> {
        let building = match self.stage.borrow().clone() {
            Stage::Built(built) => return Ok(built),
            Stage::Failed(error) => {
                return Err(match &*error {
                    ShadowError::Poison(reason) => PastError::Stopped {
                        reason: reason.clone(),
                    },
                    ShadowError::View(_) => PastError::BrokenOff,
                    ShadowError::Store(_) | ShadowError::Mismatch(_) => {
                        PastError::Failed(error.to_string())
                    }
                });
            }
            Stage::Building(building) => building,
            Stage::AtRest => None,
        };
        Err(PastError::Building {
            view: self.view(),
            position: building
                .map(|building| building.position)
                .unwrap_or_default(),
            of: self.position,
            seconds_left: building.and_then(|building| building.status(self.position).seconds_left),
        })
    }

    async fn ended(&self) {
        let mut stage = self.stage.subscribe();
        // The sender is this entry's own.
        let _ = stage
            .wait_for(|stage| !matches!(stage, Stage::Building(_)))
            .await;
    }

    /// Builds it when its turn comes, and lets it be read.
    pub(super) async fn build(self: Arc<Self>, shadows: Shadows, turns: Arc<Semaphore>) {
        let turn = tokio::select! {
            // Whoever stops it is heard first.
            biased;
            () = self.stop.cancelled() => None,
            turn = turns.acquire_owned() => turn.ok(),
        };
        let outcome = match turn {
            None => Err(RebuildError::Closed.into()),
            Some(_turn) => {
                let built = Arc::clone(&self).try_build(shadows);
                // In a task of its own, so that who waits hears of it if that breaks off.
                let built = tokio::spawn(built).await;
                built.unwrap_or_else(|error| Err(StoreError::from(io::Error::other(error)).into()))
            }
        };
        self.measure();
        self.stage.send_replace(match outcome {
            Ok(built) => Stage::Built(built),
            Err(error) => {
                tracing::warn!(view = self.view(), position = %self.position, %error, "not built");
                Stage::Failed(Arc::new(error))
            }
        });
    }

    async fn try_build(self: Arc<Self>, shadows: Shadows) -> Result<Built, ShadowError> {
        let file = self.open(shadows.log()).await?;
        let begun = Building::begun(file.position());
        self.stage.send_replace(Stage::Building(Some(begun)));
        let (steps, mut told) = mpsc::channel(STEPS_WAITING);
        let (handle, stop) = (&self.of.handle, self.stop.clone());
        let advanced = shadows.advance(file, handle, self.position, Some(steps), stop);
        let listening = async {
            while let Some(step) = told.recv().await {
                self.hear(&step);
            }
        };
        let (advanced, ()) = tokio::join!(advanced, listening);
        let file = match advanced {
            Err(error @ ShadowError::Mismatch(_)) => {
                self.discard().map_err(StoreError::from)?;
                return Err(error);
            }
            advanced => advanced?,
        };
        Ok(self.finish(file).await?)
    }

    fn hear(&self, step: &RebuildStep) {
        self.stage.send_modify(|stage| {
            let Stage::Building(Some(building)) = stage else {
                return;
            };
            if let RebuildStep::Folded { position, .. } | RebuildStep::Phase { position, .. } = step
            {
                building.position = *position;
            }
            if let RebuildStep::Phase { phase, .. } = step {
                building.phase = *phase;
            }
        });
    }

    /// The file as it was left, if it is what it should be; an empty one otherwise.
    async fn open(&self, log: &Log) -> Result<ViewFile, StoreError> {
        if let Ok(mut file) = self.of.view_dir.sound(&self.folder, log).await? {
            let sound = if file.is_built() {
                // Nobody has looked at its rows since it was built, by an earlier process.
                file.position() == self.position && is_proven(&mut file, log).await?
            } else {
                file.position() <= self.position
            };
            if sound {
                return Ok(file);
            }
            file.close().await;
        }
        self.discard()?;
        self.of.view_dir.open_file(&self.folder).await
    }

    /// From now on nobody writes to the file, and SQLite need not look for changes or locks.
    async fn finish(&self, mut file: ViewFile) -> Result<Built, StoreError> {
        file.flush().await?;
        file.catch_up_index().await?;
        let index = file.index();
        let (database, content) = (file.database(), file.certificate().content.clone());
        let seal = Arc::new(Seal::new(database.clone()));
        build_lock::remove(&self.path())?;
        file.close().await;
        seal.put();
        let options = SqliteConnectOptions::new()
            .filename(database)
            .read_only(true)
            .immutable(true);
        let readers = view_file::readers(self.of.readers).idle_timeout(IDLE_MAX);
        let readers = readers.connect_lazy_with(options);
        Ok(Built {
            seal,
            readers,
            index,
            rows: content.rows(),
            content: content.short(),
        })
    }

    /// Removes its file, which nobody reads, builds or waits for.
    pub(super) async fn remove(&self) -> io::Result<()> {
        self.close().await;
        self.discard()
    }

    /// Stops what is done for it, for good.
    pub(super) async fn let_go(&self) {
        self.stop.cancel();
        self.ended().await;
        self.close().await;
    }

    /// Queries under way are answered; others are not.
    async fn close(&self) {
        if let Stage::Built(built) = self.stage.send_replace(Stage::AtRest) {
            built.readers.close().await;
        }
    }

    fn discard(&self) -> io::Result<()> {
        self.of.view_dir.discard(&self.folder)
    }

    fn path(&self) -> std::path::PathBuf {
        self.of.view_dir.path(&self.folder)
    }

    fn measure(&self) {
        self.bytes.store(bytes(&self.path()), Ordering::Relaxed);
    }
}

/// Whether tree and rows are what they should be.
async fn is_proven(file: &mut ViewFile, log: &Log) -> Result<bool, StoreError> {
    if let Some(mismatch) = file.integrity().await? {
        tracing::error!(folder = file.folder, %mismatch, "not used, and built anew");
        return Ok(false);
    }
    let mismatch = file.prove(log).await?;
    if let Some(mismatch) = &mismatch {
        tracing::error!(folder = file.folder, %mismatch, "not used, and built anew");
    }
    Ok(mismatch.is_none())
}

/// How large all files of a folder are; nothing where there is none.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| match file.metadata() {
        Ok(found) if found.is_dir() => Some(bytes(&file.path())),
        Ok(found) => Some(found.len()),
        Err(_) => None,
    });
    sizes.sum()
}
