//! What a witness has seen last of each log, on disk before anything is said about it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use meguri_proofs::{Checkpoint, Tree, VerifierKey};

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessMemoryError {
    /// Another process has the folder.
    #[error("another witness works with {}", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be made or locked.
    #[error("the folder {}: {source}", .path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The folder with a file for each log; one process at a time has it.
pub(super) struct Memory {
    folder: PathBuf,
    _lock: File,
}

impl Memory {
    pub(super) fn open(folder: &Path) -> Result<Self, WitnessMemoryError> {
        let unusable = |source| WitnessMemoryError::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::create(folder.join("lock")).map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => WitnessMemoryError::InUse(folder.to_owned()),
            TryLockError::Error(source) => unusable(source),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// A log under another key is another log.
    fn file(&self, log: &VerifierKey) -> PathBuf {
        self.folder.join(format!("{}.checkpoint", log.id()))
    }

    /// The last tree that was seen; the empty one, where none was.
    pub(super) fn seen(&self, log: &VerifierKey) -> io::Result<Tree> {
        let text = match fs::read_to_string(self.file(log)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Tree::EMPTY),
            Err(error) => return Err(error),
        };
        let checkpoint: Checkpoint = text.parse().map_err(io::Error::other)?;
        if checkpoint.origin() == log.name().as_str() {
            return Ok(*checkpoint.tree());
        }
        Err(io::Error::other(format!(
            "it is a checkpoint of {:?}, and not of {:?}",
            checkpoint.origin(),
            log.name().as_str()
        )))
    }

    /// Remembers a tree, durably: after a crash it is this one or the one before.
    pub(super) fn see(&self, log: &VerifierKey, checkpoint: &Checkpoint) -> io::Result<()> {
        let path = self.file(log);
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(checkpoint.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(&self.folder)?.sync_all()
    }
}
