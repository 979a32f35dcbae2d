//! How rare a word is, counted over all the ways to write it.

use std::collections::HashMap;

use tantivy::Term;
use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::Field;

/// Ranks each way to write a word by how often the word stands there in any: a rare spelling, or a
/// rare synonym, is not worth more than the word itself.
pub(crate) struct Statistics<'a> {
    pub(crate) searcher: &'a tantivy::Searcher,
    /// Documents of the word that a term belongs to.
    pub(crate) counts: HashMap<Term, u64>,
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.searcher.total_num_docs()
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        match self.counts.get(term) {
            Some(count) => Ok((*count).min(self.total_num_docs()?)),
            None => self.searcher.doc_freq(term),
        }
    }
}
