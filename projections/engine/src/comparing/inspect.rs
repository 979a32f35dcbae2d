//! Looking into a view that is read: does it hold what the log says?

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use tokio::sync::{MutexGuard, oneshot};

use crate::{
    comparing::trace::{Trace, TracedRow},
    files::{
        compare::RowDiff,
        error::{ProofError, StoreError},
        index::TextIndex,
        inspected_file::{InspectedFile, Looked},
        mismatch::Mismatch,
        proof,
        view_dir::ViewDir,
        view_file::{FILE, ViewFile},
    },
    folding::{row::TableError, table::RowWatcher},
    reading::ReadViewError,
    running::{
        error::{RebuildError, ShadowError},
        shadow::{SHADOW, remove},
        view_handle::ViewHandle,
        worker_command::{RebuildStep, Steps, WorkerCommand},
    },
    views::Views,
};

/// What was found of a view that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Where the view stood.
    pub position: Position,
    /// How many rows it had.
    pub rows: u64,
    /// The digest of its rows, in short.
    pub content: String,
    /// How it is not what it should be; none where it is.
    pub mismatch: Option<Mismatch>,
}

/// Why a view was not looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such view, or it cannot be asked any more.
    #[error(transparent)]
    View(#[from] RebuildError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadViewError),
    /// Nothing was proven. Try again.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Somebody looks into it already. Try again when that is done.
    #[error("the view {0} is being looked into already")]
    Busy(&'static str),
    /// There is nothing to compare with.
    #[error("the view {0} has no earlier file to compare with")]
    NoPrevious(&'static str),
    /// The file is not one that can be compared.
    #[error("{} cannot be compared: {reason}", .file.display())]
    Incomparable {
        /// Where it is.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The view could not be built to compare with.
    #[error(transparent)]
    Build(#[from] ShadowError),
    /// The file did not stay as it was while it was looked into. Try again.
    #[error("the file of the view {0} was written from elsewhere meanwhile")]
    Moved(&'static str),
    /// The folder beside the live one cannot be used.
    #[error("the folder of the view cannot be used: {0}")]
    Folder(#[from] io::Error),
}

impl From<TableError> for InspectError {
    fn from(error: TableError) -> Self {
        Self::Proof(error.into())
    }
}

impl From<sqlx::Error> for InspectError {
    fn from(error: sqlx::Error) -> Self {
        TableError::from(error).into()
    }
}

impl From<StoreError> for InspectError {
    fn from(error: StoreError) -> Self {
        ShadowError::from(error).into()
    }
}

impl Views {
    /// Compares what a view has consumed with the log's own root, and every row with what was
    /// written, as of one moment; members go on reading. A view that is not what it should be is
    /// served no more, and is built anew.
    ///
    /// # Errors
    /// [`InspectError`] where nothing could be compared.
    pub async fn prove(&self, view: &str) -> Result<Proven, InspectError> {
        let handle = self.inspected(view)?;
        let readers = readers(handle)?;
        let mut inspected = InspectedFile::open(database(&readers)).await?;
        inspected.begin().await?;
        let Looked {
            position,
            content,
            mut mismatch,
        } = inspected.look(&*handle.view, self.log()).await?;
        if let Some(index) = handle.index().filter(|_| mismatch.is_none()) {
            let looked = index.look(&readers, self.log()).await;
            mismatch = looked.map_err(StoreError::from)?;
        }
        if let Some(mismatch) = &mismatch {
            self.withdraw(handle, &readers, mismatch.clone()).await?;
        }
        Ok(Proven {
            position,
            rows: content.rows(),
            content: content.short(),
            mismatch,
        })
    }

    fn inspected(&self, view: &str) -> Result<&Arc<ViewHandle>, RebuildError> {
        let unknown = || RebuildError::UnknownView(view.to_owned());
        self.handle(view).ok_or_else(unknown)
    }

    /// Has the file of these readers served no more, if it still is, and the view built anew.
    async fn withdraw(
        &self,
        handle: &ViewHandle,
        of: &SqlitePool,
        mismatch: Mismatch,
    ) -> Result<(), RebuildError> {
        // They are closed with the file; what is built in its place has the same name.
        let is_live = readers(handle).is_ok_and(|live| database(&live) == database(of));
        if is_live && !of.is_closed() {
            let (done, withdrawn) = oneshot::channel();
            let ask = WorkerCommand::Withdraw(mismatch, done);
            self.ask(handle.name(), ask).await?;
            withdrawn.await.map_err(|_| RebuildError::Closed)?;
        }
        Ok(())
    }
}

/// Who reads the file that is read now.
fn readers(handle: &ViewHandle) -> Result<SqlitePool, ReadViewError> {
    handle
        .readers()
        .ok_or(ReadViewError::NotReady(handle.name()))
}

/// Where their file is.
fn database(readers: &SqlitePool) -> PathBuf {
    readers.connect_options().get_filename().to_owned()
}

/// One look into a view, for which it is built beside. There is one at a time.
pub struct Inspection<'a> {
    pub views: &'a Views,
    pub handle: &'a Arc<ViewHandle>,
    /// Who reads the file that is looked into.
    readers: SqlitePool,
    /// What is found of its rows.
    index: Option<Arc<TextIndex>>,
    steps: Option<Steps>,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Inspection<'a> {
    pub fn begin(views: &'a Views, view: &str, steps: Option<Steps>) -> Result<Self, InspectError> {
        let handle = views.inspected(view)?;
        let alone = handle.looked_into.try_lock();
        let alone = alone.map_err(|_| InspectError::Busy(handle.name()))?;
        Ok(Self {
            views,
            handle,
            readers: readers(handle)?,
            index: handle.index(),
            steps,
            _alone: alone,
        })
    }

    /// Where the file is that is looked into.
    pub fn live(&self) -> PathBuf {
        database(&self.readers)
    }

    /// Where the file is that was read before it, of whatever release.
    pub fn previous(&self) -> Result<PathBuf, InspectError> {
        let folders = ViewDir::open(
            self.views.dir(),
            Arc::clone(&self.handle.view),
            self.views.limits(),
        )?;
        let before = folders.folder_before();
        let none = InspectError::NoPrevious(self.handle.name());
        Ok(before.ok_or(none)?.join(FILE))
    }

    /// Where any file of this view stands, if it can be compared with what the log makes; and
    /// whether it has consumed other events than the log's.
    pub async fn standing(
        &self,
        inspected: &mut InspectedFile,
    ) -> Result<(Position, Option<Mismatch>), InspectError> {
        let incomparable = |inspected: &InspectedFile, reason| InspectError::Incomparable {
            file: inspected.database.clone(),
            reason,
        };
        let (of, certificate) = match inspected.certificate().await {
            Ok(known) => known,
            Err(error) => {
                let reason = proof::damage(&error).ok_or(error)?;
                return Err(incomparable(inspected, reason));
            }
        };
        if of != self.handle.name() {
            return Err(incomparable(inspected, format!("it is of the view {of}")));
        }
        match proof::of_tree(&certificate, self.views.log()).await {
            Ok(Some(beyond @ Mismatch::Beyond { .. })) => {
                Err(incomparable(inspected, beyond.to_string()))
            }
            Ok(mismatch) => Ok((certificate.position(), mismatch)),
            Err(error) => Err(ProofError::from(error).into()),
        }
    }

    /// Tells who asked what is being done.
    pub fn step(&self, step: RebuildStep) {
        if let Some(steps) = &self.steps {
            // Who does not listen closely misses a step, and nothing waits.
            let _ = steps.try_send(step);
        }
    }

    /// What a file holds at its moment, which begins, against its certificate and the log; and
    /// whether its tables and indexes agree.
    pub async fn look(&self, inspected: &mut InspectedFile) -> Result<Looked, InspectError> {
        inspected.begin().await?;
        let mut looked = inspected.look(&*self.handle.view, self.views.log()).await?;
        if looked.mismatch.is_none() {
            looked.mismatch = inspected.integrity().await?;
        }
        Ok(looked)
    }

    /// How what is found of the rows is not what they say, where the view is searched.
    pub async fn look_into_index(&self) -> Result<Option<Mismatch>, InspectError> {
        let Some(index) = &self.index else {
            return Ok(None);
        };
        let looked = index.look(&self.readers, self.views.log()).await;
        Ok(looked.map_err(StoreError::from)?)
    }

    /// Builds the view up to the moment of a file: the one that has begun, or one that begins
    /// when that is nearly done, for a moment that lasts long keeps what is written in the journal.
    pub async fn build_up_to(&self, inspected: &mut InspectedFile) -> Result<Beside, InspectError> {
        let begun = inspected.position().await?;
        let beside = self.build(begun).await?;
        inspected.begin().await?;
        let position = inspected.position().await?;
        if position < begun {
            return Err(InspectError::Moved(self.handle.name()));
        }
        let file = self
            .views
            .advance_shadow(beside.file, self.handle, position, self.steps.clone())
            .await?;
        Ok(Beside { file, ..beside })
    }

    /// Builds the view beside, up to a position.
    pub async fn build(&self, until: Position) -> Result<Beside, InspectError> {
        let (name, steps) = (self.handle.name(), self.steps.clone());
        let dir = self.views.dir().join(SHADOW);
        let folder = Folder::empty(dir.join(name))?;
        let file = self.views.shadow(name, &dir, name, until, steps).await?;
        Ok(Beside {
            file,
            _folder: folder,
        })
    }

    /// Asks the events, by building once more, which of them have touched these rows.
    pub async fn trace(
        &self,
        until: Position,
        rows: Vec<RowDiff>,
    ) -> Result<Vec<TracedRow>, InspectError> {
        self.step(RebuildStep::Tracing {
            rows: rows.len() as u64,
        });
        let trace = Arc::new(Trace::of(&rows));
        let view = self
            .handle
            .view
            .watched_by(Arc::clone(&trace) as Arc<dyn RowWatcher>);
        let dir = self.views.dir().join(SHADOW);
        let name = format!("{}.traced", self.handle.name());
        let _folder = Folder::empty(dir.join(&name))?;
        let limits = self.views.limits().without_index();
        let file = ViewFile::open(&dir, &name, view, limits).await?;
        let steps = self.steps.clone();
        let file = self
            .views
            .advance_shadow(file, self.handle, until, steps)
            .await?;
        file.close().await;
        Ok(trace.told(rows))
    }

    /// Has the file served no more, if it still is, and the view built anew.
    pub async fn withdraw(&self, mismatch: &Mismatch) -> Result<(), InspectError> {
        let mismatch = mismatch.clone();
        Ok(self
            .views
            .withdraw(self.handle, &self.readers, mismatch)
            .await?)
    }
}

/// A view that was built beside, and is removed when it is not needed any more.
pub struct Beside {
    pub file: ViewFile,
    _folder: Folder,
}

/// A folder that goes away with this value.
struct Folder(PathBuf);

impl Folder {
    fn empty(path: PathBuf) -> io::Result<Self> {
        remove(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "it is still there");
        }
    }
}

impl Views {
    /// Builds a view from the log up to a position, in this folder, and proves it; one that was
    /// begun there before is gone on with. The log must have come so far.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub async fn shadow(
        &self,
        view: &str,
        dir: &Path,
        folder: &str,
        until: Position,
        steps: Option<Steps>,
    ) -> Result<ViewFile, ShadowError> {
        let handle = self
            .handle(view)
            .ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        let limits = self.limits().without_index();
        let file = ViewFile::open(dir, folder, Arc::clone(&handle.view), limits).await?;
        self.advance_shadow(file, handle, until, steps).await
    }

    /// Brings such a file further, up to a position.
    ///
    /// # Errors
    /// [`ShadowError`].
    pub async fn advance_shadow(
        &self,
        file: ViewFile,
        handle: &Arc<ViewHandle>,
        until: Position,
        steps: Option<Steps>,
    ) -> Result<ViewFile, ShadowError> {
        let stop = self.stopping();
        self.shadows()
            .advance(file, handle, until, steps, stop)
            .await
    }
}
