//! What becomes of posts and exchanges when a member leaves.

use meguri_domain::{Aggregate, Exchange, Member, MemberError, Post};
use meguri_events::{ExchangeAborted, ExchangeCancelled, OfferClosed, ReasonCode};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, OFFER, OPENER, STRANGER, acting, completed, in_progress, member, posted,
    requested, then,
};

const REASON_CODE: ReasonCode = ReasonCode::MemberLeft;

#[test]
fn who_has_left_can_do_nothing_h01() {
    let member = member(OPENER);
    let left = member
        .leave()
        .iter()
        .fold(Some(member), Member::evolve)
        .unwrap();
    assert_eq!(left.acting(), Err(MemberError::HasLeft));
}

#[test]
fn the_posts_of_who_leaves_are_closed_h01() {
    let closed = OfferClosed {
        offer: OFFER,
        by: ASKED,
        reason_code: REASON_CODE,
    };
    given::<Post>(posted(OFFER))
        .when_policy(Post::close_as_author_left)
        .then([closed.into()]);
}

#[test]
fn a_post_that_is_closed_needs_no_closing_h01() {
    let offer = given::<Post>(posted(OFFER)).state();
    given::<Post>(then(posted(OFFER), offer.close(acting(ASKED)).unwrap()))
        .when_policy(Post::close_as_author_left)
        .then_nothing();
}

#[test]
fn what_is_negotiating_is_cancelled_h01() {
    for by in [OPENER, ASKED] {
        let (exchange, reason_code) = (EXCHANGE, REASON_CODE);
        let cancelled = ExchangeCancelled {
            exchange,
            by,
            reason_code,
            reason: None,
        };
        given::<Exchange>(requested())
            .when_policy(|exchange| exchange.end_as_party_left(by))
            .then([cancelled.into()]);
    }
}

#[test]
fn what_is_in_progress_is_aborted_h01() {
    for by in [OPENER, ASKED] {
        let (exchange, reason_code) = (EXCHANGE, REASON_CODE);
        let aborted = ExchangeAborted {
            exchange,
            by,
            reason_code,
            reason: None,
        };
        given::<Exchange>(in_progress())
            .when_policy(|exchange| exchange.end_as_party_left(by))
            .then([aborted.into()]);
    }
}

#[test]
fn what_is_over_stays_as_it_is_h01() {
    given::<Exchange>(completed())
        .when_policy(|exchange| exchange.end_as_party_left(OPENER))
        .then_nothing();
}

#[test]
fn the_exchanges_of_others_stay_as_they_are_h01() {
    given::<Exchange>(in_progress())
        .when_policy(|exchange| exchange.end_as_party_left(STRANGER))
        .then_nothing();
}
