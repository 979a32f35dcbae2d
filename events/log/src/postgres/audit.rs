//! Everything as it is stored in PostgreSQL, whatever it is.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Connection, Row};

use super::{PostgresStore, reading};
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

const ROWS: &str = "select position, convert_to(stream, 'UTF8'), version, \
    convert_to(type, 'UTF8'), header, blind, entry, sealed from events \
    where position > $1 and position <= $2 order by position limit $3";

/// Where there are few events PostgreSQL would not look into the index.
const BY_INDEX: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off";
const UNFOUND: &str = "select position from events stored where position > $1 and position <= $2 \
    and (select found.position from events found \
    where found.stream = stored.stream and found.version = stored.version) \
    is distinct from stored.position order by position";

#[async_trait]
impl AuditStore for PostgresStore {
    async fn audit_integrity(&self, within: Option<Duration>) -> Result<Vec<String>, StoreError> {
        pages::postgres(&self.readers, within).await
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        // It would keep other processes from writing, for as long as it takes.
        Err(StoreError::Refused(
            "an operator makes the indexes of a PostgreSQL database anew (REINDEX)".into(),
        ))
    }

    async fn audit_lookups(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Position>, StoreError> {
        let found: Vec<i64> = on!(self.readers, |reader| async {
            let mut looking = reader.begin().await.map_err(reading)?;
            sqlx::raw_sql(BY_INDEX)
                .execute(&mut *looking)
                .await
                .map_err(reading)?;
            let found = sqlx::query_scalar(UNFOUND)
                .bind(after.to_sql())
                .bind(up_to.to_sql())
                .fetch_all(&mut *looking)
                .await
                .map_err(reading)?;
            looking.commit().await.map_err(reading)?;
            Ok::<_, StoreError>(found)
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
            "select convert_to(stream, 'UTF8') as stream, version, \
             (select position from events where events.stream = identities.stream \
             and events.version = identities.version) as position \
             from identities where stream > convert_from($1, 'UTF8') \
             order by identities.stream limit $2",
        )
        .bind(after)
        .bind(i64::from(limit));
        on!(self.readers, |reader| async {
            kept.fetch_all(reader).await.map_err(reading)
        })
    }

    async fn audit_count(&self) -> Result<u64, StoreError> {
        let count: i64 = on!(self.readers, |connection| async {
            sqlx::query_scalar("select count(*) from events")
                .fetch_one(connection)
                .await
                .map_err(reading)
        })?;
        Ok(count.unsigned_abs())
    }

    async fn audit_rows(
        &self,
        after: Position,
        up_to: Position,
        limit: usize,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let rows: Result<_, StoreError> = on!(self.readers, |connection| async {
            sqlx::query(ROWS)
                .bind(after.to_sql())
                .bind(up_to.to_sql())
                .bind(to_sql(limit as u64))
                .fetch_all(connection)
                .await
                .map_err(reading)
        });
        let rows = rows?.into_iter().map(|row| {
            Ok(StoredRow {
                position: Position::from_sql(row.try_get(0).map_err(reading)?)?,
                stream: row.try_get(1).map_err(reading)?,
                version: row.try_get(2).map_err(reading)?,
                event_type: row.try_get(3).map_err(reading)?,
                header: row.try_get(4).map_err(reading)?,
                blind: row.try_get(5).map_err(reading)?,
                entry: row.try_get(6).map_err(reading)?,
                sealed: row.try_get(7).map_err(reading)?,
            })
        });
        rows.collect()
    }

    async fn audit_tiles(
        &self,
        level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StoredTile>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_as(
                "select number, hashes, root from tiles where level = $1 and number >= $2 \
             order by number limit $3",
            )
            .bind(i16::from(level))
            .bind(to_sql(from))
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(reading)
        })
    }

    async fn audit_published(&self) -> Result<u64, StoreError> {
        let size: i64 = on!(self.readers, |connection| async {
            sqlx::query_scalar("select coalesce(max(size), 0) from checkpoints")
                .fetch_one(connection)
                .await
                .map_err(reading)
        })?;
        Ok(size.unsigned_abs())
    }

    async fn audit_checkpoints(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_as(
                "select size, root, convert_to(note, 'UTF8') as note from checkpoints \
             where size > $1 order by size limit $2",
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
        on!(self.readers, |connection| async {
            sqlx::query_as(
                "select (array_agg(key order by key desc))[1] as last_key, \
             convert_to(string_agg(encode(key, 'hex') || ' ' || encode(request, 'hex') || ' ' || \
             coalesce(expires_at::text, '') || ' ' || outcome, chr(10) order by key), 'UTF8') \
             as lines from (select key, request, expires_at, outcome from request_keys \
             where key > $1 order by key limit $2) page having count(*) > 0",
            )
            .bind(after)
            .bind(i64::from(limit))
            .fetch_optional(connection)
            .await
            .map_err(reading)
        })
    }
}
