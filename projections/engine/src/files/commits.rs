//! Hearing of commits before they happen. A simulation takes an image of the folder then, which is
//! what a machine that dies at that moment leaves, or has the commit fail as a bad disk does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sqlx::SqliteConnection;

/// Hears of a commit, on a thread of SQLite's, and says whether it may happen.
pub type BeforeCommit = Arc<dyn Fn() -> bool + Send + Sync>;

static HEARING: Mutex<BTreeMap<PathBuf, BeforeCommit>> = Mutex::new(BTreeMap::new());

/// From now on this hears of every commit to a file that is opened in this folder or below.
pub fn hear_commits(folder: PathBuf, before: BeforeCommit) {
    hearing().insert(folder, before);
}

/// Files that are opened in this folder from now on are nobody's concern any more.
pub fn forget_commits(folder: &Path) {
    hearing().remove(folder);
}

fn hearing() -> MutexGuard<'static, BTreeMap<PathBuf, BeforeCommit>> {
    HEARING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets who hears of this file's commits hear of those of this connection.
pub async fn announce(file: &Path, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let before = {
        let hearing = hearing();
        let mut hearing = hearing.iter();
        let found = hearing.find(|(folder, _)| file.starts_with(folder));
        found.map(|(_, before)| Arc::clone(before))
    };
    if let Some(before) = before {
        let mut handle = connection.lock_handle().await?;
        handle.set_commit_hook(move || before());
    }
    Ok(())
}
