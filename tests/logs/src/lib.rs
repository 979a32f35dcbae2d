//! Logs to throw away, on either backend, for tests and benches.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot make its log has to stop"
)]

mod disk;
mod pooler;

use std::sync::Arc;

use meguri_log::{
    Append, Cause, Clock, Kek, Location, Log, LogOptions, NewEvent, Position, SystemClock,
};
use tempfile::TempDir;

pub use disk::SmallDisk;
pub use pooler::Pooler;

/// Where a log may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Two files in a folder of their own.
    Sqlite,
    /// Two databases of the throwaway cluster that the tests of a run share.
    Postgres,
}

/// A place for one log, which can be opened any number of times, also at once; removed when
/// dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    location: Location,
}

impl Home {
    /// An empty place.
    ///
    /// # Panics
    /// Where there is no room for it, or PostgreSQL is not installed: such tests fail, they are
    /// never skipped.
    pub fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let location = match backend {
            Backend::Sqlite => Location::Sqlite {
                log: folder.path().join("log.db"),
                vault: folder.path().join("vault.db"),
            },
            Backend::Postgres => {
                let cluster = meguri_postgres_cluster::shared().expect("PostgreSQL");
                let database = || cluster.create_database().expect("a database");
                Location::Postgres {
                    log: database(),
                    vault: database(),
                }
            }
        };
        Self { folder, location }
    }

    /// A copy, as somebody makes one with `cp` and `createdb --template`: these files of the
    /// folder, and the databases. On PostgreSQL nobody may have them open.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn copied(&self, takes: impl Fn(&str) -> bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = std::fs::read_dir(self.folder()).expect("the folder is read");
        for file in files {
            let file = file.expect("the folder is read");
            let name = file.file_name();
            if file.path().is_file() && takes(&name.to_string_lossy()) {
                std::fs::copy(file.path(), folder.path().join(name)).expect("a file is copied");
            }
        }
        let location = match &self.location {
            Location::Sqlite { .. } => Location::Sqlite {
                log: folder.path().join("log.db"),
                vault: folder.path().join("vault.db"),
            },
            Location::Postgres { log, vault } => {
                let cluster = meguri_postgres_cluster::shared().expect("PostgreSQL");
                let copy = |of| cluster.copy_database(of).expect("a copy of a database");
                Location::Postgres {
                    log: copy(log),
                    vault: copy(vault),
                }
            }
        };
        Self { folder, location }
    }

    /// The folder of the key, and of the files on SQLite.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// How to open the log with this clock.
    pub fn options(&self, clock: Arc<dyn Clock>) -> LogOptions {
        let kek = Kek::File(self.folder.path().join("vault.kek"));
        LogOptions {
            clock,
            ..LogOptions::new(self.location.clone(), kek)
        }
    }

    /// Opens the log with the machine's clock.
    ///
    /// # Panics
    /// Where it does not open.
    pub async fn open(&self) -> Log {
        self.open_with(Arc::new(SystemClock)).await
    }

    /// Opens the log with this clock.
    ///
    /// # Panics
    /// Where it does not open.
    pub async fn open_with(&self, clock: Arc<dyn Clock>) -> Log {
        Log::open(&self.options(clock))
            .await
            .expect("the log opens")
    }
}

/// Makes a test of each function `async fn name(backend: Backend)`, once for each backend.
#[macro_export]
macro_rules! on_both_backends {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        mod sqlite {
            $($(#[$meta])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Backend::Sqlite).await; })+
        }
        mod postgres {
            $($(#[$meta])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::Backend::Postgres).await; })+
        }
    };
}

/// Appends an event as it is told, which the catalog of events may not know or be able to read.
///
/// # Panics
/// Where the log does not take it.
pub async fn append_raw(
    log: &Log,
    stream: &str,
    event_type: &str,
    schema: u32,
    data: &str,
) -> Position {
    let event = NewEvent {
        id: uuid::Uuid::now_v7(),
        stream: stream.parse().expect("the name of a stream"),
        event_type: event_type.to_owned().into(),
        schema,
        data: data.to_owned(),
        sealed: Vec::new(),
    };
    let cause = Cause {
        actor: "system".to_owned(),
        ..Cause::default()
    };
    let append = Append {
        cause,
        events: vec![event],
        ..Append::default()
    };
    log.append(append).await.expect("an append").position
}
