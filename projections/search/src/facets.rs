//! Counting how what is found is spread.

use crate::document::Codes;
use crate::filter::{CATEGORY, KIND, MODE, NO_RETURN, PREFECTURE};
use crate::query::Facets;

/// How many values a code has.
const CODES: usize = 256;

/// The counts of the facets.
pub(crate) struct Counts {
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
    #[inline]
    pub(crate) fn count(&mut self, codes: Codes, fails: u8) {
        let counts = |facet: u8| u64::from(fails & !facet == 0);
        self.kinds[usize::from(codes.kind())] += counts(KIND);
        self.categories[usize::from(codes.category())] += counts(CATEGORY);
        self.prefectures[usize::from(codes.prefecture())] += counts(PREFECTURE);
        self.online += counts(MODE) * u64::from(codes.online());
        self.offline += counts(MODE) * u64::from(codes.offline());
        self.no_return_needed += counts(NO_RETURN) * u64::from(codes.no_return_needed());
    }

    pub(crate) fn add(&mut self, other: &Self) {
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

    pub(crate) fn facets(&self) -> Facets {
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
