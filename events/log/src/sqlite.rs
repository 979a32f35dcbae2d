//! The embedded backend: one SQLite file in WAL mode, every commit on disk before it is answered.

mod audit;
mod block;
mod commit;
mod erase;
mod frontiers;
mod publish;
mod query;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    follow::Recent,
    read::{Filter, StreamRange},
    recorded::{Entry, Recorded},
    store::{Batch, Blinds, Head, Heads, Outcomes, Store, StoreError, Turn, event_id},
    stream::{Position, StreamName},
    tree::Frontier,
};

/// Connections that read.
const READERS_MAX: u32 = 4;
/// How long a writer waits for another process to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the file is asked whether another process has written.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// One statement for each number of rows, and a few more.
const STATEMENTS_CACHED: usize = 160;

/// A log in a SQLite file.
pub(crate) struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    path: PathBuf,
}

impl SqliteStore {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS_CACHED);
        let pool = |size| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .test_before_acquire(false)
        };
        let writer = pool(1)
            .connect_with(options.clone())
            .await
            .map_err(reading)?;
        sqlx::migrate!("migrations/sqlite")
            .run(&writer)
            .await
            .map_err(|error| StoreError::Unreachable(error.to_string()))?;
        let readers = options.pragma("query_only", "on");
        let readers = pool(READERS_MAX)
            .connect_with(readers)
            .await
            .map_err(reading)?;
        Ok(Self {
            readers,
            writer,
            path: path.into(),
        })
    }

    /// A transaction that may write: taken at once, so that it never fails half-way for another
    /// writer.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer
            .begin_with("begin immediate")
            .await
            .map_err(reading)
    }
}

/// While nothing can have been written yet, every failure is one of reaching the file.
fn reading(error: sqlx::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

#[async_trait]
impl Store for SqliteStore {
    async fn head(&self) -> Result<Head, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        query::head(&mut reader).await
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        query::stream_heads(&mut reader, streams).await
    }

    async fn outcomes(&self, keys: &[[u8; 32]], now: Timestamp) -> Result<Outcomes, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        query::outcomes(&mut reader, keys, now).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        block::stream(&mut reader, stream, range).await
    }

    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        block::all(&mut reader, after, up_to, filter, limit).await
    }

    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        frontiers::entries(&mut reader, after, up_to).await
    }

    async fn read_blinds(&self, positions: &[Position]) -> Result<Blinds, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        query::blinds(&mut reader, positions).await
    }

    async fn kept_frontier(
        &self,
        up_to: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        frontiers::kept(&mut reader, up_to).await
    }

    async fn keep_frontiers(&self, frontiers: &[Frontier]) -> Result<(), StoreError> {
        let mut writer = self.writer.acquire().await.map_err(reading)?;
        frontiers::keep(&mut writer, frontiers).await
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        if !commit::move_head(&mut transaction, known, batch.head).await? {
            // Nothing was written, so there is nothing to take back that dropping would not.
            return Ok(false);
        }
        commit::write(transaction, batch).await?;
        Ok(true)
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        let mut transaction = self.begin().await?;
        let head = query::head(&mut transaction).await?;
        Ok(Box::new(SqliteTurn { transaction, head }))
    }

    async fn sealed_like(
        &self,
        needle: &str,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<(Position, String)>, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(reading)?;
        erase::sealed_like(&mut reader, needle, after, up_to).await
    }

    async fn empty_sealed(&self, positions: &[Position]) -> Result<u64, StoreError> {
        let mut writer = self.writer.acquire().await.map_err(reading)?;
        erase::empty_sealed(&mut writer, positions).await
    }

    async fn empty_event(&self, position: Position) -> Result<bool, StoreError> {
        let mut writer = self.writer.acquire().await.map_err(reading)?;
        erase::empty_event(&mut writer, position).await
    }

    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("delete from request_keys where expires_at < $1")
            .bind(now.micros())
            .execute(&self.writer)
            .await
            .map_err(reading)?;
        Ok(())
    }

    async fn watch_head(&self, recent: Arc<Recent>) {
        let mut poll = tokio::time::interval(POLL_EVERY);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut connection, mut seen) = (None, 0_i64);
        loop {
            poll.tick().await;
            let Some(reader) = &mut connection else {
                // The number only means something on one and the same connection.
                connection = self
                    .readers
                    .acquire()
                    .await
                    .ok()
                    .map(PoolConnection::detach);
                continue;
            };
            let version = sqlx::query_scalar("pragma data_version")
                .fetch_one(&mut *reader)
                .await;
            match version {
                Ok(version) if version == seen => {}
                Ok(version) => {
                    seen = version;
                    if let Ok(now) = query::head(reader).await {
                        recent.told(now.position);
                    }
                }
                Err(_) => connection = None,
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
    transaction: Transaction<'static, Sqlite>,
    head: Head,
}

#[async_trait]
impl Turn for SqliteTurn {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        query::stream_heads(&mut self.transaction, streams).await
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        query::changed_since(&mut self.transaction, position).await
    }

    async fn outcomes(
        &mut self,
        keys: &[[u8; 32]],
        now: Timestamp,
    ) -> Result<Outcomes, StoreError> {
        query::outcomes(&mut self.transaction, keys, now).await
    }

    async fn event_id(&mut self, position: Position) -> Result<Option<Uuid>, StoreError> {
        let up_to = position;
        let after = Position::new(position.get().saturating_sub(1));
        let events = block::all(&mut self.transaction, after, up_to, &Filter::default(), 1).await?;
        event_id(&events)
    }

    async fn commit(mut self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        if !commit::move_head(&mut self.transaction, self.head, batch.head).await? {
            return Err(StoreError::Damaged(
                "the head moved while its turn was held".into(),
            ));
        }
        commit::write(self.transaction, batch).await
    }

    async fn release(self: Box<Self>) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(reading)
    }
}
