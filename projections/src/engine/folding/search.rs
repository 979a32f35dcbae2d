//! What a view that is searched says of its rows: an index is made of that beside them.

use async_trait::async_trait;
use meguri_log::Position;
use meguri_search::{Analyzer, Document, UserWord};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::engine::folding::row::TableError;

/// How a view is searched.
#[derive(Clone)]
pub(crate) struct Searching {
    /// What its text is found by.
    pub(crate) analyzer: Analyzer,
    /// What the index is made of.
    pub(crate) source: &'static dyn IndexSource,
}

/// A row as the index takes it up.
pub(crate) struct IndexedRow {
    /// The id of its document.
    pub(crate) id: Uuid,
    /// Its key, as the file stores it.
    pub(crate) key: String,
    /// The position of the last event that changed it.
    pub(crate) changed: Position,
    /// What is found of it; none where it is not to be found.
    pub(crate) document: Option<Document>,
}

/// The words that search goes by.
#[derive(Default)]
pub(crate) struct Words {
    /// Those that are kept whole.
    pub(crate) whole: Vec<UserWord>,
    /// Those that came or went since the index was written: what has them is cut otherwise now.
    pub(crate) changed: Vec<UserWord>,
    /// Those that stand for each other, in groups.
    pub(crate) synonyms: Vec<Vec<String>>,
}

/// Rows of a view as documents of its index.
#[async_trait]
pub(crate) trait IndexSource: Send + Sync {
    /// The tables that the words are in.
    fn word_tables(&self) -> &'static [&'static str];

    /// The words, of which some have changed after a position.
    async fn words(
        &self,
        rows: &mut SqliteConnection,
        after: Position,
    ) -> Result<Words, TableError>;

    /// Rows by the position at which they were changed, then by their key, from behind this place.
    async fn rows(
        &self,
        rows: &mut SqliteConnection,
        after: (Position, &str),
        limit: u32,
    ) -> Result<Vec<IndexedRow>, TableError>;
}
