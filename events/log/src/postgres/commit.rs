//! How a batch gets into PostgreSQL: one statement moves the head by compare-and-swap and writes
//! all rows.

use sqlx::PgConnection;

use super::{CHANNEL, Unwritten};
use crate::{
    clock::Timestamp,
    store::{Batch, Head, StoreError},
};

/// Rows are written only if the head moved; the notification is a hint for other processes.
const WRITE: &str = "
with moved as (
    update log_head set position = $1, tail = $2, at = $3
    where position = $4 and tail = $5 and at = $19
    returning position
), written as (
    insert into events (position, stream, version, type, header, blind, entry, sealed)
    select row.* from unnest($6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bytea[],
                             $11::bytea[], $12::bytea[], $13::bytea[]) as row, moved
), remembered as (
    insert into request_keys (key, request, outcome, expires_at)
    select row.* from unnest($14::bytea[], $15::bytea[], $16::text[], $17::bigint[]) as row, moved
    on conflict (key) do update set request = excluded.request, outcome = excluded.outcome,
                                    expires_at = excluded.expires_at
)
select pg_notify($18, position::text) is not null from moved";

/// The columns of a batch, as `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    positions: Vec<i64>,
    streams: Vec<&'a str>,
    versions: Vec<i64>,
    types: Vec<&'a str>,
    headers: Vec<&'a [u8]>,
    blinds: Vec<&'a [u8]>,
    entries: Vec<&'a [u8]>,
    sealed: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a Batch) -> Self {
        let mut columns = Self::default();
        for event in &batch.events {
            columns.positions.push(event.position.to_sql());
            columns.streams.push(event.stream.as_str());
            columns.versions.push(event.version.to_sql());
            columns.types.push(&event.event_type);
            columns.headers.push(event.header.as_bytes());
            columns.blinds.push(&event.blind);
            columns.entries.push(&event.entry);
            columns
                .sealed
                .push((!event.sealed.is_empty()).then_some(event.sealed.as_slice()));
        }
        columns
    }
}

/// Writes a batch if the log still ends at `known`, and says whether it did.
pub(super) async fn write(
    connection: &mut PgConnection,
    known: Head,
    batch: &Batch,
) -> Result<bool, Unwritten> {
    let columns = Columns::of(batch);
    let outcomes = &batch.outcomes;
    let moved: Option<bool> = sqlx::query_scalar(WRITE)
        .bind(batch.head.position.to_sql())
        .bind(batch.head.tail.as_bytes().as_slice())
        .bind(batch.head.at.micros())
        .bind(known.position.to_sql())
        .bind(known.tail.as_bytes().as_slice())
        .bind(columns.positions)
        .bind(columns.streams)
        .bind(columns.versions)
        .bind(columns.types)
        .bind(columns.headers)
        .bind(columns.blinds)
        .bind(columns.entries)
        .bind(columns.sealed)
        .bind(
            outcomes
                .iter()
                .map(|outcome| outcome.key.as_slice())
                .collect::<Vec<_>>(),
        )
        .bind(
            outcomes
                .iter()
                .map(|outcome| outcome.request.as_slice())
                .collect::<Vec<_>>(),
        )
        .bind(
            outcomes
                .iter()
                .map(|outcome| outcome.outcome.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            outcomes
                .iter()
                .map(|outcome| outcome.expires_at.map(Timestamp::micros))
                .collect::<Vec<_>>(),
        )
        .bind(CHANNEL)
        .bind(known.at.micros())
        .fetch_optional(connection)
        .await
        .map_err(|error| Unwritten(writing(error)))?;
    Ok(moved.is_some())
}

/// What a failed write means for those who wait.
fn writing(error: sqlx::Error) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let class = code.as_deref().and_then(|code| code.get(..2));
    match class.unwrap_or_default() {
        // Data exceptions, constraints, syntax: the statement as it is will never be taken.
        "21" | "22" | "23" | "42" | "P0" => StoreError::Refused(error.to_string()),
        // Out of resources, lock not available, read-only: nothing was written, and nothing else
        // would be now.
        "25" | "53" | "55" | "40" | "54" => StoreError::Unreachable(error.to_string()),
        // Everything else, a server that shuts down above all, leaves open what became of it.
        _ => StoreError::Lost(error.to_string()),
    }
}
