//! What the writer asks of SQLite before it writes.

use sqlx::SqliteConnection;

use super::reading;
use crate::{
    clock::Timestamp,
    identity::{HeadsRow, proven_heads, proven_heads_and_end},
    store::{
        Blinds, Entries, Head, Heads, Outcomes, StoreError, json, known_head, placed_entries,
        stored_blinds, stored_head, stored_outcomes,
    },
    stream::{Position, StreamName},
};

pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let (position, tail, at): (i64, Vec<u8>, i64) =
        sqlx::query_as("select position, tail, at from log_head")
            .fetch_one(connection)
            .await
            .map_err(reading)?;
    stored_head(position, &tail, at)
}

pub(super) async fn stream_heads(
    connection: &mut SqliteConnection,
    streams: &[StreamName],
) -> Result<Heads, StoreError> {
    // Names need no escaping in JSON: they are plain ASCII.
    let list = json(streams);
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "select ifnull((select max(version) from events where stream = wanted.value), 0), \
         (select version from identities where stream = wanted.value) \
         from json_each($1) wanted order by wanted.key",
    )
    .bind(list)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    proven_heads(streams, rows)
}

/// One statement, and so one snapshot.
pub(super) async fn heads_and_end(
    connection: &mut SqliteConnection,
    streams: &[StreamName],
) -> Result<(Heads, Head), StoreError> {
    let list = json(streams);
    let rows: Vec<HeadsRow> = sqlx::query_as(
        "select ifnull((select max(version) from events where stream = wanted.value), 0), \
         (select version from identities where stream = wanted.value), \
         log_head.position, log_head.tail, log_head.at \
         from log_head, json_each($1) wanted order by wanted.key",
    )
    .bind(list)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    proven_heads_and_end(streams, rows)
}

pub(super) async fn changed_since(
    connection: &mut SqliteConnection,
    position: Position,
) -> Result<Heads, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select stream, max(version) from events where position > $1 group by stream",
    )
    .bind(position.to_sql())
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    rows.into_iter()
        .map(|(stream, version)| known_head(stream, version))
        .collect()
}

pub(super) async fn outcomes(
    connection: &mut SqliteConnection,
    keys: &[[u8; 32]],
    now: Timestamp,
) -> Result<Outcomes, StoreError> {
    let wanted: Vec<String> = keys.iter().map(hex::encode).collect();
    let wanted = json(&wanted);
    let rows = sqlx::query_as(
        "select key, request, outcome from request_keys \
         where key in (select unhex(value) from json_each($1)) \
         and (expires_at is null or expires_at >= $2)",
    )
    .bind(wanted)
    .bind(now.micros())
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    stored_outcomes(rows)
}

pub(super) async fn blinds(
    connection: &mut SqliteConnection,
    positions: &[Position],
) -> Result<Blinds, StoreError> {
    let positions: Vec<i64> = positions.iter().map(|it| it.to_sql()).collect();
    let rows = sqlx::query_as(
        "select position, blind from events \
         where position in (select value from json_each($1)) and blind is not null",
    )
    .bind(json(&positions))
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    stored_blinds(rows)
}

pub(super) async fn entries_at(
    connection: &mut SqliteConnection,
    positions: &[Position],
) -> Result<Entries, StoreError> {
    let positions: Vec<i64> = positions.iter().map(|it| it.to_sql()).collect();
    let rows = sqlx::query_as(
        "select position, entry from events where position in (select value from json_each($1))",
    )
    .bind(json(&positions))
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    placed_entries(rows)
}
