//! Completing an exchange, and giving it up.

use meguri_domain::{Exchange, ExchangeError, Status};
use meguri_events::{ExchangeAborted, ExchangeEvent, Mode, ReasonCode, Sealed};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, NOW, OPENER, STRANGER, acting, completed, completed_event, days_later,
    in_progress, message, reason, reported, reported_by, requested, terms, then, words,
};

fn aborted() -> Vec<ExchangeEvent> {
    let exchange = given::<Exchange>(reported_by(ASKED)).state();
    then(
        reported_by(ASKED),
        exchange.abort(acting(OPENER), reason()).unwrap(),
    )
}

#[test]
fn each_party_reports_completion_of_its_own_part_h21() {
    for by in [OPENER, ASKED] {
        given::<Exchange>(in_progress())
            .when(|exchange| exchange.report_completion(acting(by), NOW))
            .then([reported(by)]);
    }
}

#[test]
fn reporting_twice_is_refused_h21() {
    for by in [OPENER, ASKED] {
        given::<Exchange>(reported_by(by))
            .when(|exchange| exchange.report_completion(acting(by), NOW))
            .then_refused(ExchangeError::AlreadyReported);
    }
    given::<Exchange>(completed())
        .when(|exchange| exchange.report_completion(acting(ASKED), NOW))
        .then_refused(ExchangeError::AlreadyReported);
}

#[test]
fn completion_is_reported_only_while_in_progress_h21() {
    for history in [requested(), aborted()] {
        given::<Exchange>(history)
            .when(|exchange| exchange.report_completion(acting(OPENER), NOW))
            .then_refused(ExchangeError::NotInProgress);
    }
}

#[test]
fn a_stranger_reports_nothing_h21() {
    given::<Exchange>(in_progress())
        .when(|exchange| exchange.report_completion(acting(STRANGER), NOW))
        .then_refused(ExchangeError::NotAParty);
}

#[test]
fn the_second_report_completes_the_exchange_h23() {
    for (first, second) in [(OPENER, ASKED), (ASKED, OPENER)] {
        given::<Exchange>(reported_by(first))
            .when(|exchange| exchange.report_completion(acting(second), NOW))
            .then([reported(second), completed_event(false, days_later(30))]);
    }
}

#[test]
fn an_exchange_moves_forward_and_skips_nothing_h24() {
    let status = |history| given::<Exchange>(history).state().status();
    assert_eq!(status(requested()), Status::Negotiating);
    assert_eq!(status(in_progress()), Status::InProgress);
    assert_eq!(status(reported_by(ASKED)), Status::InProgress);
    assert_eq!(status(completed()), Status::Completed);
    given::<Exchange>(requested())
        .when(|exchange| exchange.abort(acting(ASKED), reason()))
        .then_refused(ExchangeError::NotInProgress);
}

#[test]
fn there_is_no_step_back_h24() {
    for history in [in_progress(), completed(), aborted()] {
        given::<Exchange>(history)
            .when(|exchange| exchange.propose_terms(acting(ASKED), terms(Mode::Online, None)))
            .then_refused(ExchangeError::NotNegotiating);
    }
    given::<Exchange>(completed())
        .when(|exchange| exchange.abort(acting(ASKED), reason()))
        .then_refused(ExchangeError::NotInProgress);
}

#[test]
fn either_party_aborts_while_in_progress_with_a_reason_h24() {
    for by in [OPENER, ASKED] {
        let reason_given = Some(Sealed::Known("都合が変わりました".to_owned()));
        let reason_code = ReasonCode::OwnWords;
        let aborted = ExchangeAborted {
            exchange: EXCHANGE,
            by,
            reason_code,
            reason: reason_given,
        };
        given::<Exchange>(in_progress())
            .when(|exchange| exchange.abort(acting(by), reason()))
            .then([aborted.into()]);
    }
}

#[test]
fn aborting_is_final_h24() {
    let exchange = given::<Exchange>(aborted()).state();
    assert_eq!(exchange.status(), Status::Aborted);
    assert!(!exchange.is_open());
    assert_eq!(
        exchange.abort(acting(ASKED), reason()),
        Err(ExchangeError::NotInProgress)
    );
    let refused = Err(ExchangeError::RoomClosed);
    assert_eq!(
        exchange.post_message(acting(ASKED), message("なぜ"), false, None),
        refused
    );
}

#[test]
fn an_aborted_exchange_takes_neither_thanks_nor_evaluation_h24() {
    let exchange = given::<Exchange>(aborted()).state();
    let refused = Err(ExchangeError::GivenUp);
    assert_eq!(exchange.send_thanks(acting(OPENER), None, NOW), refused);
    assert_eq!(
        exchange.write_evaluation(acting(OPENER), words("残念"), NOW),
        refused
    );
}

#[test]
fn a_stranger_cannot_abort_h24() {
    given::<Exchange>(in_progress())
        .when(|exchange| exchange.abort(acting(STRANGER), reason()))
        .then_refused(ExchangeError::NotAParty);
}
