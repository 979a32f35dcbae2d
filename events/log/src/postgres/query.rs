//! What the writer asks of PostgreSQL before it writes.

use sqlx::PgConnection;

use super::reading;
use crate::{
    clock::Timestamp,
    identity::{HeadsRow, proven_heads, proven_heads_and_end},
    store::{
        Blinds, Entries, Head, Heads, Outcomes, StoreError, known_head, placed_entries,
        stored_blinds, stored_head, stored_outcomes,
    },
    stream::{Position, StreamName},
};

/// Where the log ends; with `lock` nobody else moves it until the transaction ends.
pub(super) async fn head(connection: &mut PgConnection, lock: bool) -> Result<Head, StoreError> {
    let statement = if lock {
        "select position, tail, at from log_head for update"
    } else {
        "select position, tail, at from log_head"
    };
    let (position, tail, at): (i64, Vec<u8>, i64) = sqlx::query_as(statement)
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    stored_head(position, &tail, at)
}

pub(super) async fn stream_heads(
    connection: &mut PgConnection,
    streams: &[StreamName],
) -> Result<Heads, StoreError> {
    let names: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "select coalesce((select max(version) from events where stream = wanted.name), 0), \
         (select version from identities where stream = wanted.name) \
         from unnest($1::text[]) with ordinality as wanted (name, number) order by number",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    proven_heads(streams, rows)
}

/// One statement, and so one snapshot.
pub(super) async fn heads_and_end(
    connection: &mut PgConnection,
    streams: &[StreamName],
) -> Result<(Heads, Head), StoreError> {
    let names: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    let rows: Vec<HeadsRow> = sqlx::query_as(
        "select coalesce((select max(version) from events where stream = wanted.name), 0), \
         (select version from identities where stream = wanted.name), \
         log_head.position, log_head.tail, log_head.at \
         from log_head, unnest($1::text[]) with ordinality as wanted (name, number) \
         order by number",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    proven_heads_and_end(streams, rows)
}

pub(super) async fn changed_since(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    keys: &[[u8; 32]],
    now: Timestamp,
) -> Result<Outcomes, StoreError> {
    let wanted: Vec<&[u8]> = keys.iter().map(<[u8; 32]>::as_slice).collect();
    let rows = sqlx::query_as(
        "select key, request, outcome from request_keys \
         where key = any($1) and (expires_at is null or expires_at >= $2)",
    )
    .bind(wanted)
    .bind(now.micros())
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    stored_outcomes(rows)
}

pub(super) async fn blinds(
    connection: &mut PgConnection,
    positions: &[Position],
) -> Result<Blinds, StoreError> {
    let positions: Vec<i64> = positions.iter().map(|it| it.to_sql()).collect();
    let rows = sqlx::query_as(
        "select position, blind from events where position = any($1) and blind is not null",
    )
    .bind(positions)
    .fetch_all(connection)
    .await
    .map_err(reading)?;
    stored_blinds(rows)
}

pub(super) async fn entries_at(
    connection: &mut PgConnection,
    positions: &[Position],
) -> Result<Entries, StoreError> {
    let positions: Vec<i64> = positions.iter().map(|it| it.to_sql()).collect();
    let rows = sqlx::query_as("select position, entry from events where position = any($1)")
        .bind(positions)
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    placed_entries(rows)
}
