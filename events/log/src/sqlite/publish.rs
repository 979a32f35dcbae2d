//! Tiles and checkpoints in SQLite; the right to publish is a lock on a file beside the log.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{SqliteStore, begin, control, reading};
use crate::{
    connections::{Connections, on},
    publish::{
        SignedCheckpoint, TURN_EVERY,
        place::{DatabasePlace, host, inode},
        store::{CheckpointRow, FullTile, Press, PublishStore, stored_checkpoint, to_sql},
    },
    store::StoreError,
};

/// What follows the name of the log in that of the lock's file.
const LOCK_SUFFIX: &str = ".publisher";

#[async_trait]
impl PublishStore for SqliteStore {
    async fn verifier(&self) -> Result<Option<String>, StoreError> {
        on!(self.readers, |connection| async {
            sqlx::query_scalar("select verifier from signing_key")
                .fetch_optional(connection)
                .await
                .map_err(reading)
        })
    }

    async fn keep_verifier(&self, verifier: &str) -> Result<(), StoreError> {
        on!(self.writer, |connection| async {
            sqlx::query("insert into signing_key values (1, $1) on conflict do nothing")
                .bind(verifier)
                .execute(connection)
                .await
                .map_err(reading)
        })?;
        Ok(())
    }

    fn is_in_a_file(&self) -> bool {
        true
    }

    async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        super::inspect::copy(&self.path, path).await
    }

    fn require_in_place(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let in_place = file.require_in_place();
        in_place.map_err(|error| StoreError::Unreachable(error.to_string()))
    }

    async fn place(&self) -> Result<DatabasePlace, StoreError> {
        let failed = |error: std::io::Error| {
            StoreError::Unreachable(format!("{}: {error}", self.path.display()))
        };
        let path = self.path.canonicalize().map_err(failed)?;
        let file = std::fs::metadata(&path).map_err(failed)?;
        let (host, inode) = (host().unwrap_or_default(), inode(&file).unwrap_or_default());
        let path = path.display();
        Ok(DatabasePlace {
            identity: format!("{path}, file {inode} on the machine {host}"),
            address: path.to_string(),
            is_shared: false,
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
        on!(self.writer, |connection| async {
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
        on!(self.writer, |connection| async {
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
        let row: Option<CheckpointRow> = on!(self.readers, |connection| async {
            sqlx::query_as("select size, root, note from checkpoints order by size desc limit 1")
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
        let rows: Vec<CheckpointRow> = on!(self.readers, |connection| async {
            sqlx::query_as(
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
                .bind(i64::from(level))
                .bind(to_sql(number))
                .fetch_optional(connection)
                .await
                .map_err(reading)
        })
    }

    async fn tile_roots(&self, level: u8, first: u64, count: u16) -> Result<Vec<u8>, StoreError> {
        let roots: Vec<Vec<u8>> = on!(self.readers, |connection| async {
            sqlx::query_scalar(
                "select root from tiles where level = $1 and number >= $2 and number < $3 \
             order by number",
            )
            .bind(i64::from(level))
            .bind(to_sql(first))
            .bind(to_sql(first.saturating_add(u64::from(count))))
            .fetch_all(connection)
            .await
            .map_err(reading)
        })?;
        Ok(roots.concat())
    }

    async fn wait_for_press(&self) -> Result<Box<dyn Press>, StoreError> {
        let path = lock_path(&self.path);
        let failed = |error: std::io::Error| {
            StoreError::Unreachable(format!("the lock {}: {error}", path.display()))
        };
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let lock = options.open(&path).map_err(failed)?;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => tokio::time::sleep(TURN_EVERY).await,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let writer = self.writer.clone();
        Ok(Box::new(SqlitePress {
            writer,
            _lock: lock,
        }))
    }
}

/// `<log>.publisher`, in the folder of the log.
fn lock_path(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(LOCK_SUFFIX);
    name.into()
}

/// A tile that is there already stays what it is.
const KEEP_TILE: &str = "insert into tiles (level, number, hashes, root) select $1, $2, $3, $4 \
    where not exists (select 1 from tiles where level = $1 and number = $2)";

/// The lock is let go of when this is dropped, or the process ends however it ends.
struct SqlitePress {
    writer: Connections<SqliteConnection>,
    _lock: File,
}

#[async_trait]
impl Press for SqlitePress {
    async fn keep_tiles(&mut self, tiles: &[FullTile]) -> Result<u64, StoreError> {
        // The roots are made before the log's one lock is taken.
        let rows: Vec<_> = tiles.iter().map(|full| (full, full.root())).collect();
        on!(self.writer, |writer| async {
            begin(writer).await?;
            let mut new = 0;
            for (full, root) in rows {
                let kept = sqlx::query(KEEP_TILE)
                    .bind(i64::from(full.tile.level()))
                    .bind(to_sql(full.tile.index()))
                    .bind(full.hashes.as_flattened())
                    .bind(root.as_slice())
                    .execute(&mut *writer)
                    .await
                    .map_err(reading)?;
                new += kept.rows_affected();
            }
            control(writer, "commit").await.map_err(reading)?;
            Ok(new)
        })
    }

    async fn keep_signed(&mut self, note: &str) -> Result<(), StoreError> {
        on!(self.writer, |connection| async {
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
        let kept = on!(self.writer, |connection| async {
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
