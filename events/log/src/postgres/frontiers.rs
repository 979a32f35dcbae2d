//! Entries in bulk, and the frontiers that are kept of the tree over them.

use sqlx::PgConnection;

use super::reading;
use crate::{
    recorded::Entry,
    store::{StoreError, entries_of},
    stream::Position,
    tree::Frontier,
};

/// All entries of a range as one value: for so few bytes an event a row each costs more.
const ENTRIES: &str = "select string_agg(entry, '' order by position) \
    from events where position > $1 and position <= $2";

pub(super) async fn entries(
    connection: &mut PgConnection,
    after: Position,
    up_to: Position,
) -> Result<Vec<Entry>, StoreError> {
    let joined: Option<Vec<u8>> = sqlx::query_scalar(ENTRIES)
        .bind(after.to_sql())
        .bind(up_to.to_sql())
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    entries_of(&joined.unwrap_or_default())
}

pub(super) async fn kept(
    connection: &mut PgConnection,
    up_to: Position,
) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
    let kept: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "select position, frontier from frontiers where position <= $1 \
         order by position desc limit 1",
    )
    .bind(up_to.to_sql())
    .fetch_optional(connection)
    .await
    .map_err(reading)?;
    let kept = kept.map(|(position, frontier)| Ok((Position::from_sql(position)?, frontier)));
    kept.transpose()
}

pub(super) async fn keep(
    connection: &mut PgConnection,
    frontiers: &[Frontier],
) -> Result<(), StoreError> {
    let positions: Vec<i64> = frontiers.iter().map(|it| it.position().to_sql()).collect();
    let frontiers: Vec<Vec<u8>> = frontiers.iter().map(Frontier::to_bytes).collect();
    sqlx::query(
        "insert into frontiers (position, frontier) \
         select * from unnest($1::bigint[], $2::bytea[]) \
         on conflict (position) do update set frontier = excluded.frontier",
    )
    .bind(positions)
    .bind(frontiers)
    .execute(connection)
    .await
    .map_err(reading)?;
    Ok(())
}
