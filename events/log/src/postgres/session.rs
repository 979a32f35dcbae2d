//! Sessions of PostgreSQL as the log and the vault need them, also behind a connection pooler.

use std::{str::FromStr, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, postgres::PgConnectOptions};

use super::reading;
use crate::{
    connections::{Connections, Lease, Patience, on},
    store::StoreError,
};

/// How long a connection may take to be made.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What holds in every session.
const SETTINGS: [(&str, &str); 8] = [
    ("default_transaction_isolation", "read committed"),
    ("synchronous_commit", "on"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("statement_timeout", "1min"),
    ("lock_timeout", "20s"),
    ("tcp_user_timeout", "10000"),
    ("tcp_keepalives_idle", "10"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// What is to be done about a pooler that shares sessions.
const SHARED: &str = "a connection pooler gives this log another session with each transaction; \
    locks, notifications and timeouts need one that stays: connect to PostgreSQL directly, or set \
    pool_mode = session for this database (PgBouncer)";

/// The options of connections to the database at this URL.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(reading)?;
    // No column is a floating-point number, and PgBouncer refuses a session that sets this.
    Ok(options
        .application_name("meguri-log")
        .extra_float_digits(None))
}

/// Connections that wait this long for each answer, and whose sessions are as they must be.
pub(crate) fn connections(
    url: &str,
    most: u32,
    answer: Duration,
) -> Result<Connections<PgConnection>, StoreError> {
    let (options, settings) = (options(url)?, settings());
    let patience = Patience {
        connect: CONNECT_WITHIN.min(answer),
        answer: Some(answer),
    };
    let connections = Connections::new(most, patience, move || {
        let (options, settings) = (options.clone(), settings.clone());
        async move {
            let mut connection = options.connect().await?;
            let setting = sqlx::raw_sql(AssertSqlSafe(settings));
            setting.execute(&mut connection).await?;
            Ok(connection)
        }
    });
    Ok(connections)
}

/// Sets [`SETTINGS`]. It is a statement, and not in the message that starts a session: poolers
/// refuse what they do not know in that one, or pass over it in silence.
fn settings() -> String {
    let settings = SETTINGS.map(|(name, value)| format!("set_config('{name}', '{value}', false)"));
    format!("select {}", settings.join(", "))
}

/// Refuses a pooler that gives a client another session with each transaction: while one session is
/// busy with a transaction, another one must still be the one that it was, and be no other's.
pub(crate) async fn refuse_shared_sessions(
    connections: &Connections<PgConnection>,
) -> Result<(), StoreError> {
    let (mut one, mut other) = (connections.lease().await?, connections.lease().await?);
    let before = session(&mut one).await?;
    on!(other, |connection| async {
        let begin = sqlx::raw_sql("begin").execute(connection).await;
        // A pooler that shares even the statements of a transaction refuses to begin one.
        let refused = |error| StoreError::Unreachable(format!("{SHARED} ({error})"));
        begin.map(drop).map_err(refused)
    })?;
    let busy = session(&mut other).await?;
    // A pooler that has no other session to give lets this wait until time is up.
    let during = tokio::time::timeout(CONNECT_WITHIN, session(&mut one)).await;
    let during = during.map_err(|_| StoreError::Unreachable(SHARED.into()))??;
    on!(other, |connection| async {
        let end = sqlx::raw_sql("rollback").execute(connection).await;
        end.map(drop).map_err(reading)
    })?;
    if busy == before || during != before {
        return Err(StoreError::Unreachable(SHARED.into()));
    }
    one.give_back();
    other.give_back();
    Ok(())
}

/// Which process of the server answers.
async fn session(lease: &mut Lease<PgConnection>) -> Result<i32, StoreError> {
    on!(lease, |connection| async {
        // Not prepared: what is prepared may be refused before it is known why.
        let asked = sqlx::raw_sql("select pg_backend_pid()");
        let row = asked.fetch_one(connection).await.map_err(reading)?;
        sqlx::Row::try_get(&row, 0).map_err(reading)
    })
}

#[cfg(test)]
mod tests {
    use meguri_postgres_cluster::Cluster;
    use meguri_test_logs::Pooler;

    use super::*;

    async fn setting(connections: &Connections<PgConnection>, name: &str) -> String {
        let value: Result<String, StoreError> = on!(connections, |connection| async {
            let value = sqlx::query_scalar("select current_setting($1)").bind(name);
            value.fetch_one(connection).await.map_err(reading)
        });
        value.unwrap()
    }

    #[tokio::test]
    async fn every_setting_is_in_force_directly_and_behind_a_pooler_whatever_it_passes_over() {
        let cluster = Cluster::start().unwrap();
        let direct = cluster.create_database().unwrap();
        let strict = Pooler::start(cluster.port(), "session", "");
        let more = "ignore_startup_parameters = options,extra_float_digits";
        let lenient = Pooler::start(cluster.port(), "session", more);
        for url in [direct.clone(), strict.url(&direct), lenient.url(&direct)] {
            let connections = connections(&url, 1, Duration::from_secs(30)).unwrap();
            for (name, value) in SETTINGS {
                let found = setting(&connections, name).await;
                // A pooler is beside the server: what is set of TCP is set of that connection.
                assert_eq!(found, value, "{name} through {url}");
            }
            connections.close().await;
        }
    }
}
