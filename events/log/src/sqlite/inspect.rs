//! What a file holds that is to be a log: read as it is, by nobody else, and not changed.

use std::path::Path;

use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::{frontiers, query, reading};
use crate::{
    publish::{
        SignedCheckpoint,
        store::{CheckpointRow, stored_checkpoint},
    },
    store::{Head, StoreError},
    stream::Position,
    tree::Frontier,
};

/// Entries that are read at once.
const READ_ENTRIES: u64 = 16_384;

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true);
    SqliteConnection::connect_with(&options)
        .await
        .map_err(reading)
}

/// Its head, its last checkpoint and its verifier key, once SQLite has checked every page.
pub(crate) async fn log(
    path: &Path,
) -> Result<(Head, Option<SignedCheckpoint>, Option<String>), StoreError> {
    let mut connection = connect(path).await?;
    sound(&mut connection).await?;
    let head = query::head(&mut connection).await?;
    let row: Option<CheckpointRow> =
        sqlx::query_as("select size, root, note from checkpoints order by size desc limit 1")
            .fetch_optional(&mut connection)
            .await
            .map_err(reading)?;
    let verifier = sqlx::query_scalar("select verifier from signing_key")
        .fetch_optional(&mut connection)
        .await
        .map_err(reading)?;
    let published = row.map(stored_checkpoint).transpose()?;
    connection.close().await.map_err(reading)?;
    Ok((head, published, verifier))
}

/// Takes in the entries up to a position, as far as they are there.
pub(crate) async fn grow(
    path: &Path,
    frontier: &mut Frontier,
    up_to: Position,
) -> Result<(), StoreError> {
    let mut connection = connect(path).await?;
    while frontier.position() < up_to {
        let after = frontier.position();
        let to = up_to.min(Position::new(after.get() + READ_ENTRIES));
        let entries = frontiers::entries(&mut connection, after, to).await?;
        frontier.extend(&entries);
        if frontier.position() != to {
            break;
        }
    }
    connection.close().await.map_err(reading)
}

async fn sound(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: Vec<String> = sqlx::query_scalar("pragma integrity_check(10)")
        .fetch_all(connection)
        .await
        .map_err(reading)?;
    if found == ["ok"] {
        return Ok(());
    }
    Err(StoreError::Damaged(found.join("; ")))
}

/// Copies the database into a new file, as it is at one moment: its live pages, and no others.
pub(crate) async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(from)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(super::BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(reading)?;
    let to = to
        .to_str()
        .ok_or_else(|| StoreError::Refused(format!("{} is not a name in Unicode", to.display())))?;
    sqlx::query("vacuum into $1")
        .bind(to)
        .execute(&mut connection)
        .await
        .map_err(reading)?;
    connection.close().await.map_err(reading)
}
