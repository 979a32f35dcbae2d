//! A SQLite file that is only read: nothing of it changes, and no file appears beside it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

/// A copy of a file for as long as somebody reads it.
#[derive(Debug)]
pub(crate) struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a copy of the log is left");
        }
    }
}

/// How to open a file to read it.
///
/// Beside a process that writes, its journal and the index of that are there already, and are used.
/// Where nobody does and the journal is empty, the file alone is read. A file with a journal that
/// nobody has open, such as one that was copied while it was written, is copied once more: reading
/// it would make the index of the journal beside it.
pub(crate) fn options(path: &Path) -> io::Result<(SqliteConnectOptions, Option<Arc<Copy>>)> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let options = SqliteConnectOptions::new()
        .create_if_missing(false)
        .pragma("query_only", "on");
    if beside("-shm").exists() {
        return Ok((options.filename(path).read_only(true), None));
    }
    let journal = beside("-wal");
    if journal.metadata().map_or(0, |it| it.len()) == 0 {
        let options = options.filename(path).read_only(true).immutable(true);
        return Ok((options, None));
    }
    let folder = std::env::temp_dir().join(format!("meguri-{}", Uuid::now_v7()));
    std::fs::DirBuilder::new().create(&folder)?;
    let copy = Copy(folder);
    let copied = copy.0.join("copy.db");
    std::fs::copy(path, &copied)?;
    std::fs::copy(&journal, copy.0.join("copy.db-wal"))?;
    Ok((options.filename(copied), Some(Arc::new(copy))))
}
