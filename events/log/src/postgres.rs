//! The backend for several processes: PostgreSQL 15 or newer, one round trip a batch.

mod audit;
mod block;
mod commit;
mod erase;
mod frontiers;
mod publish;
mod query;

use std::{str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::sync::Mutex;
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
const READERS_MAX: u32 = 6;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the writer waits for one statement before it takes the connection for lost.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the listener rests before it connects again.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);
/// The channel on which heads are told.
const CHANNEL: &str = "meguri_log_head";

/// A log in a PostgreSQL database.
pub(crate) struct PostgresStore {
    readers: PgPool,
    /// The writer's options; its connection is made anew after each failure.
    options: PgConnectOptions,
    writer: Mutex<Option<PgConnection>>,
}

impl PostgresStore {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(reading)?
            .application_name("meguri-log")
            .options([
                ("default_transaction_isolation", "read committed"),
                ("synchronous_commit", "on"),
                ("idle_in_transaction_session_timeout", "10s"),
                ("statement_timeout", "60s"),
                ("lock_timeout", "20s"),
                ("tcp_user_timeout", "10s"),
                ("tcp_keepalives_idle", "10"),
                ("plan_cache_mode", "force_generic_plan"),
            ]);
        let readers = PgPoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(CONNECT_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
            .map_err(reading)?;
        sqlx::migrate!("migrations/postgres")
            .run(&readers)
            .await
            .map_err(|error| StoreError::Unreachable(error.to_string()))?;
        Ok(Self {
            readers,
            options,
            writer: Mutex::default(),
        })
    }

    async fn reader(&self) -> Result<Reader, StoreError> {
        let connection = self.readers.acquire().await.map_err(reading)?;
        Ok(Reader(Some(connection)))
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let connecting = PgConnection::connect_with(&self.options);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(reading),
            Err(_) => Err(StoreError::Unreachable("PostgreSQL does not answer".into())),
        }
    }
}

/// A connection that goes back to the others only once its answer was read to the end.
///
/// A caller may be dropped in the middle of a statement: that connection can be out of step with
/// the server, so that the next one to use it would read an answer which is not its own. It is
/// closed instead.
struct Reader(Option<PoolConnection<Postgres>>);

impl Reader {
    fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = self.0.as_deref_mut();
        connection.ok_or_else(|| StoreError::Unreachable("the reader was given back".into()))
    }

    fn done<T>(mut self, found: Result<T, StoreError>) -> Result<T, StoreError> {
        if found.is_ok() {
            drop(self.0.take());
        }
        found
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// While nothing can have been written yet, every failure is one of reaching the database.
fn reading(error: sqlx::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

#[async_trait]
impl Store for PostgresStore {
    async fn head(&self) -> Result<Head, StoreError> {
        let mut reader = self.reader().await?;
        let found = query::head(reader.connection()?, false).await;
        reader.done(found)
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        let mut reader = self.reader().await?;
        let found = query::stream_heads(reader.connection()?, streams).await;
        reader.done(found)
    }

    async fn outcomes(&self, keys: &[[u8; 32]], now: Timestamp) -> Result<Outcomes, StoreError> {
        let mut reader = self.reader().await?;
        let found = query::outcomes(reader.connection()?, keys, now).await;
        reader.done(found)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut reader = self.reader().await?;
        let found = block::stream(reader.connection()?, stream, range).await;
        reader.done(found)
    }

    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut reader = self.reader().await?;
        let found = block::all(reader.connection()?, after, up_to, filter, limit).await;
        reader.done(found)
    }

    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut reader = self.reader().await?;
        let found = frontiers::entries(reader.connection()?, after, up_to).await;
        reader.done(found)
    }

    async fn read_blinds(&self, positions: &[Position]) -> Result<Blinds, StoreError> {
        let mut reader = self.reader().await?;
        let found = query::blinds(reader.connection()?, positions).await;
        reader.done(found)
    }

    async fn kept_frontier(
        &self,
        up_to: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        let mut reader = self.reader().await?;
        let found = frontiers::kept(reader.connection()?, up_to).await;
        reader.done(found)
    }

    async fn keep_frontiers(&self, frontiers: &[Frontier]) -> Result<(), StoreError> {
        let mut reader = self.reader().await?;
        let kept = frontiers::keep(reader.connection()?, frontiers).await;
        reader.done(kept)
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut connection = match writer.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let writing = commit::write(&mut connection, known, batch);
        let written = match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
            Ok(written) => written,
            Err(_) => Err(StoreError::Lost("PostgreSQL did not answer in time".into())),
        };
        // A connection that failed is not trusted again.
        if !matches!(written, Err(StoreError::Lost(_))) {
            *writer = Some(connection);
        }
        written
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        let mut transaction = self.readers.begin().await.map_err(reading)?;
        // INVARIANT: this statement waits for the lock, and what follows it in a READ COMMITTED
        // transaction sees everything that was committed before the lock was given.
        let head = query::head(&mut transaction, true).await?;
        Ok(Box::new(PostgresTurn { transaction, head }))
    }

    async fn sealed_like(
        &self,
        needle: &str,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<(Position, String)>, StoreError> {
        let mut reader = self.reader().await?;
        let found = erase::sealed_like(reader.connection()?, needle, after, up_to).await;
        reader.done(found)
    }

    async fn empty_sealed(&self, positions: &[Position]) -> Result<u64, StoreError> {
        let mut reader = self.reader().await?;
        let emptied = erase::empty_sealed(reader.connection()?, positions).await;
        reader.done(emptied)
    }

    async fn empty_event(&self, position: Position) -> Result<bool, StoreError> {
        let mut reader = self.reader().await?;
        let emptied = erase::empty_event(reader.connection()?, position).await;
        reader.done(emptied)
    }

    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("delete from request_keys where expires_at < $1")
            .bind(now.micros())
            .execute(&self.readers)
            .await
            .map_err(reading)?;
        Ok(())
    }

    async fn watch_head(&self, recent: Arc<Recent>) {
        loop {
            if let Ok(mut listener) = PgListener::connect_with(&self.readers).await
                && listener.listen(CHANNEL).await.is_ok()
            {
                while let Ok(told) = listener.recv().await {
                    if let Ok(position) = told.payload().parse() {
                        recent.told(position);
                    }
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn close(&self) {
        if let Some(connection) = self.writer.lock().await.take() {
            // The server notices a connection that just goes, too.
            let _ = connection.close().await;
        }
        self.readers.close().await;
    }
}

/// A transaction that holds the lock of the head's row.
struct PostgresTurn {
    transaction: Transaction<'static, Postgres>,
    head: Head,
}

#[async_trait]
impl Turn for PostgresTurn {
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
        let after = Position::new(position.get().saturating_sub(1));
        let everything = Filter::default();
        let events = block::all(&mut self.transaction, after, position, &everything, 1).await?;
        event_id(&events)
    }

    async fn commit(mut self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        if !commit::write(&mut self.transaction, self.head, batch).await? {
            return Err(StoreError::Damaged(
                "the head moved while its turn was held".into(),
            ));
        }
        self.transaction
            .commit()
            .await
            .map_err(|error| StoreError::Lost(error.to_string()))
    }

    async fn release(self: Box<Self>) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(reading)
    }
}
