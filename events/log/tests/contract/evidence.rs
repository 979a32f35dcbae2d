//! What it takes to show to others that an event was recorded, and only as long as it may be shown.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use meguri_log::{Filter, Log, Position, Recorded};
use meguri_test_logs::{Backend, Home, on_both_backends};
use sha2::Sha256;

use super::{append, event, immutability::Database, sealed};

on_both_backends!(
    an_entry_can_be_made_again_of_header_and_blind,
    a_section_is_shown_with_the_salt_of_its_commitment,
    what_was_redacted_or_erased_cannot_be_shown,
);

const WORDS: &str = r#"{"words":"助かりました"}"#;

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// Three events of one member, each with one section.
async fn three(home: &Home) -> (Log, Vec<Recorded>) {
    let log = home.open().await;
    let events = (1..=3).map(|_| sealed(event("a-1", "Said"), "member-1", WORDS));
    log.append(append(events)).await.unwrap();
    let everything = Filter::default();
    let block = log.read_all(Position::ZERO, &everything, 10).await;
    (log, block.unwrap().events)
}

async fn an_entry_can_be_made_again_of_header_and_blind(backend: Backend) {
    let home = Home::new(backend);
    let (log, events) = three(&home).await;
    let positions = [3, 1, 4].map(Position::new);
    let blinds = log.blinds(&positions).await.unwrap();
    assert_eq!(blinds[2], None, "there is no fourth event");
    for (event, blind) in [(&events[2], blinds[0]), (&events[0], blinds[1])] {
        let made = hmac(&blind.unwrap(), event.header_text().unwrap().as_bytes());
        assert_eq!(event.entry()[1..], made);
    }
}

async fn a_section_is_shown_with_the_salt_of_its_commitment(backend: Backend) {
    let home = Home::new(backend);
    let (log, events) = three(&home).await;
    for event in &events {
        let shown = log.show_section(event, "words").await.unwrap().unwrap();
        assert_eq!(shown.plaintext, WORDS.as_bytes());
        let commitment = STANDARD.encode(hmac(&shown.salt, &shown.plaintext));
        let header = event.header().unwrap().unwrap();
        assert_eq!(header.sealed[0].commitment, commitment);
        assert!(!format!("{shown:?}").contains("words"), "it slips nowhere");
        assert_eq!(log.show_section(event, "about").await.unwrap(), None);
    }
}

async fn what_was_redacted_or_erased_cannot_be_shown(backend: Backend) {
    let home = Home::new(backend);
    let (log, _) = three(&home).await;
    let redact = "update events set header = null, blind = null, sealed = null where position = 2";
    assert_eq!(Database::of(&home).await.run(redact).await, Ok(1));
    let blinds = log.blinds(&[1, 2].map(Position::new)).await.unwrap();
    assert!(blinds[0].is_some() && blinds[1].is_none());
    let destroy = "update vault_keys set wrapped = null where subject = 'member-1'";
    assert_eq!(Database::of_vault(&home).await.run(destroy).await, Ok(1));
    let log = home.open().await;
    let block = log.read_all(Position::ZERO, &Filter::default(), 10).await;
    for event in block.unwrap().events {
        assert_eq!(log.show_section(&event, "words").await.unwrap(), None);
    }
}
