//! The file of a view that came from elsewhere, on its way to the others: copied, then proven.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use meguri_log::Log;

use crate::{
    files::{
        build_lock,
        error::StoreError,
        limits::FileLimits,
        mismatch::Mismatch,
        proof::damage_of,
        view_file::{FILE, ViewFile},
    },
    folding::view::AnyView,
};

/// A folder beside the others of a view, whose name nobody takes for one of theirs: it is removed
/// with this, and after a crash at the next start.
#[derive(Debug)]
pub struct ImportedFile {
    dir: PathBuf,
    folder: String,
    /// Held so that the folder is nobody else's to remove.
    _mark: File,
}

impl ImportedFile {
    /// Copies a file into a folder of its own among those of its view.
    pub async fn copy(from: &Path, dir: PathBuf) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let folder = format!("arrival-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = dir.join(&folder);
        match fs::remove_dir_all(&path) {
            // What a crash has left.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => fs::create_dir(&path)?,
        }
        let arrival = Self {
            _mark: build_lock::put(&path)?,
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

    /// How the copy is not what the log says, nor its own certificate, nor what the view is made
    /// of here. It is at rest afterwards.
    pub async fn prove(
        &self,
        view: &Arc<dyn AnyView>,
        log: &Log,
        limits: FileLimits,
    ) -> Result<Option<Mismatch>, StoreError> {
        let opened = ViewFile::open(&self.dir, &self.folder, Arc::clone(view), limits).await;
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => {
                let reason = damage_of(error)?;
                return Ok(Some(Mismatch::Damaged { reason }));
            }
        };
        let found = mismatch(&mut file, log).await;
        file.close().await;
        found
    }

    /// The folder, from where it may be moved.
    pub fn path(&self) -> PathBuf {
        self.dir.join(&self.folder)
    }
}

impl Drop for ImportedFile {
    fn drop(&mut self) {
        // Fails where it was moved, which is as it should be.
        let _ = fs::remove_dir_all(self.path());
    }
}

async fn mismatch(file: &mut ViewFile, log: &Log) -> Result<Option<Mismatch>, StoreError> {
    if let Some(mismatch) = file.lacks_streams() {
        return Ok(Some(mismatch));
    }
    if let Some(mismatch) = file.prove(log).await? {
        return Ok(Some(mismatch));
    }
    Ok(file.integrity().await?)
}

/// Makes a file for its owner alone, where there is none yet.
pub fn new_file(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
