//! Everything as it is stored in SQLite, whatever it is.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{SqliteStore, reading};
use crate::{
    audit::store::{
        AuditStore, StoredCheckpoint, StoredIdentity, StoredOutcomes, StoredRow, StoredTile,
    },
    connections::on,
    integrity::pages,
    publish::store::to_sql,
    store::StoreError,
    stream::Position,
};

/// Events that one row holds.
const ROW_EVENTS: usize = 1_000;

/// Columns of an event that are read as bytes.
const BYTES: [&str; 6] = ["stream", "type", "header", "blind", "entry", "sealed"];

/// Some events as one row: numbers, the length of each column (-1 where it is null), and all bytes
/// of each column, one after the other. A row an event takes five times as long.
fn rows_sql() -> String {
    let columns = BYTES.map(|column| format!("cast({column} as blob) as {column}"));
    let lengths = BYTES.map(|column| format!("group_concat(ifnull(length({column}), -1))"));
    let bytes = BYTES.map(|column| format!("cast(group_concat({column}, '') as blob)"));
    format!(
        "select group_concat(position), group_concat(version), {}, {} from \
         (select position, cast(version as integer) as version, {} from events \
         where position > $1 and position <= $2 order by position limit $3)",
        lengths.join(", "),
        bytes.join(", "),
        columns.join(", ")
    )
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit_integrity(&self, within: Option<Duration>) -> Result<Vec<String>, StoreError> {
        on!(self.readers.unhurried(), |reader| async {
            pages::sqlite(reader, within).await.map_err(reading)
        })
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        on!(self.writer.unhurried(), |writer| async {
            let done = sqlx::query("reindex").execute(writer).await;
            done.map(drop).map_err(reading)
        })
    }

    async fn audit_lookups(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Position>, StoreError> {
        let found = sqlx::query_scalar(
            "select position from events as stored where position > $1 and position <= $2 \
             and (select found.position from events as found indexed by sqlite_autoindex_events_1 \
             where found.stream = stored.stream and found.version = stored.version) \
             is not stored.position order by position",
        )
        .bind(after.to_sql())
        .bind(up_to.to_sql());
        let found: Vec<i64> = on!(self.readers.unhurried(), |reader| async {
            found.fetch_all(reader).await.map_err(reading)
        })?;
        let found = found.into_iter().map(Position::from_sql);
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn audit_identities(
        &self,
        after: &[u8],
        limit: u32,
    ) -> Result<Vec<StoredIdentity>, StoreError> {
        let kept = sqlx::query_as(
            "select cast(stream as blob) as stream, cast(version as integer) as version, \
             (select position from events where events.stream = identities.stream \
             and events.version = identities.version) as position \
             from identities where stream > cast($1 as text) order by identities.stream limit $2",
        )
        .bind(after)
        .bind(i64::from(limit));
        on!(self.readers.unhurried(), |reader| async {
            kept.fetch_all(reader).await.map_err(reading)
        })
    }

    async fn audit_count(&self) -> Result<u64, StoreError> {
        on!(self.readers.unhurried(), |reader| async {
            let count = sqlx::query_scalar("select count(*) from events");
            let count: i64 = count.fetch_one(reader).await.map_err(reading)?;
            Ok(count.unsigned_abs())
        })
    }

    async fn audit_rows(
        &self,
        after: Position,
        up_to: Position,
        limit: usize,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let (statement, mut after, mut events) = (&*rows_sql(), after, Vec::new());
        while events.len() < limit {
            let at_once = ROW_EVENTS.min(limit - events.len());
            let read: Result<Vec<_>, StoreError> = on!(self.readers.unhurried(), |reader| {
                rows(reader, statement, after, up_to, at_once)
            });
            let read = read?;
            let Some(last) = read.last() else { break };
            after = last.position;
            events.extend(read);
        }
        Ok(events)
    }

    async fn audit_tiles(
        &self,
        level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StoredTile>, StoreError> {
        on!(self.readers.unhurried(), |connection| async {
            sqlx::query_as(
                "select number, hashes, root from tiles where level = $1 and number >= $2 \
             order by number limit $3",
            )
            .bind(i64::from(level))
            .bind(to_sql(from))
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(reading)
        })
    }

    async fn audit_published(&self) -> Result<u64, StoreError> {
        on!(self.readers.unhurried(), |reader| async {
            let size = sqlx::query_scalar("select coalesce(max(size), 0) from checkpoints");
            let size: i64 = size.fetch_one(reader).await.map_err(reading)?;
            Ok(size.unsigned_abs())
        })
    }

    async fn audit_checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        on!(self.readers.unhurried(), |connection| async {
            sqlx::query_as(
                "select size, root, cast(note as blob) as note from checkpoints where size > $1 \
             order by size limit $2",
            )
            .bind(to_sql(after))
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(reading)
        })
    }

    async fn audit_outcomes(
        &self,
        after: &[u8],
        limit: u32,
    ) -> Result<Option<StoredOutcomes>, StoreError> {
        // One row for all of them: a row for each takes several times as long.
        on!(self.readers.unhurried(), |connection| async {
            sqlx::query_as(
                "select max(key) as last_key, \
             cast(group_concat(hex(key) || ' ' || hex(request) || ' ' || \
             coalesce(expires_at, '') || ' ' || outcome, char(10)) as blob) as lines from \
             (select key, request, expires_at, cast(outcome as blob) as outcome from request_keys \
             where key > $1 order by key limit $2) having count(*) > 0",
            )
            .bind(after)
            .bind(i64::from(limit))
            .fetch_optional(connection)
            .await
            .map_err(reading)
        })
    }
}

async fn rows(
    connection: &mut SqliteConnection,
    statement: &str,
    after: Position,
    up_to: Position,
    limit: usize,
) -> Result<Vec<StoredRow>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(after.to_sql())
        .bind(up_to.to_sql())
        .bind(to_sql(limit as u64))
        .fetch_one(connection)
        .await
        .map_err(reading)?;
    let positions: Option<&str> = row.try_get(0).map_err(reading)?;
    let Some(positions) = positions else {
        return Ok(Vec::new());
    };
    let versions: &str = row.try_get(1).map_err(reading)?;
    let mut columns = Vec::with_capacity(BYTES.len());
    for index in 0..BYTES.len() {
        columns.push(Column::of(&row, index)?);
    }
    let Ok([stream, event_type, header, blind, entry, sealed]) =
        <[Column<'_>; BYTES.len()]>::try_from(columns)
    else {
        return Err(apart(after));
    };
    let mut columns = (stream, event_type, header, blind, entry, sealed);
    let mut events = Vec::new();
    for (position, version) in positions.split(',').zip(versions.split(',')) {
        let number = |text: &str| text.parse::<i64>().map_err(|_| apart(after));
        events.push(StoredRow {
            position: Position::from_sql(number(position)?)?,
            stream: columns.0.next(after)?.unwrap_or_default(),
            version: number(version)?,
            event_type: columns.1.next(after)?.unwrap_or_default(),
            header: columns.2.next(after)?,
            blind: columns.3.next(after)?,
            entry: columns.4.next(after)?.unwrap_or_default(),
            sealed: columns.5.next(after)?,
        });
    }
    if !events.is_sorted_by(|one, next| one.position < next.position) {
        return Err(apart(after));
    }
    Ok(events)
}

fn apart(after: Position) -> StoreError {
    StoreError::Damaged(format!(
        "the rows after position {after} do not fit together"
    ))
}

/// One column of some events.
struct Column<'r> {
    lengths: std::str::Split<'r, char>,
    bytes: &'r [u8],
}

impl<'r> Column<'r> {
    fn of(row: &'r SqliteRow, index: usize) -> Result<Self, StoreError> {
        let lengths: &str = row.try_get(2 + index).map_err(reading)?;
        let bytes: Option<&[u8]> = row.try_get(2 + BYTES.len() + index).map_err(reading)?;
        Ok(Self {
            lengths: lengths.split(','),
            bytes: bytes.unwrap_or_default(),
        })
    }

    /// The bytes of the next event; none where they are null.
    fn next(&mut self, after: Position) -> Result<Option<Vec<u8>>, StoreError> {
        let length = self.lengths.next().and_then(|length| length.parse().ok());
        let length: i64 = length.ok_or_else(|| apart(after))?;
        let Ok(length) = usize::try_from(length) else {
            return Ok(None);
        };
        let bytes = self.bytes.split_off(..length);
        Ok(Some(bytes.ok_or_else(|| apart(after))?.to_vec()))
    }
}
