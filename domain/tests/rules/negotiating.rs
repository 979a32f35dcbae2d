//! Negotiating: terms, agreement, messages, cancelling.

use meguri_domain::{Exchange, ExchangeError, Status};
use meguri_events::{
    ExchangeCancelled, ExchangeEvent, MemberId, MessagePosted, Mode, ReasonCode, Sealed,
    TermsProposed, TermsText,
};

use crate::scenario::given;
use crate::scene::{
    ASKED, EXCHANGE, OPENER, STRANGER, acting, agreed, applied_for_nothing, completed, in_progress,
    message, reason, requested, requested_for_nothing, started, terms, then,
};

fn proposed(by: MemberId, version: u32, mode: Mode, in_return: Option<&str>) -> ExchangeEvent {
    let terms = TermsText {
        what: "後輪を直す".to_owned(),
        when: None,
        in_return: in_return.map(str::to_owned),
    };
    let has_return = in_return.is_some();
    let terms = Sealed::Known(terms);
    TermsProposed {
        exchange: EXCHANGE,
        by,
        version,
        mode,
        has_return,
        terms,
    }
    .into()
}

fn wrote(by: MemberId, to: MemberId, text: &str, keep_negotiating: bool) -> ExchangeEvent {
    let text = Sealed::Known(text.to_owned());
    MessagePosted {
        exchange: EXCHANGE,
        by,
        to,
        keep_negotiating,
        text,
    }
    .into()
}

fn cancelled() -> Vec<ExchangeEvent> {
    let exchange = given::<Exchange>(requested()).state();
    then(requested(), exchange.cancel(acting(OPENER), None).unwrap())
}

#[test]
fn either_party_cancels_while_negotiating_h06_h09() {
    for by in [OPENER, ASKED] {
        let (reason_code, words) = (ReasonCode::OwnWords, "都合が変わりました".to_owned());
        let reason_given = Some(Sealed::Known(words));
        let expected = ExchangeCancelled {
            exchange: EXCHANGE,
            by,
            reason_code,
            reason: reason_given,
        };
        given::<Exchange>(requested())
            .when(|exchange| exchange.cancel(acting(by), Some(reason())))
            .then([expected.into()]);
    }
}

#[test]
fn an_application_is_cancelled_without_a_reason_too_h09() {
    let reason_code = ReasonCode::OwnWords;
    let cancelled = ExchangeCancelled {
        exchange: EXCHANGE,
        by: ASKED,
        reason_code,
        reason: None,
    };
    given::<Exchange>(applied_for_nothing())
        .when(|exchange| exchange.cancel(acting(ASKED), None))
        .then([cancelled.into()]);
}

#[test]
fn cancelling_is_final_h06() {
    let exchange = given::<Exchange>(cancelled()).state();
    assert_eq!(exchange.status(), Status::Cancelled);
    for by in [OPENER, ASKED] {
        let refused = Err(ExchangeError::NotNegotiating);
        assert_eq!(exchange.cancel(acting(by), None), refused);
        assert_eq!(exchange.agree(acting(by), 0), refused);
        assert_eq!(
            exchange.propose_terms(acting(by), terms(Mode::Online, None)),
            refused
        );
        assert_eq!(
            exchange.post_message(acting(by), message("もしもし"), false, Some(0)),
            Err(ExchangeError::RoomClosed)
        );
    }
}

#[test]
fn cancelling_is_refused_once_in_progress_h06() {
    given::<Exchange>(in_progress())
        .when(|exchange| exchange.cancel(acting(OPENER), None))
        .then_refused(ExchangeError::NotNegotiating);
}

#[test]
fn a_stranger_cannot_cancel_h06() {
    given::<Exchange>(requested())
        .when(|exchange| exchange.cancel(acting(STRANGER), None))
        .then_refused(ExchangeError::NotAParty);
}

#[test]
fn terms_are_numbered_h07() {
    let history = then(requested(), [proposed(OPENER, 1, Mode::Online, None)]);
    given::<Exchange>(history)
        .when(|exchange| exchange.propose_terms(acting(ASKED), terms(Mode::ByPost, Some("菓子"))))
        .then([proposed(ASKED, 2, Mode::ByPost, Some("菓子"))]);
}

#[test]
fn proposing_is_consent_and_the_other_partys_agreement_starts_h07() {
    for (proposer, other) in [(OPENER, ASKED), (ASKED, OPENER)] {
        given::<Exchange>(then(
            requested(),
            [proposed(proposer, 1, Mode::Online, None)],
        ))
        .when(|exchange| exchange.agree(acting(other), 1))
        .then([agreed(other, 1), started(1, false)]);
    }
}

#[test]
fn agreeing_to_ones_own_proposal_changes_nothing_h07() {
    given::<Exchange>(then(requested(), [proposed(ASKED, 1, Mode::Online, None)]))
        .when(|exchange| exchange.agree(acting(ASKED), 1))
        .then_nothing();
}

#[test]
fn agreement_names_the_latest_terms_h11() {
    for version in [0, 2] {
        given::<Exchange>(then(requested(), [proposed(OPENER, 1, Mode::Online, None)]))
            .when(|exchange| exchange.agree(acting(ASKED), version))
            .then_refused(ExchangeError::TermsChanged { latest: 1 });
    }
}

#[test]
fn agreeing_again_changes_nothing_h11() {
    for party in [OPENER, ASKED] {
        given::<Exchange>(in_progress())
            .when(|exchange| exchange.agree(acting(party), 0))
            .then_nothing();
    }
}

#[test]
fn once_in_progress_no_other_terms_are_agreed_to_h11() {
    given::<Exchange>(in_progress())
        .when(|exchange| exchange.agree(acting(ASKED), 1))
        .then_refused(ExchangeError::NotNegotiating);
}

#[test]
fn the_poster_decides_on_an_application_h10() {
    given::<Exchange>(applied_for_nothing())
        .when(|exchange| exchange.agree(acting(ASKED), 0))
        .then([agreed(ASKED, 0), started(0, false)]);
}

#[test]
fn the_owner_decides_on_a_request_h12() {
    given::<Exchange>(requested())
        .when(|exchange| exchange.agree(acting(ASKED), 0))
        .then([agreed(ASKED, 0), started(0, true)]);
}

#[test]
fn the_opener_alone_cannot_start_h10() {
    given::<Exchange>(requested())
        .when(|exchange| exchange.agree(acting(OPENER), 0))
        .then_nothing();
}

#[test]
fn the_openers_consent_has_to_be_renewed_when_terms_have_changed_h12() {
    let changed = then(requested(), [proposed(ASKED, 1, Mode::Online, None)]);
    given::<Exchange>(changed.clone())
        .when(|exchange| {
            exchange.post_message(acting(ASKED), message("どうですか"), false, Some(1))
        })
        .then([wrote(ASKED, OPENER, "どうですか", false)]);
    given::<Exchange>(changed)
        .when(|exchange| exchange.agree(acting(OPENER), 1))
        .then([agreed(OPENER, 1), started(1, false)]);
}

#[test]
fn terms_are_for_a_return_or_for_nothing_h16_h17() {
    for (in_return, has_return) in [(Some("お菓子"), true), (None, false)] {
        given::<Exchange>(then(
            requested(),
            [proposed(OPENER, 1, Mode::Online, in_return)],
        ))
        .when(|exchange| exchange.agree(acting(ASKED), 1))
        .then([agreed(ASKED, 1), started(1, has_return)]);
    }
}

#[test]
fn help_offered_for_nothing_may_still_be_returned_h16() {
    let exchange = given::<Exchange>(requested_for_nothing()).state();
    assert!(exchange.was_helped(OPENER) && !exchange.was_helped(ASKED));
    let return_agreed = [proposed(OPENER, 1, Mode::Online, Some("お菓子"))];
    let exchange = given::<Exchange>(then(requested_for_nothing(), return_agreed)).state();
    assert!(exchange.was_helped(OPENER) && exchange.was_helped(ASKED));
}

#[test]
fn a_return_is_told_in_words_and_has_no_price_h17() {
    let described = meguri_events::Event::descriptions();
    let proposed = described
        .iter()
        .find(|d| d.event_type == "TermsProposed")
        .unwrap();
    let terms = proposed
        .sealed
        .iter()
        .find(|section| section.name == "terms")
        .unwrap();
    assert!(terms.fields.contains(&("return", "text or null")));
}

#[test]
fn the_first_answer_of_the_asked_party_starts_the_exchange_h25() {
    given::<Exchange>(requested())
        .when(|exchange| {
            exchange.post_message(acting(ASKED), message("いいですよ"), false, Some(0))
        })
        .then([
            wrote(ASKED, OPENER, "いいですよ", false),
            agreed(ASKED, 0),
            started(0, true),
        ]);
}

#[test]
fn an_answer_that_keeps_negotiating_does_not_start_h26() {
    given::<Exchange>(requested())
        .when(|exchange| exchange.post_message(acting(ASKED), message("いつですか"), true, None))
        .then([wrote(ASKED, OPENER, "いつですか", true)]);
}

#[test]
fn every_later_answer_without_keep_negotiating_starts_h27() {
    let history = then(
        requested(),
        [
            wrote(ASKED, OPENER, "いつですか", true),
            wrote(OPENER, ASKED, "土曜です", false),
        ],
    );
    given::<Exchange>(history)
        .when(|exchange| {
            exchange.post_message(acting(ASKED), message("では土曜に"), false, Some(0))
        })
        .then([
            wrote(ASKED, OPENER, "では土曜に", false),
            agreed(ASKED, 0),
            started(0, true),
        ]);
}

#[test]
fn an_answer_agrees_to_the_latest_terms_h25() {
    given::<Exchange>(then(requested(), [proposed(OPENER, 1, Mode::Online, None)]))
        .when(|exchange| exchange.post_message(acting(ASKED), message("それで"), false, Some(1)))
        .then([
            wrote(ASKED, OPENER, "それで", false),
            agreed(ASKED, 1),
            started(1, false),
        ]);
}

#[test]
fn an_answer_to_other_terms_than_the_latest_is_refused_h25() {
    let changed = then(requested(), [proposed(OPENER, 1, Mode::Online, None)]);
    for (named, refusal) in [
        (Some(0), ExchangeError::TermsChanged { latest: 1 }),
        (Some(2), ExchangeError::TermsChanged { latest: 1 }),
        (None, ExchangeError::TermsNotNamed { latest: 1 }),
    ] {
        given::<Exchange>(changed.clone())
            .when(|exchange| exchange.post_message(acting(ASKED), message("それで"), false, named))
            .then_refused(refusal);
    }
}

#[test]
fn an_answer_to_ones_own_terms_names_them_too_h27() {
    let own = then(requested(), [proposed(ASKED, 1, Mode::Online, None)]);
    given::<Exchange>(own)
        .when(|exchange| exchange.post_message(acting(ASKED), message("どうですか"), false, None))
        .then_refused(ExchangeError::TermsNotNamed { latest: 1 });
}

#[test]
fn an_answer_that_keeps_negotiating_may_name_any_terms_or_none_h26() {
    let changed = then(requested(), [proposed(OPENER, 1, Mode::Online, None)]);
    for named in [None, Some(0), Some(1), Some(9)] {
        given::<Exchange>(changed.clone())
            .when(|exchange| exchange.post_message(acting(ASKED), message("うーん"), true, named))
            .then([wrote(ASKED, OPENER, "うーん", true)]);
    }
}

#[test]
fn a_message_of_the_opener_never_changes_the_status_h27() {
    let asked_proposed = then(requested(), [proposed(ASKED, 1, Mode::Online, None)]);
    for history in [requested(), asked_proposed, in_progress()] {
        for (keep, named) in [
            (false, None),
            (false, Some(0)),
            (false, Some(9)),
            (true, None),
        ] {
            given::<Exchange>(history.clone())
                .when(|x| x.post_message(acting(OPENER), message("どうも"), keep, named))
                .then([wrote(OPENER, ASKED, "どうも", keep)]);
        }
    }
}

#[test]
fn messages_in_progress_are_just_messages_h25() {
    given::<Exchange>(in_progress())
        .when(|exchange| exchange.post_message(acting(ASKED), message("着きました"), false, None))
        .then([wrote(ASKED, OPENER, "着きました", false)]);
}

#[test]
fn the_room_of_a_completed_exchange_takes_no_more_messages_h23() {
    for by in [OPENER, ASKED] {
        given::<Exchange>(completed())
            .when(|exchange| exchange.post_message(acting(by), message("またね"), false, None))
            .then_refused(ExchangeError::RoomClosed);
    }
}
