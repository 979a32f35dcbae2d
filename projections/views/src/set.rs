//! Which views there are.

use meguri_engine::{ViewSet, ViewSettings};
use meguri_search::Analyzer;

use crate::{blocks, board, catalog::Catalog, history, profiles, rooms, search, thanks};

/// Every view of the product, searched without a dictionary.
pub fn all() -> ViewSet {
    ViewSet::of(&Catalog)
        .and::<board::Board>()
        .and::<profiles::Profiles>()
        .and::<thanks::Thanks>()
        .and::<rooms::Rooms>()
        .and::<history::History>()
        .and_searched::<search::Search>(Analyzer::default())
        .and::<blocks::Blocks>()
}

/// How they are run, if nobody says otherwise.
pub fn settings() -> ViewSettings {
    ViewSettings::of(all())
}
