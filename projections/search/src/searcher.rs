//! A snapshot of an index, and searching in it: strictly, then with what was probably meant.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query as Look, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{SegmentReader, Term};
use uuid::Uuid;

use crate::analyzer::{Analyzer, Normalised, Word, bigrams, normalise};
use crate::collect::{Collect, Collected};
use crate::correction::correct;
use crate::coverage::Coverage;
use crate::document::{Fields, tag_term};
use crate::error::IndexError;
use crate::lexicon::Lexicon;
use crate::place::Circle;
use crate::plan::{Planner, Terms, Unit, all_of, in_a_row};
use crate::query::{Found, Hit, Near, Query, Suggestion};
use crate::statistics::Statistics;
use crate::synonyms::Synonyms;
use crate::top::Entry;

/// The share of what was asked for, by weight, that a relaxed result holds.
const COVERED: f32 = 0.6;
/// The most words of a text that are looked for: the first ones.
pub const WORDS_MAX: usize = 32;

/// The documents of one commit.
#[derive(Clone)]
pub struct Searcher {
    inner: tantivy::Searcher,
    payload: Option<Arc<str>>,
    analyzer: Analyzer,
    fields: Arc<Fields>,
}

/// What one pass found, and what it looked for.
struct Pass {
    collected: Collected,
    terms: Terms,
}

impl Searcher {
    pub(crate) fn new(
        searcher: tantivy::Searcher,
        payload: Option<String>,
        analyzer: Analyzer,
        fields: Arc<Fields>,
    ) -> Self {
        Self {
            inner: searcher,
            payload: payload.map(Arc::from),
            analyzer,
            fields,
        }
    }

    pub(crate) fn with_analyzer(&self, analyzer: Analyzer) -> Self {
        Self {
            analyzer,
            ..self.clone()
        }
    }

    /// What the commit of exactly these documents was told.
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// What text is analysed with.
    pub fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// How many documents there are.
    pub fn count(&self) -> u64 {
        self.inner.num_docs()
    }

    /// Searches: for all words of the text, in all their writings and with synonyms; only where no
    /// document fits the text (whatever the filters), for corrected words, and for most of them.
    pub fn search(&self, query: &Query, synonyms: &Synonyms) -> Result<Found, IndexError> {
        if query.text.trim().is_empty() {
            let browsed = self.pass(query, &[], None, HashMap::new(), false)?;
            return self.found(browsed, false, None);
        }
        let text = normalise(&query.text);
        let words = self.words(&text)?;
        let planner = Planner {
            lexicon: self.lexicon(),
            fields: &self.fields,
            synonyms,
        };
        let units = planner.units(&words)?;
        if units.is_empty() {
            let pass = self.pairs(query, &text)?;
            return self.found(pass, false, None);
        }
        if query.share.is_some() {
            let pass = self.units_pass(query, &planner, &units, query.share)?;
            return self.found(pass, false, None);
        }
        let strict = self.units_pass(query, &planner, &units, None)?;
        if strict.collected.fitting > 0 {
            return self.found(strict, false, None);
        }
        self.relaxed(query, &planner, &text, &words)
    }

    /// Words that begin as `prefix` does, or read so, of documents that are there; what stands in
    /// most of them first.
    pub fn suggest(&self, prefix: &str, limit: usize) -> Result<Vec<Suggestion>, IndexError> {
        self.lexicon().suggest(prefix, limit)
    }

    /// Every document that is there, with the hash of the row it was made of.
    pub fn documents(&self) -> Result<impl Iterator<Item = (Uuid, u64)> + '_, IndexError> {
        let mut segments = Vec::new();
        for segment in self.inner.segment_readers() {
            segments.push((segment, columns(segment, ["id_high", "id_low", "row"])?));
        }
        Ok(segments
            .into_iter()
            .flat_map(|(segment, [high, low, row])| {
                segment.doc_ids_alive().map(move |doc| {
                    let id = Uuid::from_u64_pair(high.get_val(doc), low.get_val(doc));
                    (id, row.get_val(doc))
                })
            }))
    }

    /// The words that are looked for.
    fn words(&self, text: &Normalised) -> Result<Vec<Word>, IndexError> {
        let mut seen = BTreeSet::new();
        let mut words = self.analyzer.words(text);
        words.retain(|word| !word.part && seen.insert(word.form.clone()));
        words.truncate(WORDS_MAX);
        self.lexicon().whole_readings(&text.text, words)
    }

    fn lexicon(&self) -> Lexicon<'_> {
        Lexicon::new(self.inner.segment_readers(), &self.fields)
    }

    /// Looks for corrected words, then for most of them.
    fn relaxed(
        &self,
        query: &Query,
        planner: &Planner<'_>,
        text: &Normalised,
        words: &[Word],
    ) -> Result<Found, IndexError> {
        let (words, corrected) = correct(planner, text, words)?;
        let units = planner.units(&words)?;
        if corrected.is_some() {
            let pass = self.units_pass(query, planner, &units, None)?;
            if pass.collected.fitting > 0 {
                return self.found(pass, true, corrected);
            }
        }
        let pass = self.units_pass(query, planner, &units, Some(COVERED))?;
        self.found(pass, true, corrected)
    }

    /// Looks for all units, or for so large a share of them by weight.
    fn units_pass(
        &self,
        query: &Query,
        planner: &Planner<'_>,
        units: &[Unit],
        share: Option<f32>,
    ) -> Result<Pass, IndexError> {
        let mut counts = HashMap::new();
        let parts = units.iter().map(|unit| planner.query(unit, &mut counts));
        let parts: Vec<_> = parts.collect();
        let look: Box<dyn Look> = match share {
            None => all_of(parts),
            Some(share) => {
                let weights = self.weights(units);
                let needed = weights.iter().sum::<f32>() * share;
                let parts = parts.into_iter().zip(weights).collect();
                Box::new(Coverage { parts, needed })
            }
        };
        self.pass(query, units, Some(look), counts, true)
    }

    /// How much each unit says: the rarer, the more. What stands nowhere weighs as the mean.
    fn weights(&self, units: &[Unit]) -> Vec<f32> {
        #[expect(clippy::cast_precision_loss, reason = "a weight is a rough thing")]
        let weight = |count: u64| (1.0 + self.count() as f32 / (count as f32 + 1.0)).ln();
        let known: Vec<_> = units.iter().filter(|it| !it.is_nowhere()).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are few words")]
        let mean = known.iter().map(|it| weight(it.count)).sum::<f32>() / known.len().max(1) as f32;
        let of = |unit: &Unit| {
            if unit.is_nowhere() {
                mean
            } else {
                weight(unit.count)
            }
        };
        units.iter().map(of).collect()
    }

    /// Looks for every pair of characters of a text that has no word.
    fn pairs(&self, query: &Query, text: &Normalised) -> Result<Pass, IndexError> {
        let pairs: Vec<_> = bigrams(&text.text).collect();
        let all = in_a_row(&self.fields, &pairs);
        self.pass(query, &[], Some(all), HashMap::new(), true)
    }

    /// One pass over the documents.
    fn pass(
        &self,
        query: &Query,
        units: &[Unit],
        text: Option<Box<dyn Look>>,
        counts: HashMap<Term, u64>,
        scored: bool,
    ) -> Result<Pass, IndexError> {
        let tag = query.tag.as_deref().map(|tag| -> Box<dyn Look> {
            let term = Term::from_field_text(self.fields.tags, &tag_term(tag));
            let tagged = TermQuery::new(term, IndexRecordOption::Basic);
            Box::new(ConstScoreQuery::new(Box::new(tagged), 0.0))
        });
        // A text leaves few documents to look at; without one, only the cells around are looked at.
        let around = match (&text, &tag, query.near) {
            (None, None, Some(near)) => self.around(near),
            _ => None,
        };
        let text = text.or(around);
        let all = text.is_none() && tag.is_none();
        let look: Box<dyn Look> = match (text, tag) {
            (None, None) => Box::new(AllQuery),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(text), Some(tag)) => Box::new(BooleanQuery::new(vec![
                (Occur::Must, text),
                (Occur::Must, tag),
            ])),
        };
        let statistics = Statistics {
            searcher: &self.inner,
            counts,
        };
        let collect = Collect::new(query, scored, all);
        let collected = self
            .inner
            .search_with_statistics_provider(&*look, &collect, &statistics)
            .map_err(IndexError::search)?;
        let mut terms = Terms::default();
        for unit in units {
            unit.tell(&mut terms);
        }
        Ok(Pass { collected, terms })
    }

    /// Everything in the cells that a circle is in; `None`: it may be anywhere.
    fn around(&self, near: Near) -> Option<Box<dyn Look>> {
        let cells = Circle::new(near.lat, near.lon, near.km).cells()?;
        let terms = cells.iter();
        let terms = terms.map(|cell| Term::from_field_text(self.fields.cells, cell));
        Some(Box::new(TermSetQuery::new(terms)))
    }

    fn found(
        &self,
        pass: Pass,
        relaxed: bool,
        did_you_mean: Option<String>,
    ) -> Result<Found, IndexError> {
        let hits = pass.collected.entries.iter().map(|entry| self.hit(entry));
        Ok(Found {
            total: pass.collected.total,
            hits: hits.collect::<Result<_, _>>()?,
            facets: pass.collected.facets(),
            relaxed: relaxed && pass.collected.total > 0,
            did_you_mean,
            terms: pass.terms,
        })
    }

    fn hit(&self, entry: &Entry) -> Result<Hit, IndexError> {
        let segment = self.inner.segment_reader(entry.segment);
        let [high, low] = columns(segment, ["id_high", "id_low"])?;
        Ok(Hit {
            id: Uuid::from_u64_pair(high.get_val(entry.doc), low.get_val(entry.doc)),
            key: entry.key,
            metres: entry.metres,
        })
    }
}

fn columns<const N: usize>(
    segment: &SegmentReader,
    names: [&str; N],
) -> Result<[Arc<dyn tantivy::columnar::ColumnValues<u64>>; N], IndexError> {
    let mut columns = Vec::with_capacity(N);
    for name in names {
        let column = segment.fast_fields().column_first_or_default::<u64>(name);
        columns.push(column.map_err(IndexError::search)?);
    }
    columns
        .try_into()
        .map_err(|_| IndexError::search(tantivy::TantivyError::InternalError("columns".to_owned())))
}
