//! What policies do when one side stays silent.

use std::time::Duration;

use meguri_domain::{Exchange, FollowUpPeriods};
use meguri_events::{CompletionReminded, ExchangeEvent, MemberId};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, OPENER, completed, completed_event, days_later, in_progress, reported_by,
    requested, then,
};

fn periods() -> FollowUpPeriods {
    FollowUpPeriods::default()
}

fn reminded(to: MemberId) -> ExchangeEvent {
    CompletionReminded {
        exchange: EXCHANGE,
        to,
    }
    .into()
}

#[test]
fn the_silent_party_is_reminded_after_7_days_h44() {
    for (reporter, silent) in [(ASKED, OPENER), (OPENER, ASKED)] {
        given::<Exchange>(reported_by(reporter))
            .when_policy(|exchange| exchange.remind_completion(days_later(6), periods()))
            .then_nothing();
        given::<Exchange>(reported_by(reporter))
            .when_policy(|exchange| exchange.remind_completion(days_later(7), periods()))
            .then([reminded(silent)]);
    }
}

#[test]
fn nobody_is_reminded_twice_h44() {
    given::<Exchange>(then(reported_by(ASKED), [reminded(OPENER)]))
        .when_policy(|exchange| exchange.remind_completion(days_later(8), periods()))
        .then_nothing();
}

#[test]
fn after_14_days_the_policy_completes_and_says_so_h44() {
    given::<Exchange>(reported_by(ASKED))
        .when_policy(|exchange| exchange.complete_by_policy(days_later(13), periods()))
        .then_nothing();
    for history in [
        reported_by(ASKED),
        then(reported_by(ASKED), [reminded(OPENER)]),
    ] {
        given::<Exchange>(history)
            .when_policy(|exchange| exchange.complete_by_policy(days_later(14), periods()))
            .then([completed_event(true, days_later(44))]);
    }
}

#[test]
fn what_is_not_one_sided_is_left_alone_h44() {
    let by_policy = then(reported_by(ASKED), [completed_event(true, days_later(44))]);
    for history in [requested(), in_progress(), completed(), by_policy] {
        let exchange = given::<Exchange>(history).state();
        assert_eq!(exchange.remind_completion(days_later(99), periods()), []);
        assert_eq!(exchange.complete_by_policy(days_later(99), periods()), []);
        assert_eq!(exchange.next_follow_up(periods()), None);
    }
}

#[test]
fn both_periods_are_settings_h44() {
    let day = Duration::from_hours(24);
    let periods = FollowUpPeriods {
        remind_after: day,
        complete_after: 2 * day,
    };
    given::<Exchange>(reported_by(ASKED))
        .when_policy(|exchange| exchange.remind_completion(days_later(1), periods))
        .then([reminded(OPENER)]);
    given::<Exchange>(reported_by(ASKED))
        .when_policy(|exchange| exchange.complete_by_policy(days_later(2), periods))
        .then([completed_event(true, days_later(32))]);
}

#[test]
fn the_next_follow_up_is_known_ahead_h44() {
    let next = |history| given::<Exchange>(history).state().next_follow_up(periods());
    assert_eq!(next(reported_by(ASKED)), Some(days_later(7)));
    assert_eq!(
        next(then(reported_by(ASKED), [reminded(OPENER)])),
        Some(days_later(14))
    );
}
