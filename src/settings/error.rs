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
    /// A variable whose bytes are no text.
    #[error("environment {0}: its value is not UTF-8")]
    NotUnicode(&'static str),
    /// A variable that looks like one of ours, and is none.
    #[error("environment {name}: there is no such setting{}", match .nearest {
        Some(nearest) => format!("; {nearest} is meant, perhaps"),
        None => String::new(),
    })]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The known one that is most like it, if it is a slip of a few letters.
        nearest: Option<&'static str>,
    },
    /// A folder that SQLite cannot be given.
    #[error("{0}: the name of the data folder is not UTF-8")]
    FolderName(Origin),
    /// A value cannot be read.
    #[error("{origin}: {reason}")]
    Value {
        /// Where it was said.
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
    /// Backups by itself of what `PostgreSQL` keeps.
    #[error(
        "backup_every is set ({0}), and PostgreSQL copies its databases by its own tools: run \
         those as often, with `meguri backup` before them (docs/backup.md)"
    )]
    BackupsOfPostgres(Origin),
    /// The reminder would come after what it reminds of.
    #[error("remind_after ({remind}) has to be shorter than complete_after ({complete})")]
    Periods {
        /// What was set.
        remind: Period,
        /// What was set.
        complete: Period,
    },
}

impl SettingsError {
    /// What the person at the keyboard may try next.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most say enough themselves")]
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::FolderName(_) => {
                Some("rename the folder, or give it by a symbolic link whose name is UTF-8")
            }
            Self::VaultMissing(_) => Some(
                "make a second database and set VAULT_URL=postgres://… to it, or unset \
                 DATABASE_URL to use files",
            ),
            _ => None,
        }
    }
}
