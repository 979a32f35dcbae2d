//! Evaluations.

use meguri_domain::{Exchange, ExchangeError};
use meguri_events::{EvaluationRetracted, EvaluationWritten, ExchangeEvent, MemberId, Sealed};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, NOW, OPENER, STRANGER, acting, completed, days_later, in_progress,
    reported_by, then, words,
};

fn wrote(by: MemberId, about: MemberId) -> ExchangeEvent {
    let words = Sealed::Known("丁寧でした".to_owned());
    EvaluationWritten {
        exchange: EXCHANGE,
        by,
        about,
        words,
    }
    .into()
}

fn retracted() -> ExchangeEvent {
    EvaluationRetracted {
        exchange: EXCHANGE,
        by: OPENER,
        about: ASKED,
    }
    .into()
}

#[test]
fn when_one_party_has_reported_the_other_may_evaluate_h22() {
    given::<Exchange>(reported_by(ASKED))
        .when(|exchange| exchange.write_evaluation(acting(OPENER), words("丁寧でした"), NOW))
        .then([wrote(OPENER, ASKED)]);
}

#[test]
fn who_alone_has_reported_may_not_evaluate_yet_h22() {
    for history in [in_progress(), reported_by(ASKED)] {
        given::<Exchange>(history)
            .when(|exchange| exchange.write_evaluation(acting(ASKED), words("丁寧でした"), NOW))
            .then_refused(ExchangeError::PartnerNotDone);
    }
}

#[test]
fn both_may_evaluate_after_completion_h22() {
    given::<Exchange>(then(completed(), [wrote(OPENER, ASKED)]))
        .when(|exchange| exchange.write_evaluation(acting(ASKED), words("丁寧でした"), NOW))
        .then([wrote(ASKED, OPENER)]);
}

#[test]
fn a_second_evaluation_is_refused_also_after_retracting_h22() {
    let written = then(completed(), [wrote(OPENER, ASKED)]);
    for history in [written.clone(), then(written, [retracted()])] {
        given::<Exchange>(history)
            .when(|exchange| exchange.write_evaluation(acting(OPENER), words("やはり"), NOW))
            .then_refused(ExchangeError::AlreadyEvaluated);
    }
}

#[test]
fn the_author_retracts_an_evaluation_h22() {
    given::<Exchange>(then(completed(), [wrote(OPENER, ASKED)]))
        .when(|exchange| exchange.retract_evaluation(acting(OPENER)))
        .then([retracted()]);
}

#[test]
fn retracting_again_changes_nothing_h22() {
    given::<Exchange>(then(completed(), [wrote(OPENER, ASKED), retracted()]))
        .when(|exchange| exchange.retract_evaluation(acting(OPENER)))
        .then_nothing();
}

#[test]
fn only_the_author_retracts_an_evaluation_h22() {
    let exchange = given::<Exchange>(then(completed(), [wrote(OPENER, ASKED)])).state();
    let refused = exchange.retract_evaluation(acting(ASKED));
    assert_eq!(refused, Err(ExchangeError::NoEvaluation));
    let refused = exchange.retract_evaluation(acting(STRANGER));
    assert_eq!(refused, Err(ExchangeError::NotAParty));
}

#[test]
fn evaluation_stays_open_for_30_days_after_completion_h23() {
    let write = |now| {
        let exchange = given::<Exchange>(completed()).state();
        exchange.write_evaluation(acting(OPENER), words("丁寧でした"), now)
    };
    assert_eq!(write(days_later(30)), Ok(vec![wrote(OPENER, ASKED)]));
    assert_eq!(write(days_later(31)), Err(ExchangeError::TooLate));
}
