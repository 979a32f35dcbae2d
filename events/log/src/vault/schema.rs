//! The tables of the vault, made where they are missing, and what those of earlier releases lack.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::VaultError;

const TABLES: [&str; 5] = [
    "create table if not exists vault_meta (name text primary key, value BYTES not null)",
    "create table if not exists vault_keys (subject text not null, class text not null, \
     n bigint not null, epoch bigint not null, wrapped BYTES, destroyed_at bigint, \
     primary key (subject, class, n))",
    "create table if not exists vault_passwords (subject text primary key, phc text not null)",
    "create table if not exists vault_tokens (hash BYTES primary key, subject text not null, \
     role text not null, issued_at bigint not null)",
    "create table if not exists vault_places (subject text not null, place BYTES not null, \
     seen_at bigint not null, primary key (subject, place))",
];

/// The tables that every vault has which holds anything. One that has lost any is not completed:
/// what its keys sealed would be read as erased.
const FIRST: [&str; 3] = ["vault_keys", "vault_passwords", "vault_tokens"];

/// Refuses a vault that has lost a table. `there` are those that it has, and `is_used` says whether
/// it holds anything of its own.
fn refuse_lost(there: &[String], is_used: bool) -> Result<(), VaultError> {
    let is_there = |table: &&str| there.iter().any(|name| name == table);
    match FIRST.iter().find(|table| !is_there(table)) {
        Some(lost) if is_used => Err(VaultError::Damaged(format!(
            "its table {lost} is gone: put back a backup of it"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Columns of `vault_tokens` that came later. They may be null: an earlier release may run, and
/// write, beside this one.
const COLUMNS: [(&str, &str); 2] = [
    (
        "expires_at",
        "alter table vault_tokens add column expires_at bigint",
    ),
    (
        "used_at",
        "alter table vault_tokens add column used_at bigint",
    ),
];

/// Whether a vault holds anything of its own.
const IS_USED: &str = "select count(*) > 0 from vault_meta";

const INDEXES: [&str; 2] = [
    "create index if not exists vault_tokens_by_subject on vault_tokens (subject)",
    "create index if not exists vault_tokens_by_expiry on vault_tokens (expires_at)",
];

pub(super) async fn make_in_sqlite(connection: &mut SqliteConnection) -> Result<(), VaultError> {
    let there = "select name from sqlite_schema where type = 'table'";
    let there: Vec<String> = sqlx::query_scalar(there)
        .fetch_all(&mut *connection)
        .await?;
    if there.iter().any(|name| name == "vault_meta") {
        let is_used = sqlx::query_scalar(IS_USED);
        refuse_lost(&there, is_used.fetch_one(&mut *connection).await?)?;
    }
    for table in TABLES {
        let table = table.replace("BYTES", "blob");
        sqlx::query(AssertSqlSafe(table))
            .execute(&mut *connection)
            .await?;
    }
    let has = "select count(*) > 0 from pragma_table_info('vault_tokens') where name = $1";
    for (column, add) in COLUMNS {
        let found: bool = sqlx::query_scalar(has)
            .bind(column)
            .fetch_one(&mut *connection)
            .await?;
        if found {
            continue;
        }
        // Asked again with the file locked: another process may be adding it.
        let mut once = connection.begin_with("begin immediate").await?;
        let found: bool = sqlx::query_scalar(has)
            .bind(column)
            .fetch_one(&mut *once)
            .await?;
        if !found {
            sqlx::query(add).execute(&mut *once).await?;
        }
        once.commit().await?;
    }
    for index in INDEXES {
        sqlx::query(index).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn make_in_postgres(connection: &mut PgConnection) -> Result<(), VaultError> {
    // Two processes that create the same table at once trip over each other.
    let mut once = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(7296047)")
        .execute(&mut *once)
        .await?;
    let there = "select relname::text from pg_class where relkind = 'r' \
                 and pg_table_is_visible(oid) and relname like 'vault\\_%'";
    let there: Vec<String> = sqlx::query_scalar(there).fetch_all(&mut *once).await?;
    if there.iter().any(|name| name == "vault_meta") {
        let is_used = sqlx::query_scalar(IS_USED);
        refuse_lost(&there, is_used.fetch_one(&mut *once).await?)?;
    }
    for table in TABLES {
        let table = table.replace("BYTES", "bytea");
        sqlx::query(AssertSqlSafe(table))
            .execute(&mut *once)
            .await?;
    }
    for (column, add) in COLUMNS {
        // Asked first: altering a table waits until nobody reads it.
        let found: bool = sqlx::query_scalar(
            "select count(*) > 0 from pg_attribute where not attisdropped \
             and attrelid = 'vault_tokens'::regclass and attname = $1",
        )
        .bind(column)
        .fetch_one(&mut *once)
        .await?;
        if !found {
            sqlx::query(add).execute(&mut *once).await?;
        }
    }
    for index in INDEXES {
        sqlx::query(index).execute(&mut *once).await?;
    }
    once.commit().await?;
    Ok(())
}
