//! What stands where a database of ours is looked for: it may be something else, which is neither
//! read as a log nor made into one.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::{apart, options::OpenError};

/// How every file of SQLite begins (<https://www.sqlite.org/fileformat2.html>, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// A table by which a log is known, and one by which a vault is.
const LOG_TABLE: &str = "events";
const VAULT_TABLE: &str = "vault_meta";
/// The table in which migrations are noted, which stands there before any of ours.
const MIGRATIONS: &str = "_sqlx_migrations";

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFound {
    /// Nothing.
    Nothing,
    /// A file without a byte.
    Empty,
    /// A folder.
    Folder,
    /// A socket, a pipe, a device.
    NoFile,
    /// It cannot be read; what the system said.
    Unreadable(String),
    /// A file, and none of SQLite.
    NoDatabase,
    /// A database, and none of ours.
    OtherDatabase,
    /// A database.
    Database,
}

impl FileFound {
    /// What stands at this path, as far as its first bytes tell.
    pub fn at(path: &Path) -> Self {
        match Self::look(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Nothing,
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    fn look(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        if file.is_dir() {
            return Ok(Self::Folder);
        }
        if !file.is_file() {
            return Ok(Self::NoFile);
        }
        let mut begins = Vec::new();
        let take = u64::try_from(MAGIC.len()).expect("INVARIANT: it is 16");
        File::open(path)?.take(take).read_to_end(&mut begins)?;
        Ok(match begins.as_slice() {
            [] => Self::Empty,
            begins if begins == MAGIC => Self::Database,
            _ => Self::NoDatabase,
        })
    }
}

impl fmt::Display for FileFound {
    /// As it follows the name of what stands there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("is not there"),
            Self::Empty => f.write_str("is a file of 0 bytes"),
            Self::Folder => f.write_str("is a folder"),
            Self::NoFile => f.write_str("is a device, a pipe or a socket, and no file"),
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Self::NoDatabase => f.write_str("is a file that does not begin as those of SQLite"),
            Self::OtherDatabase => {
                f.write_str("is another database than the one that belongs there")
            }
            Self::Database => f.write_str("is a database"),
        }
    }
}

/// Refuses what is no log, or no vault; nothing and an empty file only where it is only read, for
/// otherwise a new one is made there, each in a file of its own.
pub(crate) async fn require_ours(
    log: &Path,
    vault: Option<&PathBuf>,
    is_read: bool,
) -> Result<(), OpenError> {
    if let (Some(vault), false) = (vault, is_read) {
        apart::are_files(log, vault)?;
    }
    require_table(log, LOG_TABLE, is_read).await?;
    match vault {
        Some(vault) => require_table(vault, VAULT_TABLE, is_read).await,
        None => Ok(()),
    }
}

async fn require_table(path: &Path, table: &str, is_read: bool) -> Result<(), OpenError> {
    let mut found = FileFound::at(path);
    if !is_read && matches!(found, FileFound::Nothing | FileFound::Empty) {
        return Ok(());
    }
    if found == FileFound::Database {
        if !belongs_to_others(path, table).await {
            return Ok(());
        }
        found = FileFound::OtherDatabase;
    }
    Err(OpenError::NotOurs {
        path: path.to_owned(),
        found,
    })
}

/// Whether the file has tables, and not this one. Its journal is left alone: a database whose
/// tables stand in that alone has been begun just now. What cannot be told is told by opening it.
async fn belongs_to_others(path: &Path, table: &str) -> bool {
    let options = SqliteConnectOptions::new().filename(path);
    let Ok(mut connection) = options.read_only(true).immutable(true).connect().await else {
        return false;
    };
    let tables = sqlx::query_scalar("select name from sqlite_schema where type = 'table'");
    let tables: Vec<String> = tables.fetch_all(&mut connection).await.unwrap_or_default();
    let _ = connection.close().await;
    let is_begun = tables.iter().all(|name| name == MIGRATIONS);
    !is_begun && !tables.iter().any(|name| name == table)
}
