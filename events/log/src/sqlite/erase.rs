//! Finding and emptying the sealed bytes of events.

use sqlx::SqliteConnection;

use super::reading;
use crate::{
    store::{StoreError, json},
    stream::Position,
};

/// Headers are blobs, in which bytes are looked for as they are.
const LIKE: &str = "select position, cast(header as text) from events \
    where position > $1 and position <= $2 and sealed is not null \
    and instr(header, cast($3 as blob)) > 0";

/// What is empty already stays as it is, so that doing it again costs nothing.
const EMPTY_EVENT: &str = "update events set header = null, blind = null, sealed = null \
    where position = $1 and (header is not null or blind is not null or sealed is not null)";

pub(super) async fn sealed_like(
    connection: &mut SqliteConnection,
    needle: &str,
    after: Position,
    up_to: Position,
) -> Result<Vec<(Position, String)>, StoreError> {
    let found: Vec<(i64, String)> = sqlx::query_as(LIKE)
        .bind(after.to_sql())
        .bind(up_to.to_sql())
        .bind(needle)
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    let found = found.into_iter();
    found
        .map(|(position, header)| Ok((Position::from_sql(position)?, header)))
        .collect()
}

pub(super) async fn empty_sealed(
    connection: &mut SqliteConnection,
    positions: &[Position],
) -> Result<u64, StoreError> {
    let list: Vec<i64> = positions.iter().map(|position| position.to_sql()).collect();
    let list = json(&list);
    let statement = "update events set sealed = null \
         where position in (select value from json_each($1)) and sealed is not null";
    let done = sqlx::query(statement).bind(list).execute(connection).await;
    Ok(done.map_err(reading)?.rows_affected())
}

/// Empties an event so that nothing of it is left in the file: freed bytes are overwritten, and the
/// journal, in which it may still stand as it was, is emptied too where nobody reads.
pub(super) async fn empty_event(
    connection: &mut SqliteConnection,
    position: Position,
) -> Result<bool, StoreError> {
    sqlx::raw_sql("pragma secure_delete = on")
        .execute(&mut *connection)
        .await
        .map_err(reading)?;
    let done = sqlx::query(EMPTY_EVENT)
        .bind(position.to_sql())
        .execute(&mut *connection)
        .await
        .map_err(reading)?;
    let emptied = done.rows_affected() > 0;
    if emptied {
        // Readers may hold it up; closing the log and later writes come by again.
        sqlx::raw_sql("pragma wal_checkpoint(truncate)")
            .execute(connection)
            .await
            .map_err(reading)?;
    }
    Ok(emptied)
}
