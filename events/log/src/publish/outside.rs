//! The file that keeps the last checkpoint apart from the database, replaced as a whole.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The last checkpoint outside of the database.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    path: PathBuf,
}

impl Outside {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The note, if there is one yet.
    pub(super) async fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match tokio::fs::read(&self.path).await {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the note, so that after a crash there is the old one or the new one.
    pub(super) async fn write(&self, note: String) -> io::Result<()> {
        let path = self.path.clone();
        // Done to its end even where nobody waits for it any more.
        let written = tokio::task::spawn_blocking(move || replace(&path, note.as_bytes()));
        written.await.map_err(io::Error::other)?
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
