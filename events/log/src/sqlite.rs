//! The embedded backend: one SQLite file in WAL mode, every commit on disk before it is answered.

mod audit;
mod block;
mod commit;
mod erase;
mod frontiers;
pub(crate) mod inspect;
mod publish;
mod query;
pub(crate) mod read_only;

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use meguri_supervision::beat_within;
use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    connections::{Connections, Lease, Patience, on},
    follow::Recent,
    options::OpenError,
    read::{Filter, StreamRange},
    recorded::{Entry, Recorded},
    release::{APPLIED, not_migrated, require_current, require_tables},
    store::{Batch, Blinds, Entries, Head, Heads, Outcomes, Store, StoreError, Turn, id_and_time},
    stream::{Position, StreamName},
    tree::Frontier,
};

/// Connections that read; one of them watches.
const READERS_MAX: u32 = 5;
/// How long one waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// How long a writer waits for another process to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the file is asked whether another process has written.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// How long one look at the head takes at the very most.
const WATCH_MAX: Duration = Duration::from_mins(2);
/// What makes the tables, and brings those of an earlier release up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
const TABLES: &str = "select name from sqlite_schema where type = 'table'";
/// One statement for each number of rows, and a few more.
const STATEMENTS_CACHED: usize = 160;

/// A log in a SQLite file.
pub(crate) struct SqliteStore {
    readers: Connections<SqliteConnection>,
    writer: Connections<SqliteConnection>,
    path: PathBuf,
    /// The file that was opened there, where it is written to.
    file: Option<OpenedFile>,
    is_read_only: bool,
    /// Where another file is read in the place of this one.
    _copy: Option<Arc<read_only::Copy>>,
}

impl SqliteStore {
    pub(crate) async fn open(path: &Path, answer: Duration) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS_CACHED);
        let first = SqlitePool::connect_with(options.clone())
            .await
            .map_err(reading)?;
        MIGRATIONS.run(&first).await.map_err(not_migrated)?;
        let there = sqlx::query_scalar(TABLES).fetch_all(&first).await;
        let there: Vec<String> = there.map_err(reading)?;
        require_tables(&there.into_iter().collect(), &MIGRATIONS)?;
        let writer = connections(1, options.clone(), answer);
        // It stays until another one has the file open, so that the journal is not taken away
        // between the two.
        writer.lease().await.map_err(StoreError::from)?.give_back();
        first.close().await;
        Ok(Self {
            readers: connections(READERS_MAX, options.pragma("query_only", "on"), answer),
            writer,
            file: OpenedFile::at(path),
            path: path.into(),
            is_read_only: false,
            _copy: None,
        })
    }

    /// Opens a log that is there, to read it and to leave nothing behind.
    pub(crate) async fn open_read_only(path: &Path, answer: Duration) -> Result<Self, OpenError> {
        let options = read_only::options(path);
        let (options, copy) =
            options.map_err(|error| StoreError::Unreachable(error.to_string()))?;
        let readers = connections(READERS_MAX, options.clone(), answer);
        let applied: Result<Vec<i64>, StoreError> = on!(readers, |reader| async {
            let applied = sqlx::query_scalar(APPLIED).fetch_all(reader).await;
            applied.map_err(reading)
        });
        require_current(applied, &MIGRATIONS)?;
        Ok(Self {
            readers,
            writer: connections(1, options, answer),
            path: path.into(),
            file: None,
            is_read_only: true,
            _copy: copy,
        })
    }
}

/// Connections to the file of these options: to the one that the first of them opens, or makes.
/// When its folder is moved under a running process, a copy or an empty file may stand in its
/// place: that is refused, or half of what is acknowledged would be in the one and half in the
/// other.
///
/// A file has no host that may vanish, but its disk may hang: each question has this much time.
pub(crate) fn connections(
    most: u32,
    options: SqliteConnectOptions,
    answer: Duration,
) -> Connections<SqliteConnection> {
    let opened = Arc::new(OnceLock::new());
    let patience = Patience {
        connect: CONNECT_WITHIN,
        answer: Some(answer),
    };
    Connections::new(most, patience, move || {
        let (options, opened) = (options.clone(), Arc::clone(&opened));
        async move {
            let path = options.get_filename().to_owned();
            let options = match opened.get() {
                Some(known) => {
                    require_same(&path, *known)?;
                    options.create_if_missing(false)
                }
                None => options,
            };
            let connection = options.connect().await?;
            // What is in memory alone has no file.
            if let Some(file) = file_at(&path)? {
                require_same(&path, *opened.get_or_init(|| file))?;
            }
            Ok(connection)
        }
    })
}

/// A file that was opened, to be found again in its place.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    path: PathBuf,
    known: (u64, u64),
}

impl OpenedFile {
    /// The one at this path; none where there is none.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let known = file_at(path).ok()??;
        let path = path.to_owned();
        Some(Self { path, known })
    }

    /// Refuses where another one, or none, is there now.
    pub(crate) fn require_in_place(&self) -> io::Result<()> {
        require_same(&self.path, self.known)
    }
}

/// Which file is at this path: its device and number there.
fn file_at(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn require_same(path: &Path, known: (u64, u64)) -> io::Result<()> {
    if file_at(path)? == Some(known) {
        return Ok(());
    }
    let path = path.display();
    let moved =
        format!("{path} is not the file that was opened: was its folder moved? start again");
    Err(io::Error::other(moved))
}

/// Runs a statement that begins or ends a transaction. They are run as what they are, so that
/// nothing but SQLite itself keeps book of whether one is open.
async fn control(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(connection).await?;
    Ok(())
}

/// Begins a transaction that may write: taken at once, so that it never fails half-way for another
/// writer.
async fn begin(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    control(connection, "begin immediate")
        .await
        .map_err(reading)
}

/// While nothing can have been written yet, every failure is one of reaching the file.
fn reading(error: sqlx::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

#[async_trait]
impl Store for SqliteStore {
    async fn head(&self) -> Result<Head, StoreError> {
        on!(self.readers, |reader| query::head(reader))
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        on!(self.readers, |reader| query::stream_heads(reader, streams))
    }

    async fn heads_and_end(&self, streams: &[StreamName]) -> Result<(Heads, Head), StoreError> {
        on!(self.readers, |reader| query::heads_and_end(reader, streams))
    }

    async fn outcomes(&self, keys: &[[u8; 32]], now: Timestamp) -> Result<Outcomes, StoreError> {
        on!(self.readers, |reader| query::outcomes(reader, keys, now))
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        on!(self.readers, |reader| block::stream(reader, stream, range))
    }

    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        on!(self.readers, |reader| block::all(
            reader, after, up_to, filter, limit
        ))
    }

    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError> {
        on!(self.readers, |reader| frontiers::entries(
            reader, after, up_to
        ))
    }

    async fn read_blinds(&self, positions: &[Position]) -> Result<Blinds, StoreError> {
        on!(self.readers, |reader| query::blinds(reader, positions))
    }

    async fn kept_frontier(
        &self,
        up_to: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        on!(self.readers, |reader| frontiers::kept(reader, up_to))
    }

    async fn keep_frontiers(&self, frontiers: &[Frontier]) -> Result<(), StoreError> {
        if self.is_read_only {
            return Ok(());
        }
        on!(self.writer, |writer| frontiers::keep(writer, frontiers))
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        on!(self.writer, |writer| async {
            begin(writer).await?;
            if !commit::move_head(writer, known, batch.head).await? {
                control(writer, "rollback").await.map_err(reading)?;
                return Ok(false);
            }
            commit::write(writer, batch).await?;
            Ok(true)
        })
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        let mut lease = self.writer.lease().await?;
        let head = on!(lease, |writer| async {
            begin(writer).await?;
            query::head(writer).await
        })?;
        Ok(Box::new(SqliteTurn { lease, head }))
    }

    async fn sealed_like(
        &self,
        needle: &str,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<(Position, String)>, StoreError> {
        on!(self.readers, |reader| erase::sealed_like(
            reader, needle, after, up_to
        ))
    }

    async fn empty_sealed(&self, positions: &[Position]) -> Result<u64, StoreError> {
        on!(self.writer, |writer| erase::empty_sealed(writer, positions))
    }

    async fn empty_event(&self, position: Position) -> Result<bool, StoreError> {
        on!(self.writer, |writer| erase::empty_event(writer, position))
    }

    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError> {
        on!(self.writer, |writer| async {
            let forget = sqlx::query("delete from request_keys where expires_at < $1");
            let forgotten = forget.bind(now.micros()).execute(writer).await;
            forgotten.map(|_| ()).map_err(reading)
        })
    }

    async fn watch_head(&self, recent: Arc<Recent>) {
        let mut poll = tokio::time::interval(POLL_EVERY);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut watching, mut seen) = (None, 0_i64);
        loop {
            poll.tick().await;
            beat_within(WATCH_MAX);
            let Some(lease) = &mut watching else {
                // The number only means something on one and the same connection.
                watching = self.readers.lease().await.ok();
                continue;
            };
            let looked: Result<_, StoreError> = on!(lease, |reader| async {
                let version = sqlx::query_scalar("pragma data_version");
                let version: i64 = version.fetch_one(&mut *reader).await.map_err(reading)?;
                if version == seen {
                    return Ok((version, None));
                }
                Ok((version, Some(query::head(reader).await?)))
            });
            match looked {
                Ok((version, head)) => {
                    seen = version;
                    if let Some(head) = head {
                        recent.told(head.position);
                    }
                }
                Err(_) => watching = None,
            }
        }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A transaction that holds SQLite's one write lock.
struct SqliteTurn {
    lease: Lease<SqliteConnection>,
    head: Head,
}

#[async_trait]
impl Turn for SqliteTurn {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        on!(self.lease, |writer| query::stream_heads(writer, streams))
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        on!(self.lease, |writer| query::changed_since(writer, position))
    }

    async fn outcomes(
        &mut self,
        keys: &[[u8; 32]],
        now: Timestamp,
    ) -> Result<Outcomes, StoreError> {
        on!(self.lease, |writer| query::outcomes(writer, keys, now))
    }

    async fn event_at(
        &mut self,
        position: Position,
    ) -> Result<Option<(Uuid, Timestamp)>, StoreError> {
        let Some(before) = position.before() else {
            return Ok(None);
        };
        let everything = Filter::default();
        let events = on!(self.lease, |writer| {
            block::all(writer, before, position, &everything, 1)
        });
        id_and_time(&events?)
    }

    async fn entries_at(&mut self, positions: &[Position]) -> Result<Entries, StoreError> {
        on!(self.lease, |writer| query::entries_at(writer, positions))
    }

    async fn commit(mut self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let known = self.head;
        on!(self.lease, |writer| async {
            if !commit::move_head(writer, known, batch.head).await? {
                let reason = "the head moved while its turn was held";
                return Err(StoreError::Damaged(reason.into()));
            }
            commit::write(writer, batch).await
        })?;
        self.lease.give_back();
        Ok(())
    }

    async fn try_to_write(mut self: Box<Self>) -> Result<(), StoreError> {
        // The connection is closed after it, and takes with it what was only tried.
        on!(self.lease, |writer| commit::try_to_write(writer))
    }

    async fn release(mut self: Box<Self>) -> Result<(), StoreError> {
        on!(self.lease, |writer| async {
            control(writer, "rollback").await.map_err(reading)
        })?;
        self.lease.give_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_neither_made_anew_nor_taken_for_its_copy() {
        let folder = tempfile::tempdir().unwrap();
        let [path, moved] = ["vault.db", "moved.db"].map(|name| folder.path().join(name));
        let options = SqliteConnectOptions::new().filename(&path);
        let all = connections(3, options.create_if_missing(true), Duration::from_secs(30));
        let first = all.lease().await.unwrap();
        fs::rename(&path, &moved).unwrap();
        assert!(all.lease().await.is_err(), "there is no file");
        assert!(!path.exists(), "and none is made");
        fs::copy(&moved, &path).unwrap();
        assert!(all.lease().await.is_err(), "a copy is another file");
        fs::rename(&moved, &path).unwrap();
        let second = all.lease().await.unwrap();
        drop((first, second));
    }
}
