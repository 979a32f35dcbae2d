//! Which views there are.

use meguri_search::Analyzer;

use super::{blocks, board, history, profiles, rooms, search, thanks};
use crate::engine::set::{ViewSet, of, searched};

impl Default for ViewSet {
    fn default() -> Self {
        Self::all()
    }
}

impl ViewSet {
    /// Every view of the product, searched without a dictionary.
    pub fn all() -> Self {
        Self(vec![
            of::<board::Board>(),
            of::<profiles::Profiles>(),
            of::<thanks::Thanks>(),
            of::<rooms::Rooms>(),
            of::<history::History>(),
            searched::<search::Search>(Analyzer::default()),
            of::<blocks::Blocks>(),
        ])
    }
}
