//! Keeps the journal of a file short, beside the one who writes: bringing pages into the file waits
//! for the disk, and readers of their own writes must not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use meguri_log::answered;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio_util::task::AbortOnDropHandle;

use crate::files::seal::Seal;

/// How often the journal is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A journal that is longer is brought into the file.
const JOURNAL_BYTES: u64 = 4 * 1024 * 1024;

/// Looks after the journal of this database for as long as the handle lives.
pub fn keep_short(database: PathBuf, seal: Arc<Seal>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut journal = database.clone().into_os_string();
        journal.push("-wal");
        loop {
            tokio::time::sleep(EVERY).await;
            let long = std::fs::metadata(&journal).is_ok_and(|file| file.len() > JOURNAL_BYTES);
            if long {
                let _ours = seal.writing();
                if let Err(error) = answered(shorten(&database)).await {
                    tracing::debug!(%error, "the journal of a view stays long for now");
                }
            }
        }
    }))
}

async fn shorten(database: &Path) -> Result<(), sqlx::Error> {
    let file = SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&file).await?;
    // Passive: it waits for nobody. The journal starts over when nobody reads its end any more.
    sqlx::raw_sql("pragma wal_checkpoint(passive)")
        .execute(&mut connection)
        .await?;
    connection.close().await
}
