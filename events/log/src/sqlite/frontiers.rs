//! Entries in bulk, and the frontiers that are kept of the tree over them.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{commit, reading};
use crate::{
    recorded::Entry,
    store::{StoreError, entries_of},
    stream::Position,
    tree::Frontier,
};

/// All entries of a range as one blob; `group_concat` keeps bytes as they are.
const ENTRIES: &str = "select cast(group_concat(entry, '' order by position) as blob) \
    from events where position > $1 and position <= $2";

pub(super) async fn entries(
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
    frontiers: &[Frontier],
) -> Result<(), StoreError> {
    let statement = commit::replace("frontiers (position, frontier)", 2, frontiers.len());
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for frontier in frontiers {
        query = query
            .bind(frontier.position().to_sql())
            .bind(frontier.to_bytes());
    }
    query.execute(connection).await.map_err(reading)?;
    Ok(())
}
