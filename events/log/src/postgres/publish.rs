//! Tiles and checkpoints in PostgreSQL; the right to publish is an advisory lock of the one
//! connection that writes them.

use std::path::Path;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{PostgresStore, reading};
use crate::{
    connections::{Lease, on},
    publish::{
        SignedCheckpoint, TURN_EVERY,
        place::DatabasePlace,
        store::{CheckpointRow, FullTile, Press, PublishStore, stored_checkpoint, to_sql},
    },
    store::StoreError,
};

/// The advisory lock of who publishes; locks are of one database. Any number would do.
const LOCK: i64 = 0x6d65_6775_7269;

#[async_trait]
impl PublishStore for PostgresStore {
    async fn verifier(&self) -> Result<Option<String>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select verifier from signing_key")
                .fetch_optional(connection)
                .await
                .map_err(reading)
        })
    }

    async fn keep_verifier(&self, verifier: &str) -> Result<(), StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query("insert into signing_key values (true, $1) on conflict do nothing")
                .bind(verifier)
                .execute(connection)
                .await
                .map(|_| ())
                .map_err(reading)
        })
    }

    fn is_in_a_file(&self) -> bool {
        false
    }

    async fn copy_to(&self, _path: &Path) -> Result<(), StoreError> {
        let reason = "PostgreSQL copies its databases by its own tools";
        Err(StoreError::Refused(reason.into()))
    }

    fn require_in_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn place(&self) -> Result<DatabasePlace, StoreError> {
        // A database that was restored from a dump has another number, one of another cluster
        // another cluster's, and tables that were restored into the same database have others.
        let identity: String = on!(self.readers, |connection| async {
            sqlx::query_scalar(
                "select (select system_identifier from pg_control_system()) || '/' || \
                 (select oid from pg_database where datname = current_database()) || '/' || \
                 'publishing'::regclass::oid",
            )
            .fetch_one(connection)
            .await
            .map_err(reading)
        })?;
        Ok(DatabasePlace {
            identity: format!("the database {identity}"),
            address: self.address.clone(),
            is_shared: true,
        })
    }

    async fn kept_place(&self) -> Result<Option<String>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select place from publishing")
                .fetch_one(connection)
                .await
                .map_err(reading)
        })
    }

    async fn keep_place(&self, identity: &str) -> Result<(), StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query("update publishing set place = $1")
                .bind(identity)
                .execute(connection)
                .await
                .map_err(reading)
        })?;
        Ok(())
    }

    async fn vault_generation(&self) -> Result<i64, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select vault_generation from publishing")
                .fetch_one(connection)
                .await
                .map_err(reading)
        })
    }

    async fn keep_vault_generation(&self, generation: i64) -> Result<(), StoreError> {
        let keep = "update publishing set vault_generation = $1 where vault_generation < $1";
        on!(self.readers, |connection| async {
            let keep = sqlx::query(keep).bind(generation);
            keep.execute(connection).await.map_err(reading)
        })?;
        Ok(())
    }

    async fn signed(&self) -> Result<Option<String>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select signed from publishing")
                .fetch_one(connection)
                .await
                .map_err(reading)
        })
    }

    async fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let row = on!(self.readers, |connection| async {
            sqlx::query_as::<_, CheckpointRow>(
                "select size, root, note from checkpoints order by size desc limit 1",
            )
            .fetch_optional(connection)
            .await
            .map_err(reading)
        })?;
        row.map(stored_checkpoint).transpose()
    }

    async fn checkpoints_from(
        &self,
        size: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let rows = on!(self.readers, |connection| async {
            sqlx::query_as::<_, CheckpointRow>(
                "select size, root, note from checkpoints where size >= $1 \
             order by size limit $2",
            )
            .bind(to_sql(size))
            .bind(to_sql(limit as u64))
            .fetch_all(connection)
            .await
            .map_err(reading)
        })?;
        rows.into_iter().map(stored_checkpoint).collect()
    }

    async fn full_tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select hashes from tiles where level = $1 and number = $2")
                .bind(i16::from(level))
                .bind(to_sql(number))
                .fetch_optional(connection)
                .await
                .map_err(reading)
        })
    }

    async fn tile_roots(&self, level: u8, first: u64, count: u16) -> Result<Vec<u8>, StoreError> {
        let roots = on!(self.readers, |connection| async {
            sqlx::query_scalar::<_, Option<Vec<u8>>>(
                "select string_agg(root, '' order by number) from tiles \
             where level = $1 and number >= $2 and number < $3",
            )
            .bind(i16::from(level))
            .bind(to_sql(first))
            .bind(to_sql(first.saturating_add(u64::from(count))))
            .fetch_one(connection)
            .await
            .map_err(reading)
        })?;
        Ok(roots.unwrap_or_default())
    }

    async fn wait_for_press(&self) -> Result<Box<dyn Press>, StoreError> {
        let mut lease = self.publisher.lease().await?;
        loop {
            let taken: Result<bool, StoreError> = on!(lease, |connection| async {
                let taking = sqlx::query_scalar("select pg_try_advisory_lock($1)");
                let taken = taking.bind(LOCK).fetch_one(connection).await;
                taken.map_err(reading)
            });
            if taken? {
                return Ok(Box::new(PostgresPress { lease }));
            }
            tokio::time::sleep(TURN_EVERY).await;
        }
    }
}

/// The server lets go of the lock when it sees this connection end.
///
/// INVARIANT: everything is written through it, so that nothing is by who has lost the lock.
struct PostgresPress {
    lease: Lease<PgConnection>,
}

#[async_trait]
impl Press for PostgresPress {
    async fn keep_tiles(&mut self, tiles: &[FullTile]) -> Result<u64, StoreError> {
        let levels: Vec<_> = tiles.iter().map(|it| i16::from(it.tile.level())).collect();
        let numbers: Vec<_> = tiles.iter().map(|it| to_sql(it.tile.index())).collect();
        let hashes: Vec<_> = tiles.iter().map(|it| it.hashes.as_flattened()).collect();
        let roots: Vec<_> = tiles.iter().map(|it| it.root().to_vec()).collect();
        let kept = on!(self.lease, |connection| async {
            sqlx::query(
                "insert into tiles (level, number, hashes, root) \
                 select * from unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[]) \
                 on conflict do nothing",
            )
            .bind(levels)
            .bind(numbers)
            .bind(hashes)
            .bind(roots)
            .execute(connection)
            .await
            .map_err(reading)
        })?;
        Ok(kept.rows_affected())
    }

    async fn keep_signed(&mut self, note: &str) -> Result<(), StoreError> {
        on!(self.lease, |connection| async {
            sqlx::query("update publishing set signed = $1")
                .bind(note)
                .execute(connection)
                .await
                .map_err(reading)
        })?;
        Ok(())
    }

    async fn keep_checkpoint(
        &mut self,
        after: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<bool, StoreError> {
        let kept = on!(self.lease, |connection| async {
            sqlx::query(
                "insert into checkpoints (size, root, note) select $2, $3, $4 \
                 where coalesce((select max(size) from checkpoints), 0) = $1",
            )
            .bind(to_sql(after))
            .bind(to_sql(checkpoint.tree.size))
            .bind(checkpoint.tree.root.as_slice())
            .bind(&checkpoint.note)
            .execute(connection)
            .await
            .map_err(reading)
        })?;
        Ok(kept.rows_affected() == 1)
    }
}
