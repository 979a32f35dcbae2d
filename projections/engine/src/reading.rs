//! Reading a view: from its live file, through connections that cannot write.

use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::{
    files::index::TextIndex,
    folding::{
        cell::Cell,
        row::{Row, TableError, select, select_by_keys},
    },
    past::Past,
    running::view_handle::ViewHandle,
    views::Views,
};

/// Why a view was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadViewError {
    /// The view is being built for the first time, or stopped before it could be read. Try later.
    #[error("the view {0} cannot be read yet: it is being built")]
    NotReady(&'static str),
    /// The file cannot be read. Try again; if it stays so, the view has to be rebuilt.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Reads one view.
#[derive(Clone, Debug)]
pub enum ViewReader {
    /// What is live at the moment of each query.
    Live(Arc<ViewHandle>),
    /// The view as of a position.
    Past(Past),
    /// A view that cannot be read here.
    None(&'static str),
}

impl ViewReader {
    /// Rows by the part of a query that follows `select … from …`.
    pub async fn select<R: Row>(
        &self,
        rest: &str,
        cells: Vec<Cell>,
    ) -> Result<Vec<R>, ReadViewError> {
        let selected = select(&self.file()?, rest, cells).await;
        selected.map_err(|error| self.failed(error))
    }

    /// The first row that a query finds, if any.
    pub async fn first<R: Row>(
        &self,
        rest: &str,
        cells: Vec<Cell>,
    ) -> Result<Option<R>, ReadViewError> {
        Ok(self.select(rest, cells).await?.into_iter().next())
    }

    /// The rows of these keys, with one query.
    pub async fn by_keys<R: Row>(
        &self,
        keys: impl IntoIterator<Item = R::Key>,
    ) -> Result<Vec<R>, ReadViewError> {
        let keys: Vec<R::Key> = keys.into_iter().collect();
        let selected = select_by_keys(&self.file()?, keys.iter()).await;
        selected.map_err(|error| self.failed(error))
    }

    /// One moment of the view, for several queries that must not see different ones.
    pub async fn moment(&self) -> Result<Transaction<'static, Sqlite>, ReadViewError> {
        let begun = self.file()?.begin().await;
        begun.map_err(|error| self.failed(error.into()))
    }

    /// What is found of the rows.
    pub fn index(&self) -> Result<Arc<TextIndex>, ReadViewError> {
        let (index, view) = match self {
            Self::Live(handle) => (handle.index(), handle.name()),
            Self::Past(past) => (past.index(), past.view()),
            Self::None(view) => (None, *view),
        };
        if !self.is_whole() {
            return Err(ReadViewError::NotReady(view));
        }
        index.ok_or(ReadViewError::NotReady(view))
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
    fn failed(&self, error: TableError) -> ReadViewError {
        if let Self::Live(handle) = self {
            handle.suspect();
        }
        error.into()
    }

    fn file(&self) -> Result<SqlitePool, ReadViewError> {
        if !self.is_whole() {
            return Err(ReadViewError::NotReady(self.view()));
        }
        match self {
            Self::Live(handle) => {
                handle.reads.count();
                handle
                    .readers()
                    .ok_or(ReadViewError::NotReady(handle.name()))
            }
            Self::Past(past) => Ok(past.readers()),
            Self::None(view) => Err(ReadViewError::NotReady(view)),
        }
    }
}

impl Views {
    /// Reads a view as it is at the moment of each query. One that does not run here cannot be
    /// read.
    pub fn read(&self, view: &'static str) -> ViewReader {
        match self.handle(view) {
            Some(handle) => ViewReader::Live(Arc::clone(handle)),
            None => ViewReader::None(view),
        }
    }
}
