//! Documents for tests.

use meguri_search::{Analyzer, Document, Index, Query, Searcher, Synonyms};
use tempfile::TempDir;
use uuid::Uuid;

/// An index in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) index: Index,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new(analyzer: Analyzer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path(), analyzer).unwrap();
        Self { index, folder }
    }

    /// Puts documents of these titles, posted in their order from 1 on, and commits.
    pub(crate) fn with_titles(self, titles: &[&str]) -> Self {
        for (title, posted) in titles.iter().zip(1..) {
            self.index.put(&document(posted, title)).unwrap();
        }
        self.index.commit("titles").unwrap();
        self
    }
}

/// A document by its number and title.
pub(crate) fn document(posted: u64, title: &str) -> Document {
    Document {
        id: id(posted),
        kind: 1,
        category: 2,
        prefecture: Some(13),
        city: Some("世田谷区".to_owned()),
        online: false,
        offline: true,
        no_return_needed: false,
        author: id(1_000_000 + posted),
        posted,
        posted_at: i64::try_from(posted).unwrap() * 1_000,
        place: None,
        title: title.to_owned(),
        body: String::new(),
        tags: Vec::new(),
        row: posted * 7,
    }
}

/// The identity of a document by its number.
pub(crate) fn id(number: u64) -> Uuid {
    Uuid::from_u64_pair(number, number)
}

/// A search for a text.
pub(crate) fn text(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    }
}

/// The numbers of what is found, in order.
pub(crate) fn found(searcher: &Searcher, query: &Query) -> Vec<u64> {
    let found = searcher.search(query, &Synonyms::default()).unwrap();
    found.hits.iter().map(|hit| hit.key.posted).collect()
}
