//! What goes wrong with an index.

use std::path::PathBuf;

use tantivy::TantivyError;

use crate::analyzer::AnalyzerError;

/// Why an index does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The folder holds no index of this release, or a broken one: clear it, and put all again.
    #[error("the index in {folder} cannot be opened: {source}")]
    Open {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: Box<TantivyError>,
    },
    /// Somebody writes there already: let that be let go first.
    #[error("the index in {folder} is being written already")]
    InUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// It was let go: open it again to write.
    #[error("the index was let go, and is only read")]
    LetGo,
    /// Nothing could be written: the last commit holds. Put again what came after it.
    #[error("the index cannot be written: {0}")]
    Write(Box<TantivyError>),
    /// Files are not what was written: clear the folder, and put all again.
    #[error("the index is damaged: {0:?}")]
    Damaged(Vec<PathBuf>),
    /// A query cannot be answered.
    #[error("the index cannot be searched: {0}")]
    Search(Box<TantivyError>),
    /// The words of the community are not taken; the former ones hold.
    #[error(transparent)]
    Words(#[from] AnalyzerError),
}

impl IndexError {
    pub(crate) fn search(error: impl Into<TantivyError>) -> Self {
        Self::Search(Box::new(error.into()))
    }

    pub(crate) fn write(error: TantivyError) -> Self {
        Self::Write(Box::new(error))
    }
}
