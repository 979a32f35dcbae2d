//! Claims: at most one holder.

use meguri_domain::{Aggregate, Claim, ClaimError};
use meguri_events::{ClaimEvent, ClaimKind, ClaimReleased, ClaimTaken, ExchangeId};
use uuid::Uuid;

use crate::scenario::given;
use crate::scene::{ASKED, EXCHANGE, OPENER, then};

fn taken(kind: ClaimKind) -> Vec<ClaimEvent> {
    vec![
        ClaimTaken {
            kind,
            holder: OPENER,
            exchange: None,
        }
        .into(),
    ]
}

fn released(kind: ClaimKind) -> ClaimEvent {
    ClaimReleased {
        kind,
        holder: OPENER,
    }
    .into()
}

#[test]
fn what_nobody_holds_is_taken() {
    for kind in [ClaimKind::UserName, ClaimKind::Mail] {
        assert_eq!(Claim::take(None, kind, OPENER), Ok(taken(kind)));
    }
}

#[test]
fn what_another_holds_is_refused() {
    let refusals = [
        (ClaimKind::UserName, ClaimError::UserNameTaken),
        (ClaimKind::Mail, ClaimError::MailTaken),
    ];
    for (kind, refusal) in refusals {
        given::<Claim>(taken(kind))
            .when(|claim| Claim::take(Some(claim), kind, ASKED))
            .then_refused(refusal);
    }
}

#[test]
fn taking_what_one_holds_changes_nothing() {
    given::<Claim>(taken(ClaimKind::Mail))
        .when(|claim| Claim::take(Some(claim), ClaimKind::Mail, OPENER))
        .then_nothing();
}

#[test]
fn a_released_mail_address_is_free_again() {
    let kind = ClaimKind::Mail;
    given::<Claim>(taken(kind))
        .when(|claim| claim.release(OPENER))
        .then([released(kind)]);
    let history = then(taken(kind), [released(kind)]);
    let again = ClaimTaken {
        kind,
        holder: ASKED,
        exchange: None,
    };
    given::<Claim>(history.clone())
        .when(|claim| Claim::take(Some(claim), kind, ASKED))
        .then([again.into()]);
    given::<Claim>(history)
        .when(|claim| claim.release(OPENER))
        .then_nothing();
}

#[test]
fn only_the_holder_releases() {
    given::<Claim>(taken(ClaimKind::Mail))
        .when(|claim| claim.release(ASKED))
        .then_refused(ClaimError::NotTheHolder);
}

#[test]
fn a_user_name_is_never_released() {
    given::<Claim>(taken(ClaimKind::UserName))
        .when(|claim| claim.release(OPENER))
        .then_refused(ClaimError::NeverReleased);
}

#[test]
fn an_opener_has_one_open_exchange_on_a_post_h05_h08() {
    let history = Claim::take_open_exchange(None, OPENER, EXCHANGE).unwrap();
    let another = ExchangeId::new(Uuid::from_u128(99));
    given::<Claim>(history.clone())
        .when(|claim| Claim::take_open_exchange(Some(claim), OPENER, another))
        .then_refused(ClaimError::ExchangeOpen);
    given::<Claim>(history.clone())
        .when(|claim| Claim::take_open_exchange(Some(claim), OPENER, EXCHANGE))
        .then_nothing();
    let ended = Claim::replay(&history).unwrap().release(OPENER).unwrap();
    given::<Claim>(then(history, ended))
        .when(|claim| Claim::take_open_exchange(Some(claim), OPENER, another))
        .then(Claim::take_open_exchange(None, OPENER, another).unwrap());
}
