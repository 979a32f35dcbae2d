//! One pass over what fits the text: filters, counts, facets and the first of all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use crate::document::{Codes, author_code, name_code, time_code};
use crate::place::Circle;
use crate::query::{Facets, Key, Mode, Query, Sort};

/// Bits of the filters that a document fails.
const KIND: u8 = 1;
const CATEGORY: u8 = 2;
const PREFECTURE: u8 = 4;
const MODE: u8 = 8;
const NO_RETURN: u8 = 16;
/// How many values a code has.
const CODES: usize = 256;

/// What a document must be, with names and times as the columns hold them.
#[derive(Debug, Clone)]
struct Filter {
    kind: Option<u8>,
    category: Option<u8>,
    prefecture: Option<u8>,
    mode: Option<Mode>,
    no_return_needed: Option<bool>,
    city: Option<u64>,
    author: Option<u64>,
    not_authors: HashSet<u64>,
    since: Option<u64>,
    circle: Option<Circle>,
}

/// What is collected.
pub(crate) struct Collect {
    filter: Arc<Filter>,
    sort: Sort,
    limit: usize,
    after: Option<Key>,
}

/// A hit before it is known which document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) segment: SegmentOrdinal,
    pub(crate) doc: DocId,
    pub(crate) metres: Option<u32>,
}

/// What was collected of one segment, or of all.
pub(crate) struct Collected {
    /// How many fit the text, whatever the filters.
    pub(crate) fitting: u64,
    pub(crate) total: u64,
    pub(crate) entries: Vec<Entry>,
    counts: Counts,
}

impl Collect {
    /// `scored`: whether there is a text to fit.
    pub(crate) fn new(query: &Query, scored: bool) -> Self {
        let sort = match query.sort {
            Sort::Relevance if !scored => Sort::Newest,
            Sort::Nearest if query.near.is_none() => Sort::Newest,
            sort @ (Sort::Relevance | Sort::Newest | Sort::Nearest) => sort,
        };
        let filter = Filter {
            kind: query.kind,
            category: query.category,
            prefecture: query.prefecture,
            mode: query.mode,
            no_return_needed: query.no_return_needed,
            city: query.city.as_deref().map(name_code),
            author: query.author.map(author_code),
            not_authors: query.not_authors.iter().copied().map(author_code).collect(),
            since: query.since_ms.map(time_code),
            circle: query
                .near
                .map(|near| Circle::new(near.lat, near.lon, near.km)),
        };
        Self {
            filter: Arc::new(filter),
            sort,
            limit: query.limit,
            after: query.after,
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
            limit: self.limit,
            after: self.after,
            segment,
            codes: column("codes")?,
            posted: column("posted")?,
            city: column("city")?,
            author: column("author")?,
            posted_at: column("posted_at")?,
            place: column("place")?,
            heap: BinaryHeap::with_capacity(self.limit + 1),
            fitting: 0,
            total: 0,
            counts: Counts::default(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, segments: Vec<Collected>) -> tantivy::Result<Collected> {
        let mut all = Collected {
            fitting: 0,
            total: 0,
            entries: Vec::new(),
            counts: Counts::default(),
        };
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
}

impl Collected {
    pub(crate) fn facets(&self) -> Facets {
        self.counts.facets()
    }
}

/// A filter that is no facet does not hold.
struct Outside;

/// Collects of one segment.
pub(crate) struct SegmentCollect {
    filter: Arc<Filter>,
    sort: Sort,
    limit: usize,
    after: Option<Key>,
    segment: SegmentOrdinal,
    codes: Arc<dyn ColumnValues<u64>>,
    posted: Arc<dyn ColumnValues<u64>>,
    city: Arc<dyn ColumnValues<u64>>,
    author: Arc<dyn ColumnValues<u64>>,
    posted_at: Arc<dyn ColumnValues<u64>>,
    place: Arc<dyn ColumnValues<u64>>,
    heap: BinaryHeap<Reverse<Entry>>,
    fitting: u64,
    total: u64,
    counts: Counts,
}

impl SegmentCollect {
    fn look(&mut self, doc: DocId, codes: Codes, score: Score) {
        self.fitting += 1;
        let fails = self.filter.fails(codes);
        // Who fails two filters is neither found nor counted in a facet.
        if fails.count_ones() > 1 {
            return;
        }
        let Ok(metres) = self.other(doc) else {
            return;
        };
        self.counts.count(codes, fails);
        if fails == 0 {
            self.total += 1;
            self.keep(doc, score, metres);
        }
    }

    /// Whether the filters hold that are no facets; where there is a circle, with the distance.
    fn other(&self, doc: DocId) -> Result<Option<u32>, Outside> {
        let filter = &*self.filter;
        let holds = filter
            .city
            .is_none_or(|city| self.city.get_val(doc) == city)
            && filter
                .since
                .is_none_or(|since| self.posted_at.get_val(doc) >= since)
            && self.author_fits(doc);
        if !holds {
            return Err(Outside);
        }
        match &filter.circle {
            Some(circle) => {
                let metres = circle.metres(self.place.get_val(doc));
                metres.map(Some).ok_or(Outside)
            }
            None => Ok(None),
        }
    }

    fn author_fits(&self, doc: DocId) -> bool {
        let filter = &*self.filter;
        if filter.author.is_none() && filter.not_authors.is_empty() {
            return true;
        }
        let author = self.author.get_val(doc);
        filter.author.is_none_or(|wanted| wanted == author) && !filter.not_authors.contains(&author)
    }

    fn keep(&mut self, doc: DocId, score: Score, metres: Option<u32>) {
        let rank = match self.sort {
            Sort::Relevance => u64::from(score.max(0.0).to_bits()),
            Sort::Newest => 0,
            Sort::Nearest => u64::MAX - u64::from(metres.unwrap_or(u32::MAX)),
        };
        let full = self.heap.len() >= self.limit;
        let last = self.heap.peek().filter(|_| full);
        if last.is_some_and(|Reverse(last)| rank < last.key.rank) || self.limit == 0 {
            return;
        }
        let posted = self.posted.get_val(doc);
        let key = Key { rank, posted };
        let seen = self.after.is_some_and(|after| key >= after);
        if seen || last.is_some_and(|Reverse(last)| key < last.key) {
            return;
        }
        self.heap.push(Reverse(Entry {
            key,
            segment: self.segment,
            doc,
            metres,
        }));
        if full {
            self.heap.pop();
        }
    }
}

impl SegmentCollector for SegmentCollect {
    type Fruit = Collected;

    fn collect(&mut self, doc: DocId, score: Score) {
        let codes = Codes(self.codes.get_val(doc));
        self.look(doc, codes, score);
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        let mut codes = [0; tantivy::COLLECT_BLOCK_BUFFER_LEN];
        for docs in docs.chunks(codes.len()) {
            let codes = &mut codes[..docs.len()];
            self.codes.get_vals(docs, codes);
            for (doc, codes) in docs.iter().zip(codes) {
                self.look(*doc, Codes(*codes), 0.0);
            }
        }
    }

    fn harvest(self) -> Collected {
        let entries = self.heap.into_iter().map(|Reverse(entry)| entry);
        Collected {
            fitting: self.fitting,
            total: self.total,
            entries: entries.collect(),
            counts: self.counts,
        }
    }
}

impl Filter {
    /// Which of the filters that are facets a document fails.
    fn fails(&self, codes: Codes) -> u8 {
        let fail = |failed: bool, bit: u8| if failed { bit } else { 0 };
        let mode = match self.mode {
            Some(Mode::Online) => !codes.online(),
            Some(Mode::Offline) => !codes.offline(),
            None => false,
        };
        fail(self.kind.is_some_and(|it| it != codes.kind()), KIND)
            | fail(
                self.category.is_some_and(|it| it != codes.category()),
                CATEGORY,
            )
            | fail(
                self.prefecture.is_some_and(|it| it != codes.prefecture()),
                PREFECTURE,
            )
            | fail(mode, MODE)
            | fail(
                self.no_return_needed
                    .is_some_and(|it| it != codes.no_return_needed()),
                NO_RETURN,
            )
    }
}

/// The counts of the facets.
struct Counts {
    kinds: [u64; CODES],
    categories: [u64; CODES],
    prefectures: [u64; CODES],
    online: u64,
    offline: u64,
    no_return_needed: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            kinds: [0; CODES],
            categories: [0; CODES],
            prefectures: [0; CODES],
            online: 0,
            offline: 0,
            no_return_needed: 0,
        }
    }
}

impl Counts {
    /// Counts a document that fails no filter, or the one filter of the facet.
    fn count(&mut self, codes: Codes, fails: u8) {
        let counts = |facet: u8| u64::from(fails & !facet == 0);
        self.kinds[usize::from(codes.kind())] += counts(KIND);
        self.categories[usize::from(codes.category())] += counts(CATEGORY);
        self.prefectures[usize::from(codes.prefecture())] += counts(PREFECTURE);
        self.online += counts(MODE) * u64::from(codes.online());
        self.offline += counts(MODE) * u64::from(codes.offline());
        self.no_return_needed += counts(NO_RETURN) * u64::from(codes.no_return_needed());
    }

    fn add(&mut self, other: &Self) {
        let lists = [
            (&mut self.kinds, &other.kinds),
            (&mut self.categories, &other.categories),
            (&mut self.prefectures, &other.prefectures),
        ];
        for (mine, others) in lists {
            mine.iter_mut()
                .zip(others)
                .for_each(|(count, more)| *count += more);
        }
        self.online += other.online;
        self.offline += other.offline;
        self.no_return_needed += other.no_return_needed;
    }

    fn facets(&self) -> Facets {
        let list = |counts: &[u64; CODES], from: u8| {
            let counted = (from..=u8::MAX).zip(&counts[usize::from(from)..]);
            counted
                .map(|(code, count)| (code, *count))
                .filter(|(_, count)| *count > 0)
                .collect()
        };
        Facets {
            kinds: list(&self.kinds, 0),
            categories: list(&self.categories, 0),
            prefectures: list(&self.prefectures, 1),
            online: self.online,
            offline: self.offline,
            no_return_needed: self.no_return_needed,
        }
    }
}
