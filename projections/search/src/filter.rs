//! What a document must be to be found, and which of that it is not.

use tantivy::DocId;

use crate::collect::Columns;
use crate::document::{Codes, author_code, name_code, time_code};
use crate::place::Circle;
use crate::query::{Mode, Query};

/// Bits of the filters that are facets.
pub(crate) const KIND: u8 = 1;
pub(crate) const CATEGORY: u8 = 2;
pub(crate) const PREFECTURE: u8 = 4;
pub(crate) const MODE: u8 = 8;
pub(crate) const NO_RETURN: u8 = 16;

/// So many are looked through faster than searched in.
const FEW_AUTHORS: usize = 8;

/// What a document must be, with names and times as the columns hold them.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The codes that are wanted, and which of their bits are.
    wanted: u64,
    mask: u64,
    city: Option<u64>,
    author: Option<u64>,
    /// In order.
    not_authors: Vec<u64>,
    since: Option<u64>,
    pub(crate) circle: Option<Circle>,
    /// Whether there is a filter that is neither a facet nor the circle.
    others: bool,
}

impl Filter {
    pub(crate) fn new(query: &Query) -> Self {
        let (mut wanted, mut mask) = (0, 0);
        let mut want = |value: u64, bits: u64, at: u32| {
            wanted |= value << at;
            mask |= bits << at;
        };
        let bytes = [(query.kind, 0), (query.category, 8), (query.prefecture, 16)];
        for (value, at) in bytes {
            if let Some(value) = value {
                want(u64::from(value), 0xff, at);
            }
        }
        match query.mode {
            Some(Mode::Online) => want(1, 1, Codes::ONLINE),
            Some(Mode::Offline) => want(1, 1, Codes::OFFLINE),
            None => {}
        }
        if let Some(needed) = query.no_return_needed {
            want(u64::from(needed), 1, Codes::NO_RETURN_NEEDED);
        }
        let not_authors = query.not_authors.iter().copied().map(author_code);
        let mut not_authors: Vec<_> = not_authors.collect();
        not_authors.sort_unstable();
        let mut filter = Self {
            wanted,
            mask,
            city: query.city.as_deref().map(name_code),
            author: query.author.map(author_code),
            not_authors,
            since: query.since_ms.map(time_code),
            circle: query
                .near
                .map(|near| Circle::new(near.lat, near.lon, near.km)),
            others: false,
        };
        filter.others = filter.city.is_some()
            || filter.author.is_some()
            || !filter.not_authors.is_empty()
            || filter.since.is_some();
        filter
    }

    /// Whether no filter is a facet, so that most documents get as far as the others.
    pub(crate) fn is_broad(&self) -> bool {
        self.mask == 0
    }

    /// Which of the filters that are facets a document fails.
    #[inline]
    pub(crate) fn fails(&self, codes: Codes) -> u8 {
        let differs = (codes.0 ^ self.wanted) & self.mask;
        let fail = |bits: u64, bit: u8| u8::from(differs & bits != 0) * bit;
        fail(0xff, KIND)
            | fail(0xff << 8, CATEGORY)
            | fail(0xff << 16, PREFECTURE)
            | fail(1 << Codes::ONLINE | 1 << Codes::OFFLINE, MODE)
            | fail(1 << Codes::NO_RETURN_NEEDED, NO_RETURN)
    }

    /// Whether the filters hold that are neither facets nor the circle.
    #[inline]
    pub(crate) fn others_hold(&self, columns: &Columns, doc: DocId) -> bool {
        !self.others
            || (self
                .city
                .is_none_or(|city| columns.city.get_val(doc) == city)
                && self
                    .since
                    .is_none_or(|since| columns.posted_at.get_val(doc) >= since)
                && self.author_fits(columns, doc))
    }

    fn author_fits(&self, columns: &Columns, doc: DocId) -> bool {
        if self.author.is_none() && self.not_authors.is_empty() {
            return true;
        }
        let author = columns.author.get_val(doc);
        let refused = if self.not_authors.len() <= FEW_AUTHORS {
            self.not_authors.contains(&author)
        } else {
            self.not_authors.binary_search(&author).is_ok()
        };
        !refused && self.author.is_none_or(|wanted| wanted == author)
    }
}
