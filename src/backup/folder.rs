//! A folder with a folder for each backup. One that is being made has another name than one that is
//! whole, so that half a backup is never taken for one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::BackupError;
use super::manifest::MANIFEST;

/// What the name of a backup that is being made ends with.
const PART: &str = ".part";
/// Name of the file that whoever makes a backup holds.
const LOCK: &str = ".lock";

/// A folder of backups.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

/// The right to make backups in a folder and to remove old ones.
#[derive(Debug)]
pub(crate) struct Held {
    folder: Folder,
    _lock: File,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all whole backups, the oldest first; none where there is no folder.
    pub(crate) fn whole(&self) -> Result<Vec<String>, BackupError> {
        let names = self.names();
        let names = names.map_err(|source| BackupError::file(&self.0, source))?;
        let mut names: Vec<_> = names
            .into_iter()
            .filter(|name| !name.ends_with(PART))
            .filter(|name| self.path_of(name).join(MANIFEST).is_file())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Copies a file of a backup. Answers whether it was there.
    pub(crate) fn fetch(&self, name: &str, file: &str, to: &Path) -> Result<bool, BackupError> {
        let from = self.path_of(name).join(file);
        match fs::copy(&from, to) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BackupError::file(&from, error)),
        }
    }

    /// Removes a backup. Its manifest goes first: without it there is none, wherever this is cut
    /// off.
    pub(crate) fn remove(&self, name: &str) -> Result<(), BackupError> {
        let path = self.path_of(name);
        let removed = fs::remove_file(path.join(MANIFEST));
        let removed = removed.and_then(|()| fs::remove_dir_all(&path));
        removed.map_err(|source| BackupError::file(&path, source))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(names)
    }

    /// Takes the folder, making it where it is missing, and removes what was begun in it and never
    /// became whole.
    pub(crate) fn hold(&self) -> Result<Held, BackupError> {
        let failed = |source| BackupError::file(&self.0, source);
        fs::create_dir_all(&self.0).map_err(failed)?;
        let lock = File::create(self.0.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::InUse(self.0.clone())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for name in self.names().map_err(failed)? {
            if name.ends_with(PART) {
                fs::remove_dir_all(self.0.join(name)).map_err(failed)?;
            }
        }
        Ok(Held {
            folder: self.clone(),
            _lock: lock,
        })
    }
}

impl Held {
    /// Begins a backup: an empty folder.
    pub(crate) fn begin(&self, name: &str) -> Result<PathBuf, BackupError> {
        let part = self.folder.path_of(&format!("{name}{PART}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&part)
            .map_err(|source| BackupError::file(&part, source))?;
        Ok(part)
    }

    /// Makes a backup that was begun a whole one, durably.
    pub(crate) fn finish(&self, name: &str) -> Result<(), BackupError> {
        let part = self.folder.path_of(&format!("{name}{PART}"));
        let whole = self.folder.path_of(name);
        let finished = File::open(&part)
            .and_then(|folder| folder.sync_all())
            .and_then(|()| fs::rename(&part, &whole))
            .and_then(|()| File::open(&self.folder.0)?.sync_all());
        finished.map_err(|source| BackupError::file(&whole, source))
    }

    /// Removes a backup that was begun.
    pub(crate) fn give_up(&self, name: &str) {
        let part = self.folder.path_of(&format!("{name}{PART}"));
        if let Err(error) = fs::remove_dir_all(&part) {
            // The next backup removes it.
            tracing::warn!(%error, "a backup that failed is left in {}", part.display());
        }
    }
}

/// Writes a new file, durably.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| BackupError::file(path, source))
}
