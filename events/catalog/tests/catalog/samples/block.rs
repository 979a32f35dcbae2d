//! Samples of blocks.

use meguri_events::{Event, MemberBlocked, MemberUnblocked};

use super::{HANA, TARO};

pub(super) fn blocks() -> Vec<Event> {
    let (by, blocked) = (HANA, TARO);
    vec![
        MemberBlocked { by, blocked }.into(),
        MemberUnblocked { by, blocked }.into(),
    ]
}
