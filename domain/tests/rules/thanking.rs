//! Thanks.

use meguri_domain::{Exchange, ExchangeError};
use meguri_events::{ExchangeEvent, MemberId, Mode, Sealed, ThanksSent};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, NOW, OPENER, STRANGER, acting, agreed, applied_for_nothing, completed,
    completed_event, days_later, in_progress, reported, reported_by, requested,
    requested_for_nothing, started, terms, then, words,
};

fn thanked(from: MemberId, to: MemberId, text: Option<&str>) -> ExchangeEvent {
    let words = text.map(|text| Sealed::Known(text.to_owned()));
    ThanksSent {
        exchange: EXCHANGE,
        from,
        to,
        words,
    }
    .into()
}

fn done_for_nothing(opened: Vec<ExchangeEvent>) -> Vec<ExchangeEvent> {
    then(
        opened,
        [
            agreed(ASKED, 0),
            started(0, false),
            reported(ASKED),
            reported(OPENER),
        ],
    )
}

#[test]
fn thanks_is_sent_once_the_partner_has_reported_h18() {
    given::<Exchange>(reported_by(ASKED))
        .when(|exchange| exchange.send_thanks(acting(OPENER), Some(words("助かりました")), NOW))
        .then([thanked(OPENER, ASKED, Some("助かりました"))]);
}

#[test]
fn thanks_needs_no_words_h18() {
    given::<Exchange>(reported_by(ASKED))
        .when(|exchange| exchange.send_thanks(acting(OPENER), None, NOW))
        .then([thanked(OPENER, ASKED, None)]);
}

#[test]
fn thanks_before_the_partner_has_reported_is_refused_h18() {
    for history in [requested(), in_progress(), reported_by(OPENER)] {
        given::<Exchange>(history)
            .when(|exchange| exchange.send_thanks(acting(OPENER), None, NOW))
            .then_refused(ExchangeError::PartnerNotDone);
    }
}

#[test]
fn where_something_is_done_in_return_both_may_thank_h18() {
    for (from, to) in [(OPENER, ASKED), (ASKED, OPENER)] {
        given::<Exchange>(completed())
            .when(|exchange| exchange.send_thanks(acting(from), None, NOW))
            .then([thanked(from, to, None)]);
    }
}

#[test]
fn of_a_request_for_nothing_only_the_requester_may_thank_h18() {
    let exchange = given::<Exchange>(done_for_nothing(requested_for_nothing())).state();
    let thanks = exchange.send_thanks(acting(OPENER), None, NOW);
    assert_eq!(thanks, Ok(vec![thanked(OPENER, ASKED, None)]));
    let refused = exchange.send_thanks(acting(ASKED), None, NOW);
    assert_eq!(refused, Err(ExchangeError::NotHelped));
}

#[test]
fn of_an_application_for_nothing_only_the_poster_may_thank_h18() {
    let exchange = given::<Exchange>(done_for_nothing(applied_for_nothing())).state();
    let thanks = exchange.send_thanks(acting(ASKED), None, NOW);
    assert_eq!(thanks, Ok(vec![thanked(ASKED, OPENER, None)]));
    let refused = exchange.send_thanks(acting(OPENER), None, NOW);
    assert_eq!(refused, Err(ExchangeError::NotHelped));
}

#[test]
fn the_agreed_terms_tell_whether_there_is_a_return_and_not_the_post_h18() {
    let exchange = given::<Exchange>(requested()).state();
    let proposed = exchange
        .propose_terms(acting(OPENER), terms(Mode::Online, None))
        .unwrap();
    let history = then(
        then(requested(), proposed),
        [agreed(ASKED, 1), started(1, false)],
    );
    given::<Exchange>(then(history, [reported(OPENER)]))
        .when(|exchange| exchange.send_thanks(acting(ASKED), None, NOW))
        .then_refused(ExchangeError::NotHelped);
}

#[test]
fn sending_thanks_twice_is_refused_h19() {
    for words_again in [None, Some(words("もう一度"))] {
        given::<Exchange>(then(completed(), [thanked(OPENER, ASKED, None)]))
            .when(|exchange| exchange.send_thanks(acting(OPENER), words_again, NOW))
            .then_refused(ExchangeError::AlreadyThanked);
    }
}

#[test]
fn each_sender_thanks_once_h19() {
    given::<Exchange>(then(completed(), [thanked(OPENER, ASKED, None)]))
        .when(|exchange| exchange.send_thanks(acting(ASKED), None, NOW))
        .then([thanked(ASKED, OPENER, None)]);
}

#[test]
fn thanks_names_its_receiver_in_the_open_so_that_it_counts_for_ever_h20() {
    let described = meguri_events::Event::descriptions();
    let thanks = described
        .iter()
        .find(|d| d.event_type == "ThanksSent")
        .unwrap();
    assert!(
        thanks
            .open
            .iter()
            .any(|field| field.name == "to" && field.shape == "member-<uuid>")
    );
    assert!(
        thanks
            .sealed
            .iter()
            .all(|section| section.subject == "from")
    );
}

#[test]
fn a_stranger_sends_no_thanks_h18() {
    given::<Exchange>(completed())
        .when(|exchange| exchange.send_thanks(acting(STRANGER), None, NOW))
        .then_refused(ExchangeError::NotAParty);
}

#[test]
fn thanks_stays_open_for_30_days_after_completion_h23() {
    given::<Exchange>(completed())
        .when(|exchange| exchange.send_thanks(acting(OPENER), None, days_later(30)))
        .then([thanked(OPENER, ASKED, None)]);
    given::<Exchange>(completed())
        .when(|exchange| exchange.send_thanks(acting(OPENER), None, days_later(31)))
        .then_refused(ExchangeError::TooLate);
}

#[test]
fn who_was_silent_may_be_thanked_after_completion_by_policy_h44() {
    let history = then(reported_by(OPENER), [completed_event(true, days_later(44))]);
    given::<Exchange>(history)
        .when(|exchange| exchange.send_thanks(acting(OPENER), None, days_later(14)))
        .then([thanked(OPENER, ASKED, None)]);
}
