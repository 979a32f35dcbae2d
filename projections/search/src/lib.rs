//! Japanese full-text search over documents that somebody else keeps.
//!
//! [`Index`] holds what documents are found by, not the documents: their text cannot be read back
//! from it. [`Searcher`] is a snapshot to search in, [`Analyzer`] says what a text is found by.
//! How results are ranked is told in `docs/search.md`.

mod analyzer;
mod collect;
mod correction;
mod coverage;
pub mod dictionary;
mod document;
mod error;
mod facets;
mod filter;
mod highlight;
mod index;
mod lexicon;
mod place;
mod plan;
mod query;
mod searcher;
mod statistics;
mod synonyms;
mod terms;
mod top;

#[cfg(test)]
extern crate self as meguri_search;
#[cfg(test)]
#[path = "../tests/ipadic.rs"]
mod ipadic;

pub use analyzer::{Analyzer, AnalyzerError, UserWord, contains};
pub use document::{Document, name_form};
pub use error::IndexError;
pub use highlight::highlight;
pub use index::Index;
pub use plan::Terms;
pub use query::{Facets, Found, Hit, Key, Mark, Mode, Near, Query, Sort, Suggestion};
pub use searcher::{Searcher, WORDS_MAX};
pub use synonyms::Synonyms;
