//! The folders of one view: which is live, which came before it, and which is being built.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::{Log, answered};
use serde::{Deserialize, Serialize};

use crate::{
    files::{
        build_lock,
        error::StoreError,
        limits::FileLimits,
        mismatch::Mismatch,
        proof::{self, damage_of},
        view_file::{self, ViewFile},
    },
    folding::view::AnyView,
};

mod erased;

/// The file that names the live folder. It is replaced as a whole, so that at any moment it names
/// either the old folder or the new one.
const CURRENT: &str = "current";

/// The folder of a view in which its past is kept.
pub const AS_OF: &str = "as-of";

/// A database that is no larger is read from end to end before it serves, unless it is as it was
/// left: within a second or two.
const LOOKED_THROUGH_BYTES: u64 = 128 * 1024 * 1024;

/// All folders of one view, `<views>/<name>/<version>-<fingerprint>[.<rebuild>]/`.
pub struct ViewDir {
    dir: PathBuf,
    view: Arc<dyn AnyView>,
    limits: FileLimits,
}

/// What was found of a view at the start.
#[derive(Debug, Default)]
pub struct Found {
    /// The file to serve.
    pub file: Option<ViewFile>,
    /// It was not the live one when the process started: it may be behind.
    pub is_new: bool,
    /// Why the one that was live is not used.
    pub mismatch: Option<Mismatch>,
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum NoPrevious {
    #[error("there is no earlier file to go back to")]
    None,
    #[error("{0} was built by another release: run that one, and it goes on with this file")]
    OfAnotherRelease(String),
    #[error("the earlier file is not what it should be: {0}")]
    Mismatch(Mismatch),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What [`CURRENT`] says.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    live: String,
    previous: Option<String>,
}

impl ViewDir {
    pub fn open(views: &Path, view: Arc<dyn AnyView>, limits: FileLimits) -> io::Result<Self> {
        let view_dir = Self::at(views, view, limits);
        make_folder(&view_dir.dir)?;
        Ok(view_dir)
    }

    /// The same, to be looked at: it may not be there.
    pub fn at(views: &Path, view: Arc<dyn AnyView>, limits: FileLimits) -> Self {
        let dir = views.join(view.name());
        Self { dir, view, limits }
    }

    /// Where the past of a view is kept, which may not be there.
    pub fn of_the_past(views: &Path, view: Arc<dyn AnyView>, limits: FileLimits) -> Self {
        let dir = views.join(view.name()).join(AS_OF);
        Self { dir, view, limits }
    }

    pub fn path(&self, folder: &str) -> PathBuf {
        self.dir.join(folder)
    }

    /// The live file, where there is one of today's fingerprint that holds what this log says.
    /// Where there is none, the one before it is live again, or one that was built beside by
    /// another process, if that is sound.
    pub async fn live(&self, log: &Log) -> Result<Found, StoreError> {
        let Current { live, previous } = self.current();
        let mut found = Found::default();
        let built = self.folders()?.into_iter().rev();
        for folder in [Some(live.clone()), previous]
            .into_iter()
            .flatten()
            .chain(built)
        {
            if self.number(&folder).is_none() || !self.dir.join(&folder).is_dir() {
                continue;
            }
            match self.sound(&folder, log).await? {
                Ok(file) if file.is_built() => {
                    if folder == live {
                        self.sweep()?;
                    } else {
                        self.make_live(&folder)?;
                    }
                    found.is_new = folder != live;
                    found.file = Some(file);
                    return Ok(found);
                }
                // It is taken up again where it was left.
                Ok(_) => {}
                Err(mismatch) => {
                    if folder == live {
                        found.mismatch = Some(mismatch);
                    }
                    self.discard(&folder)?;
                }
            }
        }
        Ok(found)
    }

    /// A file to prepare beside the live one, which belongs to another process: none, where that is
    /// of today's fingerprint already.
    pub async fn beside(&self, log: &Log) -> Result<Option<ViewFile>, StoreError> {
        let Current { live, previous } = self.current();
        if self.number(&live).is_some() {
            return Ok(None);
        }
        // The way back: an earlier release finds its own file.
        let previous = previous.filter(|folder| self.number(folder).is_some());
        if let Some(folder) = previous.filter(|folder| self.dir.join(folder).is_dir())
            && let Ok(file) = self.sound(&folder, log).await?
        {
            return Ok(Some(file));
        }
        self.unfinished(log).await.map(Some)
    }

    /// The file that was live before this one.
    pub async fn previous(&self, log: &Log) -> Result<ViewFile, NoPrevious> {
        let folder = self.current().previous.ok_or(NoPrevious::None)?;
        if !self.dir.join(&folder).is_dir() {
            return Err(NoPrevious::None);
        }
        if self.number(&folder).is_none() {
            return Err(NoPrevious::OfAnotherRelease(folder));
        }
        match self.sound(&folder, log).await? {
            Ok(file) => Ok(file),
            Err(mismatch) => Err(NoPrevious::Mismatch(mismatch)),
        }
    }

    /// The folder that was live before this one, of whatever release.
    pub fn folder_before(&self) -> Option<PathBuf> {
        let before = self.dir.join(self.current().previous?);
        before.is_dir().then_some(before)
    }

    /// A file to build into: one that was begun and not finished, or a new one.
    pub async fn unfinished(&self, log: &Log) -> Result<ViewFile, StoreError> {
        if let Some(file) = self.resumed(log).await? {
            return Ok(file);
        }
        self.fresh().await
    }

    /// A file that was begun, and not finished when the process ended.
    pub async fn resumed(&self, log: &Log) -> Result<Option<ViewFile>, StoreError> {
        while let Some(begun) = self.begun()? {
            match self.sound(&begun, log).await? {
                Ok(file) => return Ok(Some(file)),
                Err(_) => self.discard(&begun)?,
            }
        }
        Ok(None)
    }

    /// An empty file beside all others; one that was begun and not finished is given up.
    pub async fn fresh(&self) -> Result<ViewFile, StoreError> {
        while let Some(begun) = self.begun()? {
            self.discard(&begun)?;
        }
        let folder = self.next()?;
        self.open_file(&folder).await
    }

    /// Puts a file that came from elsewhere and is proven beside all others.
    pub async fn adopt(&self, arrived: &Path) -> Result<ViewFile, StoreError> {
        let folder = self.next()?;
        fs::rename(arrived, self.dir.join(&folder))?;
        self.open_file(&folder).await
    }

    /// The file in this folder, made where there is none.
    pub async fn open_file(&self, folder: &str) -> Result<ViewFile, StoreError> {
        let view = Arc::clone(&self.view);
        answered(ViewFile::open(&self.dir, folder, view, self.limits)).await
    }

    /// Makes this folder the live one, and removes all but the one that was live before.
    pub fn make_live(&self, folder: &str) -> io::Result<()> {
        let before = self.current().live;
        let previous = self.dir.join(&before).is_dir() && !before.is_empty() && before != folder;
        let current = Current {
            live: folder.to_owned(),
            previous: previous.then_some(before),
        };
        self.point_to(&current)?;
        build_lock::remove(&self.dir.join(folder))?;
        self.sweep()?;
        Ok(())
    }

    /// Removes every folder but the live one, the one before it, and what is still being built:
    /// by this process, after a crash, or by one of another release.
    fn sweep(&self) -> io::Result<()> {
        let Current { live, previous } = self.current();
        for folder in self.folders()? {
            let path = self.dir.join(&folder);
            let taken_up_again = self.number(&folder).is_some() && build_lock::is_on(&path);
            let kept = folder == live || Some(&folder) == previous.as_ref();
            if !kept && !taken_up_again && !build_lock::is_being_built(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    fn point_to(&self, current: &Current) -> io::Result<()> {
        let beside = self.dir.join("current.new");
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string(current)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.dir.join(CURRENT))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Removes the live folder: nothing is live now.
    pub fn discard_live(&self) -> io::Result<()> {
        let live = self.current().live;
        if live.is_empty() {
            Ok(())
        } else {
            self.discard(&live)
        }
    }

    /// Removes a folder that is of no use, if it is there. If it was live, nothing is now.
    pub fn discard(&self, folder: &str) -> io::Result<()> {
        if self.current().live == folder {
            fs::remove_file(self.dir.join(CURRENT))?;
        }
        match fs::remove_dir_all(self.dir.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The file in this folder, or how it is not what it should be.
    pub async fn sound(
        &self,
        folder: &str,
        log: &Log,
    ) -> Result<Result<ViewFile, Mismatch>, StoreError> {
        let mismatch = match self.open_file(folder).await {
            Ok(mut file) => match self.look(&mut file, log).await? {
                None => return Ok(Ok(file)),
                Some(mismatch) => {
                    file.close().await;
                    mismatch
                }
            },
            Err(error) => Mismatch::Damaged {
                reason: damage_of(error)?,
            },
        };
        tracing::error!(view = self.view.name(), folder, %mismatch, "not used, and built anew");
        Ok(Err(mismatch))
    }

    /// How a file is not what it should be. One that was not left as it is now is read from end to
    /// end before it serves, unless that takes long: then it is read while it serves.
    async fn look(&self, file: &mut ViewFile, log: &Log) -> Result<Option<Mismatch>, StoreError> {
        if let Some(mismatch) = proof::of_tree(file.certificate(), log).await? {
            return Ok(Some(mismatch));
        }
        if let Some(mismatch) = file.lacks_streams() {
            return Ok(Some(mismatch));
        }
        let bytes = fs::metadata(file.database()).map_or(0, |found| found.len());
        if !file.is_built() || file.is_as_left() || bytes > LOOKED_THROUGH_BYTES {
            return Ok(None);
        }
        self.look_through(file, log).await
    }

    /// Reads a file from end to end: how it is not what it should be.
    pub async fn look_through(
        &self,
        file: &mut ViewFile,
        log: &Log,
    ) -> Result<Option<Mismatch>, StoreError> {
        answered(file.commit()).await?;
        let looked = match answered(file.integrity()).await {
            Ok(None) => file.prove(log).await.map_err(StoreError::from),
            looked => looked.map_err(StoreError::from),
        };
        looked.or_else(|error| {
            let reason = damage_of(error)?;
            Ok(Some(Mismatch::Damaged { reason }))
        })
    }

    /// A folder of today's fingerprint that never became live.
    fn begun(&self) -> io::Result<Option<String>> {
        let Current { live, previous } = self.current();
        let mut folders = self.folders()?.into_iter();
        Ok(folders.find(|folder| {
            let taken = *folder == live || Some(folder) == previous.as_ref();
            !taken && self.number(folder).is_some()
        }))
    }

    /// The database that is live, of whatever version.
    pub fn live_database(&self) -> Option<PathBuf> {
        let live = self.current().live;
        let database = self.dir.join(&live).join(view_file::FILE);
        (!live.is_empty() && database.exists()).then_some(database)
    }

    /// The database that is live and of another version: a new file takes its place.
    pub fn other_version(&self) -> Option<PathBuf> {
        let of_another = self.number(&self.current().live).is_none();
        self.live_database().filter(|_| of_another)
    }

    fn current(&self) -> Current {
        // A pointer that cannot be read points nowhere: the view is built anew.
        let text = fs::read(self.dir.join(CURRENT)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// All folders, oldest build first; that of the past is none of them.
    pub fn folders(&self) -> io::Result<Vec<String>> {
        let mut folders = Vec::new();
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if is_no_folder(&error) => return Ok(folders),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name() != AS_OF {
                folders.extend(entry.file_name().into_string());
            }
        }
        folders.sort_by_key(|folder| self.number(folder));
        Ok(folders)
    }

    pub fn stem(&self) -> String {
        format!("{}-{}", self.view.version(), self.view.fingerprint())
    }

    /// Which build of today's fingerprint a folder is; none where it is of another fingerprint.
    fn number(&self, folder: &str) -> Option<u32> {
        match folder.strip_prefix(&self.stem())?.strip_prefix('.') {
            Some(number) => number.parse().ok(),
            None => (folder == self.stem()).then_some(1),
        }
    }

    fn next(&self) -> io::Result<String> {
        let folders = self.folders()?;
        Ok(
            match folders
                .iter()
                .filter_map(|folder| self.number(folder))
                .max()
            {
                Some(number) => format!("{}.{}", self.stem(), number + 1),
                None => self.stem(),
            },
        )
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Makes a folder; a file in its place is none of ours.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        tracing::warn!(path = %path.display(), "a file stands where a folder of views belongs");
        fs::remove_file(path)?;
    }
    fs::create_dir_all(path)
}
