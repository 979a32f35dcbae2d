//! A view as a file: rows and position in one SQLite database, written by one and read by many.

use std::path::Path;

use meguri_log::{Filter, Log, Position, ReadError};
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    decode::{Batch, Decoded},
    row::TableError,
    view::{AnyView, BlockError},
};

/// What every file has beside the tables of its view.
const CONSUMED: &str = include_str!("consumed.sql");

/// The name of the database in the folder of a view.
const FILE: &str = "view.db";

/// Statements that a writer keeps prepared: a handful of sizes for each table.
const STATEMENTS_KEPT: usize = 256;

/// One state of a view, built or being built: a folder with a database.
#[derive(Debug)]
pub(crate) struct ViewFile {
    /// The name of the folder.
    pub(crate) folder: String,
    writer: SqliteConnection,
    readers: SqlitePool,
    position: Position,
    entry: Vec<u8>,
}

/// An event that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poison {
    pub(crate) position: Position,
    pub(crate) reason: String,
}

/// Why a file cannot be opened or built.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder cannot be made, listed or removed.
    #[error("the folder of the view cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// SQLite refuses.
    #[error("the file of the view cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The log that the file is compared with cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
}

impl ViewFile {
    /// Opens the file in this folder; creates it where there is none.
    pub(crate) async fn open(
        dir: &Path,
        folder: &str,
        schema: &str,
        readers: u32,
    ) -> Result<Self, sqlx::Error> {
        let path = dir.join(folder);
        std::fs::create_dir_all(&path)?;
        let file = SqliteConnectOptions::new().filename(path.join(FILE));
        let mut writer = connect(file.clone()).await?;
        create_tables(&mut writer, schema).await?;
        let (position, entry) = consumed(&mut writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(readers)
            .test_before_acquire(false)
            .connect_lazy_with(file.read_only(true));
        Ok(Self {
            folder: folder.to_owned(),
            writer,
            readers,
            position,
            entry,
        })
    }

    /// Everything up to here is in the rows.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The connections that read this file.
    pub(crate) fn readers(&self) -> SqlitePool {
        self.readers.clone()
    }

    /// Whether the last event this file has consumed is one of this log, and not of another.
    pub(crate) async fn is_of(&self, log: &Log) -> Result<bool, ReadError> {
        let Some(before) = self.position.get().checked_sub(1) else {
            return Ok(true);
        };
        let block = log
            .read_all(Position::new(before), &Filter::default(), 1)
            .await?;
        Ok(block.events.first().is_some_and(|event| {
            event.position() == self.position && event.entry().as_slice() == self.entry
        }))
    }

    /// Folds what is new in a batch and writes it with the position, in one transaction. Events
    /// that were folded before are passed over, so that a batch may come twice. Answers the event
    /// before which it had to stop, if there is one; what comes before that is kept.
    ///
    /// # Errors
    /// [`TableError`]: nothing more was kept, or that is not known. [`ViewFile::reload`] tells;
    /// then the batch may come again.
    pub(crate) async fn advance(
        &mut self,
        view: &dyn AnyView,
        batch: &Batch,
    ) -> Result<Option<Poison>, TableError> {
        let (mut events, mut poison) = self.wanted(view, batch);
        loop {
            // The position stops short of the poison, so that the next attempt meets it first.
            let up_to = poison
                .as_ref()
                .map_or(batch.up_to, |poison| before(poison.position));
            if up_to <= self.position {
                return Ok(poison);
            }
            match self.commit(view, &events, up_to, batch).await {
                Ok(()) => return Ok(poison),
                Err(BlockError::Table(error)) => return Err(error),
                Err(BlockError::Poison(found)) => {
                    events.retain(|event| event.position < found.position);
                    poison = Some(found);
                }
            }
        }
    }

    /// Asks the file where it stands, after a failure that leaves that open.
    pub(crate) async fn reload(&mut self) -> Result<(), sqlx::Error> {
        (self.position, self.entry) = consumed(&mut self.writer).await?;
        Ok(())
    }

    /// Brings everything from the journal into the file itself, and the file onto the disk.
    pub(crate) async fn flush(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query("pragma wal_checkpoint(truncate)")
            .execute(&mut self.writer)
            .await?;
        Ok(())
    }

    /// Lets go of the file; its readers go on.
    pub(crate) async fn close(self) {
        // Whatever this says, all that was committed is in the file and its journal.
        let _ = self.writer.close().await;
    }

    /// The events to fold next, up to the first that matters to the view and cannot be decoded.
    fn wanted<'a>(
        &self,
        view: &dyn AnyView,
        batch: &'a Batch,
    ) -> (Vec<&'a Decoded>, Option<Poison>) {
        let mut events = Vec::new();
        for item in batch
            .items
            .iter()
            .filter(|item| item.position > self.position)
        {
            if item.known && !view.wants().contains(&item.event_type.as_str()) {
                continue;
            }
            match &item.outcome {
                Ok(event) => events.push(event),
                Err(why) => {
                    let reason =
                        format!("{} at position {}: {why}", item.event_type, item.position);
                    return (
                        events,
                        Some(Poison {
                            position: item.position,
                            reason,
                        }),
                    );
                }
            }
        }
        (events, None)
    }

    /// One transaction: rows and position, both or neither.
    async fn commit(
        &mut self,
        view: &dyn AnyView,
        events: &[&Decoded],
        up_to: Position,
        batch: &Batch,
    ) -> Result<(), BlockError> {
        let entry = batch
            .entry(up_to)
            .map(|entry| entry.to_vec())
            .unwrap_or_default();
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        view.fold_block(events, &mut transaction).await?;
        // INVARIANT: only from the position the fold began at; a second writer cannot slip in.
        let moved = sqlx::query("update consumed set position = ?, entry = ? where position = ?")
            .bind(sql(up_to))
            .bind(&entry)
            .bind(sql(self.position))
            .execute(&mut *transaction)
            .await?;
        if moved.rows_affected() != 1 {
            return Err(sqlx::Error::RowNotFound.into());
        }
        transaction.commit().await?;
        (self.position, self.entry) = (up_to, entry);
        Ok(())
    }
}

fn before(position: Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}

fn sql(position: Position) -> i64 {
    // Positions stay far below 2^63: each costs a stored event.
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// The connection that writes. `synchronous = normal` may lose the last transactions when the
/// power fails, never a part of one: what is lost is folded again.
async fn connect(file: SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let options = file
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .statement_cache_capacity(STATEMENTS_KEPT);
    SqliteConnection::connect_with(&options).await
}

async fn create_tables(writer: &mut SqliteConnection, schema: &str) -> Result<(), sqlx::Error> {
    let mut transaction = writer.begin_with("begin immediate").await?;
    let there = sqlx::query("select 1 from sqlite_schema where name = 'consumed'")
        .fetch_optional(&mut *transaction)
        .await?;
    if there.is_none() {
        let all = format!("{CONSUMED}\n{schema}");
        sqlx::raw_sql(AssertSqlSafe(all))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

async fn consumed(writer: &mut SqliteConnection) -> Result<(Position, Vec<u8>), sqlx::Error> {
    let row = sqlx::query("select position, entry from consumed")
        .fetch_one(writer)
        .await?;
    let position: i64 = row.try_get(0)?;
    Ok((
        Position::new(u64::try_from(position).unwrap_or(0)),
        row.try_get(1)?,
    ))
}
