//! Why a query is not answered.

use meguri_search::IndexError;

use meguri_engine::{ReadViewError, TableError};

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such thing, or not yet: see `min_position`.
    #[error("there is no such entry")]
    NotFound,
    /// It is there, and not for the member who asks.
    #[error("only the parties of the exchange may see this")]
    NotAParty,
    /// The view is being built for the first time, or stopped before it could be read. Try later.
    #[error("the view {0} cannot be read yet: it is being built")]
    NotReady(&'static str),
    /// The index cannot be searched. Try again; if it stays so, the view has to be rebuilt.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The search broke off. Try again.
    #[error("the search broke off: {0}")]
    BrokenOff(String),
    /// The file cannot be read. Try again; if it stays so, the view has to be rebuilt.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<ReadViewError> for QueryError {
    fn from(error: ReadViewError) -> Self {
        match error {
            ReadViewError::NotReady(view) => Self::NotReady(view),
            ReadViewError::Table(error) => Self::Table(error),
        }
    }
}
