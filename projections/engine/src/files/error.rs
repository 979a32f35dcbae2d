//! Why the files of views cannot be opened, read or written.

use std::{io, path::PathBuf};

use meguri_log::ReadError;
use meguri_search::IndexError;

use crate::folding::row::TableError;

/// Why a file cannot be opened or built.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder cannot be made, listed or removed.
    #[error("the folder of the view cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// SQLite refuses.
    #[error("the file of the view cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The file holds something else than a view: delete it, and it grows back.
    #[error("the file of the view is damaged: {0}")]
    Damaged(String),
    /// Rows cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The index beside the rows cannot be made.
    #[error(transparent)]
    Index(#[from] Box<IndexTrouble>),
    /// The log that the file is compared with cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Why nothing was proven either way. Try again.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The file cannot be read now.
    #[error(transparent)]
    File(#[from] TableError),
}

impl From<ProofError> for StoreError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Log(error) => error.into(),
            ProofError::File(error) => error.into(),
        }
    }
}

/// Why the index has not caught up with the rows. What was committed before is whole.
#[derive(Debug, thiserror::Error)]
pub enum IndexTrouble {
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(StoreError),
    /// The index cannot be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Its folder cannot be used.
    #[error("the folder of the index cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// What was written broke off.
    #[error("writing the index broke off: {0}")]
    BrokenOff(String),
}

impl From<StoreError> for IndexTrouble {
    fn from(error: StoreError) -> Self {
        Self::Rows(error)
    }
}

impl From<sqlx::Error> for IndexTrouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Rows(error.into())
    }
}

impl From<TableError> for IndexTrouble {
    fn from(error: TableError) -> Self {
        Self::Rows(error.into())
    }
}

impl From<IndexTrouble> for StoreError {
    fn from(trouble: IndexTrouble) -> Self {
        match trouble {
            IndexTrouble::Rows(error) => error,
            IndexTrouble::Folder(error) => Self::Folder(error),
            IndexTrouble::Index(_) | IndexTrouble::BrokenOff(_) => Self::Index(Box::new(trouble)),
        }
    }
}

impl From<StoreError> for TableError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            StoreError::Table(error) => error,
            StoreError::Damaged(reason) => Self::Damaged(reason),
            StoreError::Folder(error) => sqlx::Error::Io(error).into(),
            StoreError::Log(error) => Self::Damaged(error.to_string()),
            StoreError::Index(trouble) => Self::Damaged(trouble.to_string()),
        }
    }
}

/// Why the views do not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenViewsError {
    /// Another process owns the folder. Ask it through its socket, or stop it.
    #[error("another process owns the views in {}: ask it, or stop it first", .0.display())]
    Owned(PathBuf),
    /// The folder cannot be made or locked.
    #[error("the folder of the views cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// A view cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}
