//! The vault's database: the same few statements on SQLite and on PostgreSQL.

use std::{path::Path, time::Duration};

use sqlx::{
    PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{VaultError, schema};
use crate::{
    connections::{self, Connections},
    postgres::session,
    sqlite,
    store::json,
};

/// Most connections to the vault of one process.
const CONNECTIONS_MAX: u32 = 4;
/// How long a writer waits for another: for one that wraps hundreds of thousands of keys, too.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(Connections<SqliteConnection>),
    Postgres(Connections<PgConnection>),
}

/// Subject, class, number, and the key in its wrapping unless it is destroyed.
pub(super) type StoredKey = (String, String, i64, Option<Vec<u8>>);

/// Asks the same of whichever database it is, as [`connections::on`] does: both understand `$1` and
/// the SQL that is used here. The expression is a future of a result.
macro_rules! on {
    ($database:expr, |$connection:ident| $ask:expr) => {{
        let answer: Result<_, $crate::vault::VaultError> = match $database {
            $crate::vault::database::Database::Sqlite(database) => {
                $crate::connections::on!(database, |$connection| $ask)
            }
            $crate::vault::database::Database::Postgres(database) => {
                $crate::connections::on!(database, |$connection| $ask)
            }
        };
        answer
    }};
}
pub(super) use on;

/// Stores a value of the vault's own in place of any before.
pub(super) const SET_META: &str = "insert into vault_meta (name, value) values ($1, $2) \
    on conflict (name) do update set value = excluded.value";

/// A path, of which no byte means anything but itself.
pub(super) fn path_of(location: &str) -> &Path {
    Path::new(location.strip_prefix("sqlite:").unwrap_or(location))
}

impl Database {
    /// Opens the vault at a SQLite path or a PostgreSQL URL, which answers each question within
    /// this time or is taken for gone.
    pub(super) async fn open(location: &str, answer: Duration) -> Result<Self, VaultError> {
        let database = if location.starts_with("postgres") {
            let connections = session::connections(location, CONNECTIONS_MAX, answer)?;
            session::refuse_shared_sessions(&connections).await?;
            Self::Postgres(connections)
        } else {
            let options = SqliteConnectOptions::new()
                .filename(path_of(location))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("secure_delete", "on")
                .busy_timeout(BUSY_TIMEOUT);
            // Whoever waits for another writer waits within its answer.
            let answer = BUSY_TIMEOUT + answer;
            Self::Sqlite(sqlite::connections(CONNECTIONS_MAX, options, answer))
        };
        match &database {
            Self::Sqlite(connections) => {
                connections::on!(connections, |connection| schema::make_in_sqlite(connection))?;
            }
            Self::Postgres(connections) => {
                connections::on!(connections, |connection| schema::make_in_postgres(
                    connection
                ))?;
            }
        }
        Ok(database)
    }

    /// Opens a vault that is there, to read it and to leave nothing behind.
    pub(super) fn open_read_only(location: &str, answer: Duration) -> Result<Self, VaultError> {
        if location.starts_with("postgres") {
            let connections = session::connections(location, CONNECTIONS_MAX, answer)?;
            return Ok(Self::Postgres(connections));
        }
        let options = sqlite::read_only::options(path_of(location));
        let (options, copy) =
            options.map_err(|error| VaultError::Unavailable(error.to_string()))?;
        if copy.is_some() {
            return Err(VaultError::Unavailable(
                "its journal was left by a process that did not end well, or is a copy: open it \
                 once with a server, or look without the vault"
                    .into(),
            ));
        }
        let connections = sqlite::connections(CONNECTIONS_MAX, options, answer);
        Ok(Self::Sqlite(connections))
    }

    /// Looks whether it can be read and, where that is a file, written, and is where it was opened.
    pub(super) async fn probe(&self) -> Result<(), VaultError> {
        match self {
            Self::Sqlite(connections) => connections::on!(connections, |file| async {
                sqlx::raw_sql("begin immediate").execute(&mut *file).await?;
                let read = sqlx::query("select value from vault_meta limit 1");
                read.fetch_optional(&mut *file).await?;
                Ok(sqlx::raw_sql("rollback").execute(file).await.map(drop)?)
            }),
            Self::Postgres(connections) => connections::on!(connections, |connection| async {
                let read = sqlx::query("select value from vault_meta limit 1");
                Ok(read.fetch_optional(connection).await.map(drop)?)
            }),
        }
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
        on!(self, |connection| async {
            let value = sqlx::query_scalar("select value from vault_meta where name = $1");
            Ok(value.bind(name).fetch_optional(connection).await?)
        })
    }

    /// Stores a value unless there is one; answers what is stored then.
    pub(super) async fn meta_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        on!(self, |connection| async {
            let statement = "insert into vault_meta (name, value) values ($1, $2) \
                             on conflict do nothing";
            let insert = sqlx::query(statement).bind(name).bind(value);
            Ok(insert.execute(connection).await.map(drop)?)
        })?;
        self.meta(name)
            .await?
            .ok_or_else(|| VaultError::Damaged(format!("{name} is missing")))
    }

    /// Stores a value in place of any before.
    pub(super) async fn set_meta(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        on!(self, |connection| async {
            let set = sqlx::query(SET_META).bind(name).bind(value);
            Ok(set.execute(connection).await.map(drop)?)
        })
    }

    /// Takes a value away, if it is there.
    pub(super) async fn remove_meta(&self, name: &str) -> Result<(), VaultError> {
        on!(self, |connection| async {
            let remove = sqlx::query("delete from vault_meta where name = $1");
            Ok(remove.bind(name).execute(connection).await.map(drop)?)
        })
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
        let Self::Sqlite(database) = self else {
            return Ok(());
        };
        connections::on!(database, |connection| async {
            let shorten = sqlx::query("pragma wal_checkpoint(truncate)");
            Ok(shorten.execute(connection).await.map(drop)?)
        })
    }

    /// The keys that there are of these, as `(subject, class, n, wrapped)`, in no order.
    pub(super) async fn keys(
        &self,
        keys: &[(&str, &str, u32)],
    ) -> Result<Vec<StoredKey>, VaultError> {
        match self {
            Self::Sqlite(database) => connections::on!(database, |connection| async {
                let statement = "select subject, class, n, wrapped from json_each($1) \
                     cross join vault_keys on subject = value ->> 0 and class = value ->> 1 \
                     and n = value ->> 2";
                let query = sqlx::query_as(statement).bind(json(keys));
                Ok(query.fetch_all(connection).await?)
            }),
            Self::Postgres(database) => connections::on!(database, |connection| async {
                let subjects: Vec<&str> = keys.iter().map(|key| key.0).collect();
                let classes: Vec<&str> = keys.iter().map(|key| key.1).collect();
                let numbers: Vec<i64> = keys.iter().map(|key| key.2.into()).collect();
                let statement = "select subject, class, n, wrapped from vault_keys join \
                     unnest($1::text[], $2::text[], $3::bigint[]) as wanted (subject, class, n) \
                     using (subject, class, n)";
                let query = sqlx::query_as(statement).bind(subjects).bind(classes);
                Ok(query.bind(numbers).fetch_all(connection).await?)
            }),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(connections) => connections.close().await,
            Self::Postgres(connections) => connections.close().await,
        }
    }
}
