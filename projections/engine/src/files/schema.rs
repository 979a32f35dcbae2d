//! The tables of a view's file: made empty, and given their indexes when all rows are in.

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::{
    files::{certificate, error::StoreError, parked},
    folding::view::AnyView,
};

/// Creates the tables where there are none yet, without indexes: rows are written faster so.
///
/// # Errors
/// [`StoreError::Damaged`] where the file is of another view or of another shape.
pub async fn create(file: &mut SqliteConnection, view: &dyn AnyView) -> Result<(), StoreError> {
    begin(file).await?;
    let created = create_within(file, view).await;
    end(file, created).await
}

async fn create_within(file: &mut SqliteConnection, view: &dyn AnyView) -> Result<(), StoreError> {
    let there = sqlx::query("select 1 from sqlite_schema where name = 'certificate'")
        .fetch_optional(&mut *file)
        .await?;
    if there.is_none() {
        let tables = statements(view.schema(), "table").await?.join(";\n");
        let all = format!("{};\n{tables}", certificate::SCHEMA);
        sqlx::raw_sql(AssertSqlSafe(all))
            .execute(&mut *file)
            .await?;
        let empty = "insert into certificate (only, view, fingerprint, position, frontier, built)
            values (1, ?, ?, 0, ?, 0)";
        sqlx::query(empty)
            .bind(view.name())
            .bind(view.fingerprint())
            .bind(meguri_log::Frontier::default().to_bytes())
            .execute(&mut *file)
            .await?;
    }
    parked::create(&mut *file).await?;
    let of = sqlx::query("select view, fingerprint from certificate")
        .fetch_one(&mut *file)
        .await?;
    let (name, fingerprint): (String, String) = (of.try_get(0)?, of.try_get(1)?);
    if name != view.name() || fingerprint != view.fingerprint() {
        let reason = format!("it is of the view {name} with fingerprint {fingerprint}");
        return Err(StoreError::Damaged(reason));
    }
    Ok(())
}

/// Creates the indexes, and notes that the file is built.
pub async fn finish(file: &mut SqliteConnection, view: &dyn AnyView) -> Result<(), sqlx::Error> {
    begin(file).await?;
    let finished = finish_within(file, view).await;
    end(file, finished).await
}

async fn finish_within(file: &mut SqliteConnection, view: &dyn AnyView) -> Result<(), sqlx::Error> {
    for index in statements(view.schema(), "index").await? {
        sqlx::raw_sql(AssertSqlSafe(index))
            .execute(&mut *file)
            .await?;
    }
    sqlx::raw_sql("update certificate set built = 1")
        .execute(&mut *file)
        .await?;
    Ok(())
}

/// Begins a transaction by a plain statement: nothing but the file itself keeps book of whether one
/// is open, which an outage of the disk may have ended.
async fn begin(file: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("begin immediate").execute(file).await?;
    Ok(())
}

/// Commits what was done, or takes it back.
async fn end<E: From<sqlx::Error>>(
    file: &mut SqliteConnection,
    done: Result<(), E>,
) -> Result<(), E> {
    let committed = match done {
        Ok(()) => sqlx::raw_sql("commit").execute(&mut *file).await,
        Err(error) => {
            // Refused where the failure has ended the transaction.
            let _ = sqlx::raw_sql("rollback").execute(file).await;
            return Err(error);
        }
    };
    if let Err(error) = committed {
        let _ = sqlx::raw_sql("rollback").execute(file).await;
        return Err(error.into());
    }
    Ok(())
}

/// The statements of a schema that create things of a kind, as SQLite understands them.
async fn statements(schema: &'static str, kind: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut memory = SqliteConnection::connect("sqlite::memory:").await?;
    sqlx::raw_sql(schema).execute(&mut memory).await?;
    let all = "select sql from sqlite_schema where type = ? and sql is not null order by rowid";
    let found = sqlx::query_scalar(all)
        .bind(kind)
        .fetch_all(&mut memory)
        .await?;
    memory.close().await?;
    Ok(found)
}
