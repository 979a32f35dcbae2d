//! One process owns the folder of the views: the lock file says so.

use std::{
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::Arc,
};

use crate::files::error::OpenViewsError;

/// The file whose lock says that a process owns the folder of the views.
const LOCK: &str = "lock";

/// Makes the folder. Views hold what people typed in clear, so that it is for the user of the
/// process alone.
pub fn make(dir: &Path) -> std::io::Result<()> {
    if dir.is_file() {
        // What belongs there grows back.
        tracing::warn!(dir = %dir.display(), "a file stands where the folder of views belongs");
        std::fs::remove_file(dir)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes the folder this process's own.
pub fn take(dir: &Path) -> Result<File, OpenViewsError> {
    make(dir)?;
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
pub async fn held(lock: Arc<File>, task: impl Future<Output = ()>) {
    task.await;
    drop(lock);
}
