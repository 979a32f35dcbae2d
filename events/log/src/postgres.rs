//! The backend for several processes: PostgreSQL 15 or newer, one round trip a batch.

mod audit;
mod block;
mod commit;
mod erase;
mod frontiers;
mod publish;
mod query;
pub(crate) mod session;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{
    PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    connections::{ConnectionError, Connections, Lease, on},
    follow::Recent,
    options::OpenError,
    read::{Filter, StreamRange},
    recorded::{Entry, Recorded},
    release::{APPLIED, not_migrated, require_current, require_tables},
    store::{Batch, Blinds, Entries, Head, Heads, Outcomes, Store, StoreError, Turn, id_and_time},
    stream::{Position, StreamName},
    tree::Frontier,
};

/// What makes the tables, and brings those of an earlier release up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");
const TABLES: &str =
    "select relname::text from pg_class where relkind = 'r' and pg_table_is_visible(oid)";
/// Connections that read.
const READERS_MAX: u32 = 6;
/// A migration may take as long as so many answers.
const MIGRATION_ANSWERS: u32 = 20;
/// How long the listener rests before it connects again.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);
/// How long the listener waits for a notification before it looks whether its connection works, and
/// how long for that.
const LISTEN_FOR: Duration = Duration::from_secs(10);
/// The channel on which heads are told.
const CHANNEL: &str = "meguri_log_head";

/// A log in a PostgreSQL database.
pub(crate) struct PostgresStore {
    readers: Connections<PgConnection>,
    /// The one connection that commits, so that it never waits for those that read.
    writer: Connections<PgConnection>,
    /// That of who publishes, for as long as it does.
    publisher: Connections<PgConnection>,
    /// Hints of other processes come through it. It is bounded by [`LISTEN_FOR`].
    listening: PgPool,
    /// Host, port and name of the database.
    address: String,
}

impl PostgresStore {
    /// Opens a log that is there, to read it: an older release's is not brought up to date. Its
    /// database answers each question within this time, or is taken for gone.
    pub(crate) async fn open_read_only(url: &str, answer: Duration) -> Result<Self, StoreError> {
        let readers = session::connections(url, READERS_MAX, answer)?;
        session::refuse_shared_sessions(&readers).await?;
        let options = session::options(url)?;
        let (host, port) = (options.get_host(), options.get_port());
        let database = options.get_database().unwrap_or_default();
        let address = format!("{host}:{port}/{database}");
        let listening = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(session::CONNECT_WITHIN)
            .connect_lazy_with(options);
        Ok(Self {
            readers,
            writer: session::connections(url, 1, answer)?,
            publisher: session::connections(url, 1, answer)?,
            listening,
            address,
        })
    }

    /// Makes the tables of a new log, or brings those of an older release up to date.
    ///
    /// # Errors
    /// [`OpenError::NewerRelease`], [`OpenError::Damaged`] where one is gone, or that it cannot be
    /// reached.
    pub(crate) async fn migrate(&self, answer: Duration) -> Result<(), OpenError> {
        let migrating = MIGRATIONS.run(&self.listening);
        let migrated = timeout(answer * MIGRATION_ANSWERS, migrating).await;
        let migrated = migrated.map_err(|_| StoreError::from(ConnectionError::NoAnswer))?;
        migrated.map_err(not_migrated)?;
        let there: Result<Vec<String>, StoreError> = on!(self.readers, |reader| async {
            let there = sqlx::query_scalar(TABLES).fetch_all(reader).await;
            there.map_err(reading)
        });
        require_tables(&there?.into_iter().collect(), &MIGRATIONS)
    }

    /// Refuses a log of another release, where nothing is brought up to date.
    pub(crate) async fn require_current(&self) -> Result<(), OpenError> {
        let applied: Result<Vec<i64>, StoreError> = on!(self.readers, |reader| async {
            let applied = sqlx::query_scalar(APPLIED).fetch_all(reader).await;
            applied.map_err(reading)
        });
        require_current(applied, &MIGRATIONS)
    }

    /// Hears of heads until the connection fails, or does not answer any more.
    async fn listen(&self, recent: &Recent) -> Result<(), NotHeard> {
        let mut listener = PgListener::connect_with(&self.listening).await?;
        soon(listener.listen(CHANNEL)).await?;
        // What was said while nobody listened.
        recent.look_again(self).await?;
        loop {
            let Ok(told) = timeout(LISTEN_FOR, listener.recv()).await else {
                // Nothing was heard: is nothing said, or does nobody listen?
                soon(sqlx::query("select 1").execute(&mut listener)).await?;
                continue;
            };
            if let Ok(position) = told?.payload().parse() {
                recent.told(position);
            }
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
        on!(self.readers, |reader| query::head(reader, false))
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
        on!(self.readers, |reader| frontiers::keep(reader, frontiers))
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        let written: Result<_, Unwritten> =
            on!(self.writer, |writer| commit::write(writer, known, batch));
        Ok(written?)
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        let mut lease = self.readers.lease().await?;
        // INVARIANT: the second statement waits for the lock, and what follows it in a READ
        // COMMITTED transaction sees everything that was committed before the lock was given.
        let head = on!(lease, |connection| async {
            control(connection, "begin").await.map_err(reading)?;
            query::head(connection, true).await
        })?;
        Ok(Box::new(PostgresTurn { lease, head }))
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
        on!(self.readers, |reader| erase::empty_sealed(
            reader, positions
        ))
    }

    async fn empty_event(&self, position: Position) -> Result<bool, StoreError> {
        on!(self.readers, |reader| erase::empty_event(reader, position))
    }

    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError> {
        on!(self.readers, |connection| async {
            let forget = sqlx::query("delete from request_keys where expires_at < $1");
            let forgotten = forget.bind(now.micros()).execute(connection).await;
            forgotten.map(|_| ()).map_err(reading)
        })
    }

    async fn watch_head(&self, recent: Arc<Recent>) {
        loop {
            if let Err(error) = self.listen(&recent).await {
                tracing::debug!(%error, "hears no other process for a moment");
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn close(&self) {
        // A listener whose server is gone would hold this up.
        let _ = timeout(session::CONNECT_WITHIN, self.listening.close()).await;
        self.publisher.close().await;
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// What is to be done soon, or is taken for lost with its connection.
async fn soon<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(LISTEN_FOR, asked)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Runs a statement that begins or ends a transaction. They are run as what they are, so that
/// nothing but the server itself keeps book of whether one is open.
async fn control(
    connection: &mut PgConnection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(statement).execute(connection).await?;
    Ok(())
}

/// Why nobody listens any more.
#[derive(Debug, thiserror::Error)]
enum NotHeard {
    #[error(transparent)]
    Connection(#[from] sqlx::Error),
    #[error(transparent)]
    Log(#[from] StoreError),
}

/// Why a batch was not written, or may not have been.
struct Unwritten(StoreError);

impl From<ConnectionError> for Unwritten {
    fn from(error: ConnectionError) -> Self {
        Self(match error {
            ConnectionError::NotMade(reason) => StoreError::Unreachable(reason),
            ConnectionError::NoAnswer => StoreError::Lost(error.to_string()),
        })
    }
}

impl From<Unwritten> for StoreError {
    fn from(error: Unwritten) -> Self {
        error.0
    }
}

/// A transaction that holds the lock of the head's row.
struct PostgresTurn {
    lease: Lease<PgConnection>,
    head: Head,
}

#[async_trait]
impl Turn for PostgresTurn {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        on!(self.lease, |connection| query::stream_heads(
            connection, streams
        ))
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        on!(self.lease, |connection| query::changed_since(
            connection, position
        ))
    }

    async fn outcomes(
        &mut self,
        keys: &[[u8; 32]],
        now: Timestamp,
    ) -> Result<Outcomes, StoreError> {
        on!(self.lease, |connection| query::outcomes(
            connection, keys, now
        ))
    }

    async fn event_at(
        &mut self,
        position: Position,
    ) -> Result<Option<(Uuid, Timestamp)>, StoreError> {
        let Some(before) = position.before() else {
            return Ok(None);
        };
        let everything = Filter::default();
        let events = on!(self.lease, |connection| block::all(
            connection,
            before,
            position,
            &everything,
            1
        ));
        id_and_time(&events?)
    }

    async fn entries_at(&mut self, positions: &[Position]) -> Result<Entries, StoreError> {
        on!(self.lease, |connection| query::entries_at(
            connection, positions
        ))
    }

    async fn commit(mut self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let known = self.head;
        let written: Result<(), Unwritten> = on!(self.lease, |connection| async {
            if !commit::write(connection, known, batch).await? {
                let reason = "the head moved while its turn was held";
                return Err(Unwritten(StoreError::Damaged(reason.into())));
            }
            let committed = control(connection, "commit").await;
            committed.map_err(|error| Unwritten(StoreError::Lost(error.to_string())))
        });
        written?;
        self.lease.give_back();
        Ok(())
    }

    async fn try_to_write(mut self: Box<Self>) -> Result<(), StoreError> {
        on!(self.lease, |connection| async {
            let same = sqlx::query("update log_head set position = position");
            same.execute(&mut *connection).await.map_err(reading)?;
            control(connection, "commit").await.map_err(reading)
        })?;
        self.lease.give_back();
        Ok(())
    }

    async fn release(mut self: Box<Self>) -> Result<(), StoreError> {
        on!(self.lease, |connection| async {
            control(connection, "rollback").await.map_err(reading)
        })?;
        self.lease.give_back();
        Ok(())
    }
}
