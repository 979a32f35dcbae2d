//! Blocks: neither of two members sees the other, and what already runs goes on.

use meguri_domain::{Aggregate, BlockError, Blocking, Exchange, ExchangeError, Opening};
use meguri_events::{
    BlockEvent, ExchangeEvent, MemberBlocked, MemberId, MemberUnblocked, Mode, PostId,
};

use crate::scene::{
    ASKED, EXCHANGE, NEED, OFFER, OPENER, acting, member, message, posted, who_left,
};

fn blocked(by: MemberId, blocked: MemberId) -> BlockEvent {
    MemberBlocked { by, blocked }.into()
}

fn unblocked(by: MemberId, blocked: MemberId) -> BlockEvent {
    MemberUnblocked { by, blocked }.into()
}

/// What is between the two after these events.
fn given(events: &[BlockEvent]) -> Blocking {
    Blocking::replay(events).unwrap_or_default()
}

#[test]
fn either_of_two_members_blocks_the_other_and_may_be_blocked_by_them_c12() {
    let nothing = Blocking::default();
    assert!(!nothing.parts_them());
    let first = nothing.block(acting(OPENER), &member(ASKED)).unwrap();
    assert_eq!(first, [blocked(OPENER, ASKED)]);
    let blocking = given(&first);
    assert!(blocking.parts_them());
    let second = blocking.block(acting(ASKED), &member(OPENER)).unwrap();
    assert_eq!(second, [blocked(ASKED, OPENER)]);
}

#[test]
fn blocking_twice_changes_nothing_c12() {
    let blocking = given(&[blocked(OPENER, ASKED)]);
    let again = blocking.block(acting(OPENER), &member(ASKED));
    assert_eq!(again, Ok(vec![]));
}

#[test]
fn nobody_blocks_themselves_c12() {
    let refused = Blocking::default().block(acting(OPENER), &member(OPENER));
    assert_eq!(refused, Err(BlockError::Oneself));
}

#[test]
fn who_has_left_is_not_blocked_any_more_and_a_block_of_them_is_taken_back_c12() {
    let gone = who_left(ASKED);
    let refused = Blocking::default().block(acting(OPENER), &gone);
    assert_eq!(refused, Err(BlockError::OtherHasLeft));
    let blocking = given(&[blocked(OPENER, ASKED)]);
    assert_eq!(blocking.block(acting(OPENER), &gone), Ok(vec![]));
    let back = blocking.unblock(acting(OPENER), &gone);
    assert_eq!(back, Ok(vec![unblocked(OPENER, ASKED)]));
}

#[test]
fn only_ones_own_block_is_taken_back_c12() {
    let blocking = given(&[blocked(OPENER, ASKED)]);
    let refused = blocking.unblock(acting(ASKED), &member(OPENER));
    assert_eq!(refused, Err(BlockError::NotBlocked));
    let back = blocking.unblock(acting(OPENER), &member(ASKED)).unwrap();
    assert_eq!(back, [unblocked(OPENER, ASKED)]);
    let mut events = vec![blocked(OPENER, ASKED), blocked(ASKED, OPENER)];
    events.extend(back.clone());
    assert!(given(&events).parts_them(), "the other still blocks");
    events.push(unblocked(ASKED, OPENER));
    assert!(!given(&events).parts_them());
    let again = given(&events).unblock(acting(OPENER), &member(ASKED));
    assert_eq!(again, Err(BlockError::NotBlocked));
}

fn opened(post: PostId, blocking: &Blocking) -> Result<Vec<ExchangeEvent>, ExchangeError> {
    let post = meguri_domain::Post::replay(&posted(post)).unwrap();
    Exchange::open(Opening {
        exchange: EXCHANGE,
        post: &post,
        author: &member(ASKED),
        opener: acting(OPENER),
        blocking,
        mode: Mode::Online,
        message: message("お願いします"),
    })
}

#[test]
fn neither_side_of_a_block_opens_an_exchange_with_the_other_until_it_is_taken_back_c12() {
    for post in [PostId::from(OFFER), NEED.into()] {
        for by in [[OPENER, ASKED], [ASKED, OPENER]] {
            let mut events = vec![blocked(by[0], by[1])];
            let refused = opened(post, &given(&events));
            assert_eq!(refused, Err(ExchangeError::Blocked));
            events.push(unblocked(by[0], by[1]));
            assert!(opened(post, &given(&events)).is_ok());
        }
    }
}
