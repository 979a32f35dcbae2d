//! Everything as it is stored in PostgreSQL, whatever it is.

use async_trait::async_trait;
use sqlx::Row;

use super::{PostgresStore, reading};
use crate::{
    audit::store::{AuditStore, StoredCheckpoint, StoredOutcomes, StoredRow, StoredTile},
    connections::on,
    publish::store::to_sql,
    store::StoreError,
    stream::Position,
};

const ROWS: &str = "select position, convert_to(stream, 'UTF8'), version, \
    convert_to(type, 'UTF8'), header, blind, entry, sealed from events \
    where position > $1 and position <= $2 order by position limit $3";

#[async_trait]
impl AuditStore for PostgresStore {
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
