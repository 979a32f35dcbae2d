//! Finding and emptying the sealed bytes of events.

use sqlx::PgConnection;

use super::reading;
use crate::{store::StoreError, stream::Position};

const LIKE: &str = "select position, convert_from(header, 'UTF8') from events \
    where position > $1 and position <= $2 and sealed is not null \
    and position(convert_to($3, 'UTF8') in header) > 0";

/// What is empty already stays as it is, so that doing it again costs nothing.
const EMPTY_EVENT: &str = "update events set header = null, blind = null, sealed = null \
    where position = $1 and (header is not null or blind is not null or sealed is not null)";

pub(super) async fn sealed_like(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    positions: &[Position],
) -> Result<u64, StoreError> {
    let list: Vec<i64> = positions.iter().map(|position| position.to_sql()).collect();
    let statement = "update events set sealed = null \
         where position = any($1::bigint[]) and sealed is not null";
    let done = sqlx::query(statement).bind(list).execute(connection).await;
    Ok(done.map_err(reading)?.rows_affected())
}

pub(super) async fn empty_event(
    connection: &mut PgConnection,
    position: Position,
) -> Result<bool, StoreError> {
    let done = sqlx::query(EMPTY_EVENT)
        .bind(position.to_sql())
        .execute(connection)
        .await;
    Ok(done.map_err(reading)?.rows_affected() > 0)
}
