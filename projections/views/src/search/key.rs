//! Where a search goes on.

use std::str::FromStr;

use meguri_search::Key;

use crate::page::BadCursor;

/// Where the next page goes on: the place of the last hit in the order of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchKey(pub(super) Key);

impl std::fmt::Display for SearchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{:x}-{:x}", self.0.rank, self.0.posted)
    }
}

impl FromStr for SearchKey {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let parts = text.strip_prefix('s').and_then(|text| text.split_once('-'));
        let (rank, posted) = parts.ok_or(BadCursor)?;
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| BadCursor);
        let key = Self(Key {
            rank: number(rank)?,
            posted: number(posted)?,
        });
        // There is one way to write it.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(BadCursor)
        }
    }
}
