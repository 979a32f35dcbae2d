//! Reading a view: from its live file, through connections that cannot write.

use std::sync::Arc;

use meguri_search::IndexError;
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::engine::{
    files::index::TextIndex,
    folding::{
        cell::Cell,
        row::{Row, TableError, select, select_by_keys},
    },
    past::Past,
    running::view_handle::ViewHandle,
};

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

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Table(error.into())
    }
}

/// Reads one view.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    /// What is live at the moment of each query.
    Live(Arc<ViewHandle>),
    /// The view as of a position.
    Past(Past),
    /// A view that cannot be read here.
    None(&'static str),
}

impl Reader {
    /// Rows by the part of a query that follows `select … from …`.
    pub(crate) async fn select<R: Row>(
        &self,
        rest: &str,
        cells: Vec<Cell>,
    ) -> Result<Vec<R>, QueryError> {
        let selected = select(&self.file()?, rest, cells).await;
        selected.map_err(|error| self.failed(error))
    }

    /// The one row that there should be.
    pub(crate) async fn one<R: Row>(&self, rest: &str, cells: Vec<Cell>) -> Result<R, QueryError> {
        let rows = self.select(rest, cells).await?;
        rows.into_iter().next().ok_or(QueryError::NotFound)
    }

    /// The rows of these keys, with one query.
    pub(crate) async fn by_keys<R: Row>(
        &self,
        keys: impl IntoIterator<Item = R::Key>,
    ) -> Result<Vec<R>, QueryError> {
        let keys: Vec<R::Key> = keys.into_iter().collect();
        let selected = select_by_keys(&self.file()?, keys.iter()).await;
        selected.map_err(|error| self.failed(error))
    }

    /// One moment of the view, for several queries that must not see different ones.
    pub(crate) async fn moment(&self) -> Result<Transaction<'static, Sqlite>, QueryError> {
        let begun = self.file()?.begin().await;
        begun.map_err(|error| self.failed(error.into()))
    }

    /// What is found of the rows.
    pub(crate) fn index(&self) -> Result<Arc<TextIndex>, QueryError> {
        let (index, view) = match self {
            Self::Live(handle) => (handle.index(), handle.name()),
            Self::Past(past) => (past.index(), past.view()),
            Self::None(view) => (None, *view),
        };
        if !self.is_whole() {
            return Err(QueryError::NotReady(view));
        }
        index.ok_or(QueryError::NotReady(view))
    }

    fn view(&self) -> &'static str {
        match self {
            Self::Live(handle) => handle.name(),
            Self::Past(past) => past.view(),
            Self::None(view) => view,
        }
    }

    /// Whether the file is as this process left it.
    fn is_whole(&self) -> bool {
        match self {
            Self::Live(handle) => handle.is_whole(),
            Self::Past(past) => past.is_whole(),
            Self::None(_) => true,
        }
    }

    /// What cannot be read is looked through.
    fn failed(&self, error: TableError) -> QueryError {
        if let Self::Live(handle) = self {
            handle.suspect();
        }
        error.into()
    }

    fn file(&self) -> Result<SqlitePool, QueryError> {
        if !self.is_whole() {
            return Err(QueryError::NotReady(self.view()));
        }
        match self {
            Self::Live(handle) => {
                handle.reads.count();
                handle.readers().ok_or(QueryError::NotReady(handle.name()))
            }
            Self::Past(past) => Ok(past.readers()),
            Self::None(view) => Err(QueryError::NotReady(view)),
        }
    }
}
