//! The tables of a view's file: made empty, and given their indexes when all rows are in.

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use crate::{certificate, error::StoreError, parked, view::AnyView};

/// Creates the tables where there are none yet, without indexes: rows are written faster so.
///
/// # Errors
/// [`StoreError::Damaged`] where the file is of another view or of another shape.
pub(crate) async fn create(
    file: &mut SqliteConnection,
    view: &dyn AnyView,
) -> Result<(), StoreError> {
    let mut transaction = file.begin_with("begin immediate").await?;
    let there = sqlx::query("select 1 from sqlite_schema where name = 'certificate'")
        .fetch_optional(&mut *transaction)
        .await?;
    if there.is_none() {
        let tables = statements(view.schema(), "table").await?.join(";\n");
        let all = format!("{};\n{tables}", certificate::SCHEMA);
        sqlx::raw_sql(AssertSqlSafe(all))
            .execute(&mut *transaction)
            .await?;
        let empty = "insert into certificate (only, view, fingerprint, position, frontier, built)
            values (1, ?, ?, 0, ?, 0)";
        sqlx::query(empty)
            .bind(view.name())
            .bind(view.fingerprint())
            .bind(meguri_log::Frontier::default().to_bytes())
            .execute(&mut *transaction)
            .await?;
    }
    parked::create(&mut transaction).await?;
    let of = sqlx::query("select view, fingerprint from certificate")
        .fetch_one(&mut *transaction)
        .await?;
    let (name, fingerprint): (String, String) = (of.try_get(0)?, of.try_get(1)?);
    if name != view.name() || fingerprint != view.fingerprint() {
        let reason = format!("it is of the view {name} with fingerprint {fingerprint}");
        return Err(StoreError::Damaged(reason));
    }
    Ok(transaction.commit().await?)
}

/// Creates the indexes, and notes that the file is built.
pub(crate) async fn finish(
    file: &mut SqliteConnection,
    view: &dyn AnyView,
) -> Result<(), sqlx::Error> {
    let mut transaction = file.begin_with("begin immediate").await?;
    for index in statements(view.schema(), "index").await? {
        sqlx::raw_sql(AssertSqlSafe(index))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql("update certificate set built = 1")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
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
