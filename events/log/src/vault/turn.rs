//! A transaction of the vault that no other one of its kind, and nobody who makes a key, overlaps.

use sqlx::{PgConnection, SqliteConnection};

use super::{
    VaultError,
    database::{Database, SET_META},
    kek::FINGERPRINT,
};
use crate::connections::{Lease, on};

/// Keys that one statement reads or writes.
const KEYS_A_STATEMENT: i64 = 1_000;

/// Subject, class, number, and the key in its wrapping.
pub(super) type StoredKeys = Vec<(String, String, i64, Vec<u8>)>;

/// The turn to wrap everything anew: a transaction that is taken back where this is dropped.
pub(super) enum Turn {
    Sqlite(Lease<SqliteConnection>),
    Postgres(Lease<PgConnection>),
}

/// Asks the same of whichever connection it is.
macro_rules! within {
    ($turn:expr, |$connection:ident| $ask:expr) => {
        match $turn {
            Turn::Sqlite(lease) => on!(lease, |$connection| $ask),
            Turn::Postgres(lease) => on!(lease, |$connection| $ask),
        }
    };
}

impl Database {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Result<Turn, VaultError> {
        Ok(match self {
            Self::Sqlite(connections) => {
                let mut turn = Turn::Sqlite(connections.lease().await?);
                turn.control("begin immediate").await?;
                turn
            }
            Self::Postgres(connections) => {
                let mut turn = Turn::Postgres(connections.lease().await?);
                turn.control("begin").await?;
                // INVARIANT: who makes a key holds this row until that is committed, and looks at
                // what it says: no key is made under the old one behind our back.
                let held = "select value from vault_meta where name = $1 for update";
                turn.value(held, FINGERPRINT).await?;
                turn
            }
        })
    }
}

impl Turn {
    /// Begins or ends the transaction.
    async fn control(&mut self, statement: &'static str) -> Result<(), VaultError> {
        within!(self, |connection| async {
            Ok(sqlx::raw_sql(statement)
                .execute(connection)
                .await
                .map(drop)?)
        })
    }

    async fn value(
        &mut self,
        statement: &'static str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        within!(self, |connection| async {
            let value = sqlx::query_scalar(statement).bind(name);
            Ok(value.fetch_optional(connection).await?)
        })
    }

    pub(super) async fn meta(&mut self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let statement = "select value from vault_meta where name = $1";
        self.value(statement, name).await
    }

    pub(super) async fn set_meta(&mut self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        within!(self, |connection| async {
            let set = sqlx::query(SET_META).bind(name).bind(value);
            Ok(set.execute(connection).await.map(drop)?)
        })
    }

    /// When the first key was destroyed in this epoch.
    pub(super) async fn oldest_tombstone(&mut self, epoch: i64) -> Result<Option<i64>, VaultError> {
        within!(self, |connection| async {
            let oldest = sqlx::query_scalar(
                "select min(destroyed_at) from vault_keys where wrapped is null and epoch >= $1",
            );
            Ok(oldest.bind(epoch).fetch_one(connection).await?)
        })
    }

    /// The next keys in the order of their ids.
    pub(super) async fn keys_after(
        &mut self,
        (subject, class, n): &(String, String, i64),
    ) -> Result<StoredKeys, VaultError> {
        within!(self, |connection| async {
            let page = sqlx::query_as(
                "select subject, class, n, wrapped from vault_keys where wrapped is not null \
                 and (subject, class, n) > ($1, $2, $3) order by subject, class, n limit $4",
            );
            let page = page
                .bind(subject)
                .bind(class)
                .bind(n)
                .bind(KEYS_A_STATEMENT);
            Ok(page.fetch_all(connection).await?)
        })
    }

    /// Puts these wrappings in place of those there are.
    pub(super) async fn write_keys(
        &mut self,
        keys: &[(String, String, i64, Vec<u8>)],
        epoch: i64,
    ) -> Result<(), VaultError> {
        match self {
            Self::Sqlite(lease) => on!(lease, |connection| async {
                let keys = keys.iter().map(|(subject, class, n, wrapped)| {
                    serde_json::json!([subject, class, n, hex(wrapped)])
                });
                let list = keys.collect::<serde_json::Value>().to_string();
                let statement = "update vault_keys set wrapped = unhex(value ->> 3), epoch = $2 \
                     from json_each($1) where subject = value ->> 0 and class = value ->> 1 \
                     and n = value ->> 2";
                let query = sqlx::query(statement).bind(list).bind(epoch);
                Ok(query.execute(connection).await.map(drop)?)
            }),
            Self::Postgres(lease) => on!(lease, |connection| async {
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
                Ok(query.execute(connection).await.map(drop)?)
            }),
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), VaultError> {
        self.control("commit").await?;
        match self {
            Self::Sqlite(lease) => lease.give_back(),
            Self::Postgres(lease) => lease.give_back(),
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
