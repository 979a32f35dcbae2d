//! The file of a view that came from elsewhere, on its way to the others: copied, then proven.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use meguri_log::Log;

use crate::{
    integrity, mark,
    proof::{self, Mismatch, ProofError},
    settings::FileLimits,
    shelf::damage,
    snapshot::{ImportError, new_file},
    store::{FILE, ViewFile},
    view::AnyView,
};

/// A folder beside the others of a view, whose name nobody takes for one of theirs: it is removed
/// with this, and after a crash at the next start.
#[derive(Debug)]
pub(crate) struct Arrival {
    dir: PathBuf,
    folder: String,
    /// Held so that the folder is nobody else's to remove.
    _mark: File,
}

impl Arrival {
    /// Copies a file into a folder of its own among those of its view.
    pub(crate) async fn copy(from: &Path, dir: PathBuf) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let folder = format!("arrival-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = dir.join(&folder);
        match fs::remove_dir_all(&path) {
            // What a crash has left.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => fs::create_dir(&path)?,
        }
        let arrival = Self {
            _mark: mark::put(&path)?,
            dir,
            folder,
        };
        let mut source = File::open(from)?;
        let copied = tokio::task::spawn_blocking(move || {
            let mut copy = new_file(&path.join(FILE))?;
            io::copy(&mut source, &mut copy)?;
            copy.sync_all()
        });
        copied.await??;
        Ok(arrival)
    }

    /// Compares the copy with the log, with its own certificate, and with what the view is made of
    /// here. It is at rest afterwards.
    pub(crate) async fn prove(
        &self,
        view: &Arc<dyn AnyView>,
        log: &Log,
        limits: FileLimits,
    ) -> Result<(), ImportError> {
        let opened = ViewFile::open(&self.dir, &self.folder, Arc::clone(view), limits).await;
        let mut file = opened.map_err(|error| match damage(error) {
            Ok(reason) => Mismatch::Damaged { reason }.into(),
            Err(error) => ImportError::Store(error),
        })?;
        let found = mismatch(&mut file, &**view, log).await;
        file.close().await;
        match found? {
            None => Ok(()),
            Some(mismatch) => Err(mismatch.into()),
        }
    }

    /// The folder, from where it may be moved.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(&self.folder)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // Fails where it was moved, which is as it should be.
        let _ = fs::remove_dir_all(self.path());
    }
}

async fn mismatch(
    file: &mut ViewFile,
    view: &dyn AnyView,
    log: &Log,
) -> Result<Option<Mismatch>, ProofError> {
    if let Some(mismatch) = file.lacks_streams() {
        return Ok(Some(mismatch));
    }
    if let Some(mismatch) = proof::of_file(file, log).await? {
        return Ok(Some(mismatch));
    }
    if let Some(mismatch) = integrity::of_file(&mut file.writer).await? {
        return Ok(Some(mismatch));
    }
    Ok(integrity::of_schema(&mut file.writer, view).await?)
}
