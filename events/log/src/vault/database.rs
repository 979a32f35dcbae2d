//! The vault's database: the same few statements on SQLite and on PostgreSQL.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{VaultError, schema};

/// Most connections to the vault of one process.
const CONNECTIONS_MAX: u32 = 4;
/// How long a writer waits for another: for one that wraps hundreds of thousands of keys, too.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Subject, class, number, and the key in its wrapping unless it is destroyed.
pub(super) type StoredKey = (String, String, i64, Option<Vec<u8>>);

/// Runs one expression on whichever database it is; both understand `$1` and the SQL that is used
/// here.
macro_rules! on {
    ($database:expr, $pool:ident => $run:expr) => {
        match $database {
            $crate::vault::database::Database::Sqlite($pool) => $run,
            $crate::vault::database::Database::Postgres($pool) => $run,
        }
    };
}
pub(super) use on;

impl Database {
    pub(super) async fn open(location: &str) -> Result<Self, VaultError> {
        let database = if location.starts_with("postgres") {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS_MAX)
                .acquire_timeout(Duration::from_secs(5))
                .connect(location)
                .await?;
            Self::Postgres(pool)
        } else {
            let options = SqliteConnectOptions::from_str(location)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("secure_delete", "on")
                .busy_timeout(BUSY_TIMEOUT);
            let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX);
            Self::Sqlite(pool.connect_with(options).await?)
        };
        match &database {
            Self::Sqlite(pool) => schema::make_in_sqlite(pool).await?,
            Self::Postgres(pool) => schema::make_in_postgres(pool).await?,
        }
        Ok(database)
    }

    /// Reads a value of the vault's own, which stays as it is until the transaction ends.
    pub(super) const fn share(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "select value from vault_meta where name = $1",
            Self::Postgres(_) => "select value from vault_meta where name = $1 for share",
        }
    }

    /// A value of the vault's own, such as its pepper.
    pub(super) async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(on!(self, pool => {
            sqlx::query_scalar("select value from vault_meta where name = $1")
                .bind(name)
                .fetch_optional(pool)
                .await?
        }))
    }

    /// Stores a value unless there is one; answers what is stored then.
    pub(super) async fn meta_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        on!(self, pool => {
            sqlx::query(
        "insert into vault_meta (name, value) values ($1, $2) \
        on conflict do nothing")
                .bind(name)
                .bind(value)
                .execute(pool)
                .await?;
        });
        self.meta(name)
            .await?
            .ok_or_else(|| VaultError::Damaged(format!("{name} is missing")))
    }

    /// Stores a value in place of any before.
    pub(super) async fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        on!(self, pool => {
            sqlx::query(
                "insert into vault_meta (name, value) values ($1, $2) \
                 on conflict (name) do update set value = excluded.value",
            )
            .bind(name)
            .bind(value)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Takes a value away, if it is there.
    pub(super) async fn remove_meta(&self, name: &str) -> Result<(), VaultError> {
        on!(self, pool => {
            sqlx::query("delete from vault_meta where name = $1")
                .bind(name)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// A value that is a number.
    pub(super) async fn number(&self, name: &str) -> Result<Option<i64>, VaultError> {
        let Some(stored) = self.meta(name).await? else {
            return Ok(None);
        };
        let number = std::str::from_utf8(&stored)
            .ok()
            .and_then(|text| text.parse().ok());
        let damaged = || VaultError::Damaged(format!("{name} is no number"));
        number.ok_or_else(damaged).map(Some)
    }

    /// Brings what was written into the file itself, so that what it took the place of is in no
    /// journal. Where somebody reads just then, it is brought there a little later.
    pub(super) async fn shorten_journal(&self) -> Result<(), VaultError> {
        if let Self::Sqlite(pool) = self {
            sqlx::query("pragma wal_checkpoint(truncate)")
                .execute(pool)
                .await?;
        }
        Ok(())
    }

    /// The keys that there are of these, as `(subject, class, n, wrapped)`, in no order.
    pub(super) async fn keys(
        &self,
        keys: &[(&str, &str, u32)],
    ) -> Result<Vec<StoredKey>, VaultError> {
        Ok(match self {
            Self::Sqlite(pool) => {
                let list = serde_json::to_string(keys).unwrap_or_default();
                let statement = "select subject, class, n, wrapped from json_each($1) \
                     cross join vault_keys on subject = value ->> 0 and class = value ->> 1 \
                     and n = value ->> 2";
                sqlx::query_as(statement).bind(list).fetch_all(pool).await?
            }
            Self::Postgres(pool) => {
                let subjects: Vec<&str> = keys.iter().map(|key| key.0).collect();
                let classes: Vec<&str> = keys.iter().map(|key| key.1).collect();
                let numbers: Vec<i64> = keys.iter().map(|key| key.2.into()).collect();
                let statement = "select subject, class, n, wrapped from vault_keys join \
                     unnest($1::text[], $2::text[], $3::bigint[]) as wanted (subject, class, n) \
                     using (subject, class, n)";
                let query = sqlx::query_as(statement).bind(subjects).bind(classes);
                query.bind(numbers).fetch_all(pool).await?
            }
        })
    }

    pub(super) async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}
