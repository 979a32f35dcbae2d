//! Opening an exchange: requests and applications.

use meguri_domain::{
    Aggregate, Blocking, Exchange, ExchangeError, Member, Opening, Post, PostPatch, Status,
};
use meguri_events::{
    ExchangeApplied, ExchangeEvent, ExchangeRequested, MemberId, Mode, Modes, PostEvent, Sealed,
};

use crate::scenario::{Given, given};
use crate::scene::{
    ALL_MODES, ASKED, EXCHANGE, NEED, OFFER, OPENER, STRANGER, acting, applied_for_nothing, member,
    message, opened, posted, posted_with, requested, terms, then,
};

fn open_by(
    opener: MemberId,
    author: &Member,
    posted: &[PostEvent],
    mode: Mode,
) -> Result<Vec<ExchangeEvent>, ExchangeError> {
    let post = Post::replay(posted).unwrap();
    let (opener, message) = (acting(opener), message("お願いします"));
    Exchange::open(Opening {
        exchange: EXCHANGE,
        post: &post,
        author,
        opener,
        blocking: &Blocking::default(),
        mode,
        message,
    })
}

fn refused(opener: MemberId, posted: &[PostEvent], mode: Mode) -> ExchangeError {
    open_by(opener, &member(ASKED), posted, mode).unwrap_err()
}

#[test]
fn requesting_help_on_an_offer_opens_an_exchange_h02() {
    let requested = ExchangeRequested {
        exchange: EXCHANGE,
        offer: OFFER,
        requester: OPENER,
        owner: ASKED,
        mode: Mode::Online,
        allowed: ALL_MODES,
        no_return_needed: false,
        title: Some(Sealed::Known("自転車の修理".to_owned())),
        message: Sealed::Known("お願いします".to_owned()),
    };
    assert_eq!(opened(&posted(OFFER), Mode::Online), [requested.into()]);
}

#[test]
fn applying_to_help_on_a_need_opens_an_exchange_h03() {
    let applied = ExchangeApplied {
        exchange: EXCHANGE,
        need: NEED,
        applicant: OPENER,
        poster: ASKED,
        mode: Mode::InPerson,
        allowed: ALL_MODES,
        no_return_needed: true,
        title: Some(Sealed::Known("自転車の修理".to_owned())),
        message: Sealed::Known("お願いします".to_owned()),
    };
    let posted = posted_with(NEED, ALL_MODES, true);
    assert_eq!(opened(&posted, Mode::InPerson), [applied.into()]);
}

#[test]
fn applying_on_ones_own_need_is_refused_h04() {
    assert_eq!(
        refused(ASKED, &posted(NEED), Mode::Online),
        ExchangeError::OwnPost
    );
}

#[test]
fn requesting_ones_own_offer_is_refused_h04() {
    assert_eq!(
        refused(ASKED, &posted(OFFER), Mode::Online),
        ExchangeError::OwnPost
    );
}

#[test]
fn a_request_opens_a_room_in_negotiating_h05() {
    let exchange = given::<Exchange>(requested()).state();
    assert_eq!(exchange.status(), Status::Negotiating);
    assert_eq!((exchange.opener(), exchange.asked()), (OPENER, ASKED));
    assert!(exchange.is_open());
}

#[test]
fn an_application_opens_a_room_in_negotiating_h08() {
    let exchange = given::<Exchange>(applied_for_nothing()).state();
    assert_eq!(exchange.status(), Status::Negotiating);
    assert_eq!((exchange.opener(), exchange.asked()), (OPENER, ASKED));
}

#[test]
fn only_the_two_parties_write_in_the_room_h05() {
    given::<Exchange>(requested())
        .when(|exchange| exchange.post_message(acting(STRANGER), message("私も"), false, None))
        .then_refused(ExchangeError::NotAParty);
}

#[test]
fn a_closed_post_opens_no_exchange_h01() {
    let given: Given<Post> = given(posted(OFFER));
    let closed = then(posted(OFFER), given.state().close(acting(ASKED)).unwrap());
    assert_eq!(
        refused(OPENER, &closed, Mode::Online),
        ExchangeError::PostClosed
    );
}

#[test]
fn the_post_of_a_member_who_has_left_opens_no_exchange_h01() {
    let author = member(ASKED);
    let left = author
        .leave()
        .iter()
        .fold(Some(author), Member::evolve)
        .unwrap();
    let refusal = open_by(OPENER, &left, &posted(OFFER), Mode::Online).unwrap_err();
    assert_eq!(refusal, ExchangeError::AuthorHasLeft);
}

#[test]
fn help_may_be_asked_online_by_post_and_in_person_h13_h14() {
    for mode in [Mode::Online, Mode::ByPost, Mode::InPerson] {
        let ExchangeEvent::ExchangeRequested(requested) = &opened(&posted(OFFER), mode)[0] else {
            panic!("not a request");
        };
        assert_eq!(requested.mode, mode);
    }
}

#[test]
fn an_offline_exchange_is_by_post_or_in_person_h14() {
    let offline = Modes {
        online: false,
        offline: true,
    };
    for mode in [Mode::ByPost, Mode::InPerson] {
        assert_eq!(opened(&posted_with(OFFER, offline, false), mode).len(), 1);
    }
}

#[test]
fn an_online_exchange_needs_no_meeting_h13() {
    let online = Modes {
        online: true,
        offline: false,
    };
    assert_eq!(
        opened(&posted_with(OFFER, online, false), Mode::Online).len(),
        1
    );
}

#[test]
fn what_does_not_allow_offline_is_opened_neither_in_person_nor_by_post_h15() {
    let online = Modes {
        online: true,
        offline: false,
    };
    for mode in [Mode::InPerson, Mode::ByPost] {
        for posted in [
            posted_with(OFFER, online, false),
            posted_with(NEED, online, false),
        ] {
            let expected = ExchangeError::ModeNotAllowed { mode };
            assert_eq!(refused(OPENER, &posted, mode), expected);
        }
    }
}

#[test]
fn what_does_not_allow_online_is_not_opened_online_h15() {
    let offline = Modes {
        online: false,
        offline: true,
    };
    for posted in [
        posted_with(OFFER, offline, false),
        posted_with(NEED, offline, false),
    ] {
        let expected = ExchangeError::ModeNotAllowed { mode: Mode::Online };
        assert_eq!(refused(OPENER, &posted, Mode::Online), expected);
    }
}

#[test]
fn the_allowed_modes_bind_every_proposal_of_terms_h15() {
    let online = Modes {
        online: true,
        offline: false,
    };
    for party in [OPENER, ASKED] {
        given::<Exchange>(opened(&posted_with(OFFER, online, false), Mode::Online))
            .when(|exchange| exchange.propose_terms(acting(party), terms(Mode::InPerson, None)))
            .then_refused(ExchangeError::ModeNotAllowed {
                mode: Mode::InPerson,
            });
    }
}

#[test]
fn a_later_change_of_the_offer_does_not_touch_a_running_exchange_h15() {
    let offer = given::<Post>(posted(OFFER)).state();
    let exchange = given::<Exchange>(requested()).state();
    let patch = PostPatch {
        offline: Some(false),
        ..PostPatch::default()
    };
    let narrowed = then(posted(OFFER), offer.edit(acting(ASKED), patch).unwrap());
    let expected = ExchangeError::ModeNotAllowed {
        mode: Mode::InPerson,
    };
    assert_eq!(refused(OPENER, &narrowed, Mode::InPerson), expected);
    assert!(
        exchange
            .propose_terms(acting(OPENER), terms(Mode::InPerson, None))
            .is_ok()
    );
}
