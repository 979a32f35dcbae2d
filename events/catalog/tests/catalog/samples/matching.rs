//! Samples of matches.

use meguri_events::{Event, PostMatched};

use super::{HANA, NEED, OFFER, TARO};

pub(super) fn matches() -> Vec<Event> {
    let matched = PostMatched {
        member: HANA,
        post: OFFER.into(),
        author: TARO,
        fits: vec![NEED.into()],
    };
    vec![matched.into()]
}
