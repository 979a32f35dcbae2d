//! Whether a file is sound in itself: SQLite finds nothing wrong, and it declares what its view
//! does.

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::{
    files::{certificate, mismatch::Mismatch, parked, proof},
    folding::{row::TableError, view::AnyView},
};

/// Lets SQLite check a whole file: its pages, and its indexes against its rows.
///
/// # Errors
/// [`TableError`] where that was not found out.
pub async fn of_file(file: &mut SqliteConnection) -> Result<Option<Mismatch>, TableError> {
    let checked = sqlx::query_scalar("pragma main.integrity_check(1)");
    let reason = match checked.fetch_one(file).await {
        Ok(answer) if answer == "ok" => return Ok(None),
        Ok(answer) => answer,
        Err(error) => {
            let error = TableError::from(error);
            proof::damage(&error).ok_or(error)?
        }
    };
    Ok(Some(Mismatch::Damaged { reason }))
}

/// Compares what a file that was built to its end declares with what its view does: a trigger that
/// somebody slipped in is found, and an index that is missing.
///
/// # Errors
/// [`TableError`] where the file cannot be read.
pub async fn of_schema(
    file: &mut SqliteConnection,
    view: &dyn AnyView,
) -> Result<Option<Mismatch>, TableError> {
    let mut memory = SqliteConnection::connect("sqlite::memory:").await?;
    let all = format!("{};\n{}", certificate::SCHEMA, view.schema());
    sqlx::raw_sql(AssertSqlSafe(all))
        .execute(&mut memory)
        .await?;
    parked::create(&mut memory).await?;
    let declared = declared(&mut memory).await?;
    memory.close().await?;
    Ok((self::declared(file).await? != declared).then(|| {
        let reason = "its tables and indexes are not those of the view".to_owned();
        Mismatch::Damaged { reason }
    }))
}

/// Everything that a file declares, by name, as SQLite writes it down.
async fn declared(file: &mut SqliteConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as("select name, sql from sqlite_schema where sql is not null order by name")
        .fetch_all(file)
        .await
}
