//! How a batch gets into SQLite: the head by compare-and-swap, the rows by statements of a hundred.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{control, reading};
use crate::store::{Batch, BatchEvent, Head, NewOutcome, StoreError};

/// Rows of one statement: twice as fast as a statement a row, and as far as it gets faster.
const ROWS_A_STATEMENT: usize = 100;

/// Moves the head if it is still where it was known to be, and says whether it did.
pub(super) async fn move_head(
    connection: &mut SqliteConnection,
    known: Head,
    new: Head,
) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "update log_head set position = $1, tail = $2, at = $3 \
         where position = $4 and tail = $5 and at = $6",
    )
    .bind(new.position.to_sql())
    .bind(new.tail.as_bytes().as_slice())
    .bind(new.at.micros())
    .bind(known.position.to_sql())
    .bind(known.tail.as_bytes().as_slice())
    .bind(known.at.micros())
    .execute(connection)
    .await
    .map_err(before_commit)?;
    Ok(moved.rows_affected() == 1)
}

/// Writes all rows of a batch and commits.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), StoreError> {
    for rows in batch.events.chunks(ROWS_A_STATEMENT) {
        insert_events(connection, rows)
            .await
            .map_err(before_commit)?;
    }
    for rows in batch.outcomes.chunks(ROWS_A_STATEMENT) {
        insert_outcomes(connection, rows)
            .await
            .map_err(before_commit)?;
    }
    control(connection, "commit").await.map_err(at_commit)
}

/// Commits the head as it is, then writes as much as a large append and takes that back: on a disk
/// that is nearly full one page may find room where an append does not. It leaves a transaction.
pub(super) async fn try_to_write(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for statement in [
        "update log_head set position = position",
        "commit",
        // Pages that do not fit into it go to the journal before a commit.
        "pragma cache_size = 1",
        "begin immediate",
        "insert into request_keys (key, request, outcome) \
         values (randomblob(32), x'', cast(zeroblob(262144) as text))",
    ] {
        control(connection, statement).await.map_err(reading)?;
    }
    Ok(())
}

async fn insert_events(
    connection: &mut SqliteConnection,
    rows: &[BatchEvent],
) -> Result<(), sqlx::Error> {
    let columns = "events (position, stream, version, type, header, blind, entry, sealed)";
    let statement = insert(columns, 8, rows.len());
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for row in rows {
        query = query
            .bind(row.position.to_sql())
            .bind(row.stream.as_str())
            .bind(row.version.to_sql())
            .bind(row.event_type.as_str())
            .bind(row.header.as_bytes())
            .bind(row.blind.as_slice())
            .bind(row.entry.as_slice())
            .bind((!row.sealed.is_empty()).then_some(row.sealed.as_slice()));
    }
    query.execute(connection).await.map(|_| ())
}

async fn insert_outcomes(
    connection: &mut SqliteConnection,
    rows: &[NewOutcome],
) -> Result<(), sqlx::Error> {
    // A key that has expired, and is not yet forgotten, may be used anew.
    let columns = "request_keys (key, request, outcome, expires_at)";
    let statement = replace(columns, 4, rows.len());
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for row in rows {
        query = query
            .bind(row.key.as_slice())
            .bind(row.request.as_slice())
            .bind(row.outcome.as_str())
            .bind(row.expires_at.map(crate::clock::Timestamp::micros));
    }
    query.execute(connection).await.map(|_| ())
}

/// A statement that writes so many rows, in place of those that have their keys.
pub(super) fn replace(columns: &str, width: usize, rows: usize) -> String {
    insert(columns, width, rows).replacen("insert", "insert or replace", 1)
}

fn insert(columns: &str, width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    let mut statement = format!("insert into {columns} values {row}");
    for _ in 1..rows {
        // Writing to a String cannot fail.
        let _ = write!(statement, ",{row}");
    }
    statement
}

/// A failure before the commit: the connection is closed, so nothing was written.
fn before_commit(error: sqlx::Error) -> StoreError {
    // `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH`.
    if code(&error).is_some_and(|code| matches!(code & 0xff, 18..=20)) {
        StoreError::Refused(error.to_string())
    } else {
        StoreError::Unreachable(error.to_string())
    }
}

/// A failure of the commit itself, after which it may be unclear whether the batch is in the file.
fn at_commit(error: sqlx::Error) -> StoreError {
    // `SQLITE_BUSY`, `SQLITE_READONLY`, `SQLITE_FULL`: nothing was begun, or the disk took no more
    // before the frame that makes a commit of the others. So it is with `SQLITE_IOERR_WRITE`, which
    // is also what `EFBIG` comes to.
    let not_written = |code| matches!(code & 0xff, 5 | 8 | 13) || code == 778;
    if code(&error).is_some_and(not_written) {
        StoreError::Unreachable(error.to_string())
    } else {
        StoreError::Lost(error.to_string())
    }
}

/// The extended result code, whose low byte is the plain one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse().ok()
}
