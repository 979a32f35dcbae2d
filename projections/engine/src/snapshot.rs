//! Copies of a view to take elsewhere: made while it is read, and proven before they serve.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::files::imported_file::new_file;
use crate::{
    files::{
        certificate::Certificate, error::StoreError, imported_file::ImportedFile,
        mismatch::Mismatch,
    },
    reading::ReadViewError,
    running::{
        error::RebuildError,
        status::BuildPhase,
        worker_command::{RebuildStep, Steps, WorkerCommand},
    },
    views::Views,
};

/// A view as a file to take elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewCopy {
    /// The view.
    pub view: String,
    /// What its rows depend on beside the events, in short.
    pub fingerprint: String,
    /// Every event up to here is in it.
    pub position: Position,
    /// How many rows it has.
    pub rows: u64,
    /// The digest of its rows, in short.
    pub content: String,
    /// How large the file is.
    pub bytes: u64,
}

/// Why there is no copy of a view.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such view.
    #[error(transparent)]
    View(#[from] RebuildError),
    /// It cannot be read yet.
    #[error(transparent)]
    NotReady(#[from] ReadViewError),
    /// A file that is there is never written over. Choose another name.
    #[error("{} is there already, and is not written over", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written there.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// SQLite refuses to write the copy, or to read it again.
    #[error("the copy cannot be made: {0}")]
    Copy(#[from] StoreError),
}

/// Why a file does not become a view. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read, or not be copied to the others.
    #[error("cannot take {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is not the file of a view: {reason}", path.display())]
    NotAView {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// It is of a view that does not run here.
    #[error("it is of the view {0:?}, which there is not here")]
    UnknownView(String),
    /// It was built by a release that folds otherwise. Let a process of the same release export it.
    #[error("another release built this {view}: its fingerprint is {found}, here it is {ours}")]
    OfAnotherRelease {
        /// The view.
        view: String,
        /// What the file says.
        found: String,
        /// What it would have to be.
        ours: String,
    },
    /// It may hold what was erased or redacted since. Export it anew.
    #[error("it stands at position {position}, before what was erased at position {erased}")]
    BeforeErasure {
        /// Where the file stands.
        position: Position,
        /// The last erasure or redaction that this view has acknowledged.
        erased: Position,
    },
    /// It does not hold what this log makes of the view.
    #[error("it is not what this log says: {0}")]
    Mismatch(#[from] Mismatch),
    /// Nothing was proven: its copy, or the log, cannot be read. Try again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view cannot be asked to take it.
    #[error(transparent)]
    View(#[from] RebuildError),
}

fn cannot_read(path: &Path, source: io::Error) -> ImportError {
    let path = path.to_owned();
    ImportError::Read { path, source }
}

impl ViewCopy {
    /// What a file says of itself. Nothing is proven by that.
    ///
    /// # Errors
    /// [`ImportError::Read`], or [`ImportError::NotAView`].
    pub async fn of_file(path: &Path) -> Result<Self, ImportError> {
        File::open(path).map_err(|source| cannot_read(path, source))?;
        look(path).await.map_err(|error| ImportError::NotAView {
            path: path.to_owned(),
            reason: in_short(&error),
        })
    }
}

impl Views {
    /// Writes a copy of what is read of a view, as of one moment, with its certificate, while
    /// members go on reading. The file is for its owner alone: it holds in clear what people typed,
    /// also of those who are erased later.
    ///
    /// # Errors
    /// [`ExportError`]; then there is no file.
    pub async fn export(&self, view: &str, path: &Path) -> Result<ViewCopy, ExportError> {
        let handle = self
            .handle(view)
            .ok_or_else(|| RebuildError::UnknownView(view.to_owned()))?;
        let readers = handle
            .readers()
            .ok_or(ReadViewError::NotReady(handle.name()))?;
        let failed = |source| ExportError::Write {
            path: path.to_owned(),
            source,
        };
        let whole = std::path::absolute(path).map_err(failed)?;
        let text = whole
            .to_str()
            .ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let file = match new_file(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(ExportError::Exists(path.to_owned()));
            }
            created => created.map_err(failed)?,
        };
        // Goes on where nobody waits for it any more, so that a part of a file never stays.
        let copying = tokio::spawn(complete(file, readers.connect_options(), text.to_owned()));
        let copied = copying.await.map_err(io::Error::from).map_err(failed)?;
        Ok(copied?)
    }

    /// Takes the file that [`Views::export`] wrote elsewhere: proves that it is of a view of this
    /// process, that it has consumed what this log holds, that its rows are those that were
    /// written; then brings it up to date and switches to it as after a rebuild. The file itself
    /// is copied and stays as it is.
    ///
    /// Rows that somebody changed together with their digest are not found out here but by
    /// comparing with a build from the log.
    ///
    /// # Errors
    /// [`ImportError`]; then nothing has changed. What happens afterwards is told in steps, of
    /// which the last is that it is live, or that it failed.
    pub async fn import(&self, path: &Path, steps: Option<Steps>) -> Result<ViewCopy, ImportError> {
        let snapshot = ViewCopy::of_file(path).await?;
        let handle = self
            .handle(&snapshot.view)
            .ok_or_else(|| ImportError::UnknownView(snapshot.view.clone()))?;
        if snapshot.fingerprint != handle.fingerprint {
            return Err(ImportError::OfAnotherRelease {
                view: snapshot.view,
                found: snapshot.fingerprint,
                ours: handle.fingerprint.clone(),
            });
        }
        let erased = handle.standing().borrow().erased;
        if snapshot.position < erased {
            return Err(ImportError::BeforeErasure {
                position: snapshot.position,
                erased,
            });
        }
        let dir = self.dir().join(handle.name());
        let copied = ImportedFile::copy(path, dir).await;
        let arrival = copied.map_err(|source| cannot_read(path, source))?;
        let (phase, position) = (BuildPhase::Verifying, snapshot.position);
        if let Some(steps) = &steps {
            // Who does not listen hinders nothing.
            let _ = steps.try_send(RebuildStep::Phase { phase, position });
        }
        let proven = arrival
            .prove(&handle.view, self.log(), self.limits())
            .await?;
        if let Some(mismatch) = proven {
            return Err(mismatch.into());
        }
        self.ask(&snapshot.view, WorkerCommand::Adopt(arrival, steps))
            .await?;
        Ok(snapshot)
    }
}

/// Fills a new file with a copy of a view; removes it where that fails.
async fn complete(
    file: File,
    from: Arc<SqliteConnectOptions>,
    into: String,
) -> Result<ViewCopy, StoreError> {
    let copied = match copy(&from, &into).await {
        Ok(snapshot) => file.sync_all().map(|()| snapshot).map_err(StoreError::from),
        Err(error) => Err(error),
    };
    if copied.is_err() {
        // If it stays, it is found out when it is imported.
        let _ = fs::remove_file(into);
    }
    copied
}

/// Copies a view as of one moment into a file that is still empty.
async fn copy(from: &SqliteConnectOptions, into: &str) -> Result<ViewCopy, StoreError> {
    // A connection of its own: members need those there are.
    let mut source = SqliteConnection::connect_with(from).await?;
    sqlx::query("vacuum into ?")
        .bind(into)
        .execute(&mut source)
        .await?;
    source.close().await?;
    look(Path::new(into)).await
}

/// What the file of a view says of itself.
async fn look(path: &Path) -> Result<ViewCopy, StoreError> {
    let bytes = fs::metadata(path)?.len();
    // Nothing is left beside it, not even for a moment.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true);
    let mut file = SqliteConnection::connect_with(&options).await?;
    let (certificate, built) = Certificate::read(&mut file).await?;
    let of = sqlx::query("select view, fingerprint from certificate")
        .fetch_one(&mut file)
        .await?;
    let (view, fingerprint) = (of.try_get(0)?, of.try_get(1)?);
    file.close().await?;
    if !built {
        return Err(StoreError::Damaged(
            "it was not built to its end".to_owned(),
        ));
    }
    Ok(ViewCopy {
        view,
        fingerprint,
        position: certificate.position(),
        rows: certificate.content.rows(),
        content: certificate.content.short(),
        bytes,
    })
}

/// What SQLite says, without what we say around it.
fn in_short(error: &StoreError) -> String {
    if let StoreError::Database(sqlx::Error::Database(said)) = error {
        return said.message().to_owned();
    }
    error.to_string()
}
