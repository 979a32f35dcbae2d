//! The first of many, in any order they come.

use std::cmp::Reverse;

use tantivy::{DocId, SegmentOrdinal};

use crate::query::Key;

/// How many are collected beyond what is kept before the others are thrown away.
const SPARE: usize = 256;

/// A hit before it is known which document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) segment: SegmentOrdinal,
    pub(crate) doc: DocId,
    pub(crate) metres: Option<u32>,
}

/// Keeps the entries of the largest keys. Documents may come in the order of their age, so that
/// each is the first so far: a heap would be turned over by every one of them.
pub(crate) struct Top {
    limit: usize,
    entries: Vec<Entry>,
    /// What is not larger is not among the first.
    floor: Option<Key>,
}

impl Top {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Vec::new(),
            floor: None,
        }
    }

    /// Whether a key of this rank may be among the first.
    #[inline]
    pub(crate) fn may_take(&self, rank: u64) -> bool {
        self.limit > 0 && self.floor.is_none_or(|floor| rank >= floor.rank)
    }

    /// Whether a key may be among the first.
    #[inline]
    pub(crate) fn takes(&self, key: Key) -> bool {
        self.floor.is_none_or(|floor| key > floor)
    }

    /// Adds an entry whose key [`Top::takes`].
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        if self.entries.len() >= self.limit + SPARE {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let Some(last) = self.limit.checked_sub(1) else {
            return;
        };
        if self.entries.len() > self.limit {
            let by_key = |entry: &Entry| Reverse(entry.key);
            let (_, last, _) = self.entries.select_nth_unstable_by_key(last, by_key);
            self.floor = Some(last.key);
            self.entries.truncate(self.limit);
        }
    }

    /// Those kept, in no order.
    pub(crate) fn into_entries(mut self) -> Vec<Entry> {
        self.cut();
        self.entries
    }
}
