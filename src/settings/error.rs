//! Why settings cannot be used, with who said what.

use std::path::PathBuf;

use thiserror::Error;

use super::Origin;
use crate::period::Period;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file that was named cannot be read.
    #[error("cannot read the settings file {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or holds a key or value that nobody knows.
    #[error("the settings file {path} is not right:\n{message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and what, with the line.
        message: String,
    },
    /// A value cannot be read.
    #[error("{origin}: {reason}")]
    Value {
        /// Who said it.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A log in `PostgreSQL` without a vault.
    #[error(
        "DATABASE_URL is set ({0}) but VAULT_URL is not: keys and passwords need a database \
         of their own, with its own backups"
    )]
    VaultMissing(Origin),
    /// A vault in `PostgreSQL` beside a log in a file.
    #[error("VAULT_URL is set ({0}) but DATABASE_URL is not: set both, or neither for SQLite")]
    DatabaseMissing(Origin),
    /// Log and vault in one database.
    #[error("DATABASE_URL and VAULT_URL name the same database: the vault has to be another one")]
    SameDatabase,
    /// The reminder would come after what it reminds of.
    #[error("remind_after ({remind}) has to be shorter than complete_after ({complete})")]
    Periods {
        /// What was set.
        remind: Period,
        /// What was set.
        complete: Period,
    },
}
