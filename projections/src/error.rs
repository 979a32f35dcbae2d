//! Why a view's file cannot be opened or built.

use meguri_log::ReadError;

use crate::{index::IndexTrouble, row::TableError};

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
