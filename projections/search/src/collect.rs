//! One pass over what fits the text: filters, counts, facets and the first of all.

use std::cmp::Reverse;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::query::Weight;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use crate::document::Codes;
use crate::facets::Counts;
use crate::filter::Filter;
use crate::query::{Facets, Key, Query, Sort};
use crate::top::{Entry, Top};

/// How many documents are read at once where all are.
const STEP: u32 = 512;
const BLOCK: usize = STEP as usize;

/// What is collected.
pub(crate) struct Collect {
    filter: Arc<Filter>,
    sort: Sort,
    limit: usize,
    after: Option<Key>,
    /// Whether every document fits, so that there is nothing to look up.
    all: bool,
}

/// What was collected of one segment, or of all.
#[derive(Default)]
pub(crate) struct Collected {
    /// How many fit the text, whatever the filters.
    pub(crate) fitting: u64,
    pub(crate) total: u64,
    pub(crate) entries: Vec<Entry>,
    counts: Counts,
}

type Column = Arc<dyn ColumnValues<u64>>;

/// The columns of a segment that are looked at.
pub(crate) struct Columns {
    pub(crate) codes: Column,
    pub(crate) posted: Column,
    pub(crate) city: Column,
    pub(crate) author: Column,
    pub(crate) posted_at: Column,
    pub(crate) place: Column,
}

impl Collect {
    /// `scored`: whether there is a text to fit; `all`: whether every document is looked at.
    pub(crate) fn new(query: &Query, scored: bool, all: bool) -> Self {
        let sort = match query.sort {
            Sort::Relevance if !scored => Sort::Newest,
            Sort::Nearest if query.near.is_none() => Sort::Newest,
            sort @ (Sort::Relevance | Sort::Newest | Sort::Nearest) => sort,
        };
        Self {
            filter: Arc::new(Filter::new(query)),
            sort,
            limit: query.limit,
            after: query.after,
            all,
        }
    }
}

impl Collector for Collect {
    type Fruit = Collected;
    type Child = SegmentCollect;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<SegmentCollect> {
        let column = |name: &str| reader.fast_fields().column_first_or_default::<u64>(name);
        Ok(SegmentCollect {
            filter: Arc::clone(&self.filter),
            sort: self.sort,
            after: self.after,
            segment,
            columns: Columns {
                codes: column("codes")?,
                posted: column("posted")?,
                city: column("city")?,
                author: column("author")?,
                posted_at: column("posted_at")?,
                place: column("place")?,
            },
            top: Top::new(self.limit),
            collected: Collected::default(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, segments: Vec<Collected>) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        for segment in segments {
            all.fitting += segment.fitting;
            all.total += segment.total;
            all.entries.extend(segment.entries);
            all.counts.add(&segment.counts);
        }
        all.entries.sort_unstable_by_key(|entry| Reverse(entry.key));
        all.entries.truncate(self.limit);
        Ok(all)
    }

    fn collect_segment(
        &self,
        weight: &dyn Weight,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<Collected> {
        let mut collect = self.for_segment(segment, reader)?;
        if self.all {
            collect.all(reader);
            return Ok(collect.harvest());
        }
        let alive = |doc| !reader.is_deleted(doc);
        if self.requires_scoring() {
            weight.for_each(reader, &mut |doc, score| {
                if alive(doc) {
                    collect.collect(doc, score);
                }
            })?;
        } else {
            weight.for_each_no_score(reader, &mut |docs| {
                for doc in docs.iter().copied().filter(|doc| alive(*doc)) {
                    collect.collect(doc, 0.0);
                }
            })?;
        }
        Ok(collect.harvest())
    }
}

impl Collected {
    pub(crate) fn facets(&self) -> Facets {
        self.counts.facets()
    }
}

/// Collects of one segment.
pub(crate) struct SegmentCollect {
    filter: Arc<Filter>,
    sort: Sort,
    after: Option<Key>,
    segment: SegmentOrdinal,
    columns: Columns,
    top: Top,
    collected: Collected,
}

impl SegmentCollect {
    /// Looks at every document; what is read of most of them is next to each other. The newest
    /// stand last, and come first here: of most others it is seen at once that they are older.
    fn all(&mut self, reader: &SegmentReader) {
        let [mut codes, mut places, mut posted] = [[0; BLOCK]; 3];
        let broad = self.filter.is_broad();
        let near = broad && self.filter.circle.is_some();
        let newest = broad && self.sort == Sort::Newest;
        let end = reader.max_doc();
        for first in (0..end).step_by(BLOCK).rev() {
            let docs = first..end.min(first + STEP);
            let read = |column: &Column, block: &mut [u64; BLOCK]| {
                column.get_range(u64::from(first), &mut block[..docs.len()]);
            };
            read(&self.columns.codes, &mut codes);
            if newest {
                read(&self.columns.posted, &mut posted);
            }
            if near {
                read(&self.columns.place, &mut places);
            }
            let blocks = codes.iter().zip(&places).zip(&posted);
            let rows = docs.clone().zip(blocks.take(docs.len())).rev();
            for (doc, ((codes, place), posted)) in rows {
                if reader.is_deleted(doc) {
                    continue;
                }
                let place = |columns: &Columns| {
                    if near {
                        *place
                    } else {
                        columns.place.get_val(doc)
                    }
                };
                let posted = |columns: &Columns| {
                    if newest {
                        *posted
                    } else {
                        columns.posted.get_val(doc)
                    }
                };
                self.look(doc, Codes(*codes), 0.0, place, posted);
            }
        }
    }

    #[inline]
    fn look(
        &mut self,
        doc: DocId,
        codes: Codes,
        score: Score,
        place: impl Fn(&Columns) -> u64,
        posted: impl Fn(&Columns) -> u64,
    ) {
        self.collected.fitting += 1;
        let fails = self.filter.fails(codes);
        // Who fails two filters is neither found nor counted in a facet.
        if fails & fails.wrapping_sub(1) != 0 || !self.filter.others_hold(&self.columns, doc) {
            return;
        }
        let place = match &self.filter.circle {
            Some(circle) => {
                let place = place(&self.columns);
                if !circle.holds(place) {
                    return;
                }
                Some(place)
            }
            None => None,
        };
        self.collected.counts.count(codes, fails);
        if fails == 0 {
            self.collected.total += 1;
            self.keep(doc, score, place, posted);
        }
    }

    #[inline]
    fn keep(
        &mut self,
        doc: DocId,
        score: Score,
        place: Option<u64>,
        posted: impl Fn(&Columns) -> u64,
    ) {
        let metres = || {
            let circle = self.filter.circle.as_ref();
            circle
                .zip(place)
                .map(|(circle, place)| circle.metres(place))
        };
        let rank = match self.sort {
            Sort::Relevance => u64::from(score.max(0.0).to_bits()),
            Sort::Newest => 0,
            Sort::Nearest => u64::MAX - u64::from(metres().unwrap_or(u32::MAX)),
        };
        if !self.top.may_take(rank) {
            return;
        }
        let posted = posted(&self.columns);
        let key = Key { rank, posted };
        if self.after.is_some_and(|after| key >= after) {
            return;
        }
        if !self.top.takes(key) {
            return;
        }
        let (segment, metres) = (self.segment, metres());
        self.top.push(Entry {
            key,
            segment,
            doc,
            metres,
        });
    }
}

impl SegmentCollector for SegmentCollect {
    type Fruit = Collected;

    fn collect(&mut self, doc: DocId, score: Score) {
        let codes = Codes(self.columns.codes.get_val(doc));
        let place = |columns: &Columns| columns.place.get_val(doc);
        let posted = |columns: &Columns| columns.posted.get_val(doc);
        self.look(doc, codes, score, place, posted);
    }

    fn harvest(self) -> Collected {
        Collected {
            entries: self.top.into_entries(),
            ..self.collected
        }
    }
}
