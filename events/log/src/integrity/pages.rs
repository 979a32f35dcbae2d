//! What a database finds wrong in its own pages, and in its indexes against its tables.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::{
    connections::{Connections, on},
    store::StoreError,
};

/// Steps of SQLite's machine between two looks at the time.
const STEPS: i32 = 100_000;

/// What SQLite finds wrong in a file, at most a hundred things; as far as it gets within this time.
pub(crate) async fn sqlite(
    connection: &mut SqliteConnection,
    within: Option<Duration>,
) -> Result<Vec<String>, sqlx::Error> {
    let (begun, stopped) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    if let Some(within) = within {
        let stopped = Arc::clone(&stopped);
        let goes_on = move || {
            let is_over = begun.elapsed() > within;
            stopped.fetch_or(is_over, Ordering::Relaxed);
            !is_over
        };
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS, goes_on);
    }
    let said = sqlx::query_scalar::<_, String>("pragma integrity_check(100)");
    let said = said.fetch_all(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match said {
        Ok(said) if said == ["ok"] => Ok(Vec::new()),
        Ok(said) => Ok(said
            .iter()
            .flat_map(|it| it.lines())
            .map(str::to_owned)
            .collect()),
        Err(_) if stopped.load(Ordering::Relaxed) => {
            tracing::info!("the file is larger than can be looked through at start");
            Ok(Vec::new())
        }
        // It does not get any further: the file is no database, or a page of its schema is gone.
        Err(sqlx::Error::Database(error)) => Ok(vec![error.to_string()]),
        Err(error) => Err(error),
    }
}

/// How `PostgreSQL` calls an index or a table that is damaged (its appendix A, class XX).
const DAMAGED: [&str; 2] = ["XX001", "XX002"];
/// How it calls a statement that took too long.
const TOOK_TOO_LONG: &str = "57014";
/// How long one index is looked through at most, however long the audit takes: each event is looked
/// up by it besides.
const INDEX_MAX: Duration = Duration::from_secs(8);
/// Whether `amcheck` is there, and for us.
const INSTALLED: &str = "select exists (select 1 from pg_proc where proname = 'bt_index_check' \
    and pronargs = 2 and pg_function_is_visible(oid) and has_function_privilege(oid, 'execute'))";
/// The names of the indexes of this schema that it can look through.
const INDEXES: &str = "select indexrelid::regclass::text from pg_index \
    join pg_class on pg_class.oid = indexrelid join pg_am on pg_am.oid = relam \
    where amname = 'btree' and relnamespace = current_schema()::regnamespace order by 1";

/// What PostgreSQL's `amcheck` finds wrong in the indexes of this schema, each against its table;
/// nothing where it is not installed, or not for us.
pub(crate) async fn postgres(
    connections: &Connections<PgConnection>,
    within: Option<Duration>,
) -> Result<Vec<String>, StoreError> {
    let installed: bool = on!(connections, |connection| async {
        let installed = sqlx::query_scalar(INSTALLED).fetch_one(connection).await;
        installed.map_err(unreachable)
    })?;
    if !installed {
        return Ok(Vec::new());
    }
    let indexes: Vec<String> = on!(connections, |connection| async {
        let indexes = sqlx::query_scalar(INDEXES).fetch_all(connection).await;
        indexes.map_err(unreachable)
    })?;
    let (mut found, within) = (Vec::new(), within.unwrap_or(INDEX_MAX));
    for index in indexes {
        found.extend(on!(connections, |connection| async {
            damage(connection, &index, within)
                .await
                .map_err(unreachable)
        })?);
    }
    Ok(found)
}

/// What is wrong with one index, as far as it can be looked through within this time.
async fn damage(
    connection: &mut PgConnection,
    index: &str,
    within: Duration,
) -> Result<Option<String>, sqlx::Error> {
    let mut looking = connection.begin().await?;
    let limit = format!("set local statement_timeout = {}", within.as_millis());
    let limit = sqlx::AssertSqlSafe(limit);
    sqlx::raw_sql(limit).execute(&mut *looking).await?;
    let looked = sqlx::query("select bt_index_check($1::text::regclass, true)")
        .bind(index)
        .execute(&mut *looking)
        .await;
    looking.rollback().await?;
    let Err(error) = looked else { return Ok(None) };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some(code) if DAMAGED.contains(&code) => Ok(Some(format!("{index}: {error}"))),
        Some(TOOK_TOO_LONG) => {
            tracing::info!(index, "the index is larger than can be looked through");
            Ok(None)
        }
        _ => Err(error),
    }
}

fn unreachable(error: sqlx::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}
