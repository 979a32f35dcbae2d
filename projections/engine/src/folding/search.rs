//! What a view that is searched says of its rows: an index is made of that beside them.

use async_trait::async_trait;
use meguri_log::Position;
use meguri_search::{Analyzer, Document, UserWord};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::folding::row::TableError;

/// How a view is searched.
#[derive(Clone)]
pub struct Searching {
    /// What its text is found by.
    pub analyzer: Analyzer,
    /// What the index is made of.
    pub source: &'static dyn IndexSource,
}

/// A row as the index takes it up.
pub struct IndexedRow {
    /// The id of its document.
    pub id: Uuid,
    /// Its key, as the file stores it.
    pub key: String,
    /// The position of the last event that changed it.
    pub changed: Position,
    /// What is found of it; none where it is not to be found.
    pub document: Option<Document>,
}

/// The words that search goes by.
#[derive(Default)]
pub struct Words {
    /// Those that are kept whole.
    pub whole: Vec<UserWord>,
    /// Those that came or went since the index was written: what has them is cut otherwise now.
    pub changed: Vec<UserWord>,
    /// Those that stand for each other, in groups.
    pub synonyms: Vec<Vec<String>>,
}

/// Rows of a view as documents of its index.
#[async_trait]
pub trait IndexSource: Send + Sync {
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
