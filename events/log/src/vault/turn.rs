//! A transaction of the vault that no other one of its kind, and nobody who makes a key, overlaps.

use sqlx::{Postgres, Sqlite, Transaction};

use super::{VaultError, database::Database, kek::FINGERPRINT};

/// Keys that one statement reads or writes.
const KEYS_A_STATEMENT: i64 = 1_000;

/// Subject, class, number, and the key in its wrapping.
pub(super) type StoredKeys = Vec<(String, String, i64, Vec<u8>)>;

/// The turn to wrap everything anew.
pub(super) enum Turn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one expression on whichever connection it is.
macro_rules! within {
    ($turn:expr, $connection:ident => $run:expr) => {
        match $turn {
            Turn::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
            Turn::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
        }
    };
}

impl Database {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Result<Turn, VaultError> {
        Ok(match self {
            Self::Sqlite(pool) => Turn::Sqlite(pool.begin_with("begin immediate").await?),
            Self::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                // INVARIANT: who makes a key holds this row until that is committed, and looks at
                // what it says: no key is made under the old one behind our back.
                sqlx::query("select 1 from vault_meta where name = $1 for update")
                    .bind(FINGERPRINT)
                    .execute(&mut *transaction)
                    .await?;
                Turn::Postgres(transaction)
            }
        })
    }
}

impl Turn {
    pub(super) async fn meta(&mut self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(within!(self, connection => {
            sqlx::query_scalar("select value from vault_meta where name = $1")
                .bind(name)
                .fetch_optional(connection)
                .await?
        }))
    }

    pub(super) async fn set_meta(&mut self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        within!(self, connection => {
            sqlx::query(
                "insert into vault_meta (name, value) values ($1, $2) \
                 on conflict (name) do update set value = excluded.value",
            )
            .bind(name)
            .bind(value)
            .execute(connection)
            .await?;
        });
        Ok(())
    }

    /// When the first key was destroyed in this epoch.
    pub(super) async fn oldest_tombstone(&mut self, epoch: i64) -> Result<Option<i64>, VaultError> {
        Ok(within!(self, connection => {
            sqlx::query_scalar(
                "select min(destroyed_at) from vault_keys where wrapped is null and epoch >= $1",
            )
            .bind(epoch)
            .fetch_one(connection)
            .await?
        }))
    }

    /// The next keys in the order of their ids.
    pub(super) async fn keys_after(
        &mut self,
        (subject, class, n): &(String, String, i64),
    ) -> Result<StoredKeys, VaultError> {
        Ok(within!(self, connection => {
            sqlx::query_as(
                "select subject, class, n, wrapped from vault_keys where wrapped is not null \
                 and (subject, class, n) > ($1, $2, $3) order by subject, class, n limit $4",
            )
            .bind(subject)
            .bind(class)
            .bind(n)
            .bind(KEYS_A_STATEMENT)
            .fetch_all(connection)
            .await?
        }))
    }

    /// Puts these wrappings in place of those there are.
    pub(super) async fn write_keys(
        &mut self,
        keys: &[(String, String, i64, Vec<u8>)],
        epoch: i64,
    ) -> Result<(), VaultError> {
        match self {
            Self::Sqlite(transaction) => {
                let keys = keys.iter().map(|(subject, class, n, wrapped)| {
                    serde_json::json!([subject, class, n, hex(wrapped)])
                });
                let list = keys.collect::<serde_json::Value>().to_string();
                let statement = "update vault_keys set wrapped = unhex(value ->> 3), epoch = $2 \
                     from json_each($1) where subject = value ->> 0 and class = value ->> 1 \
                     and n = value ->> 2";
                let query = sqlx::query(statement).bind(list).bind(epoch);
                query.execute(&mut **transaction).await?;
            }
            Self::Postgres(transaction) => {
                let statement = "update vault_keys set wrapped = new.wrapped, epoch = $5 \
                     from unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) \
                     as new (subject, class, n, wrapped) where vault_keys.subject = new.subject \
                     and vault_keys.class = new.class and vault_keys.n = new.n";
                let subjects: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
                let classes: Vec<&str> = keys.iter().map(|key| key.1.as_str()).collect();
                let numbers: Vec<i64> = keys.iter().map(|key| key.2).collect();
                let wrapped: Vec<&[u8]> = keys.iter().map(|key| key.3.as_slice()).collect();
                let query = sqlx::query(statement).bind(subjects).bind(classes);
                let query = query.bind(numbers).bind(wrapped).bind(epoch);
                query.execute(&mut **transaction).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), VaultError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
