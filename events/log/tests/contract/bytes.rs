//! The bytes that outlive the code, as formats.md fixes them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use meguri_log::{ManualClock, OpenedEvent, Position, SectionContent, StreamRange};
use meguri_test_logs::{Backend, Home, on_both_backends};
use sha2::Sha256;
use uuid::{Uuid, uuid};

use super::{append, event, sealed, stream};

on_both_backends!(
    a_header_has_its_fields_in_the_order_of_the_format,
    an_entry_commits_to_the_header_under_its_blind,
    a_section_opens_with_its_key_and_matches_its_commitment,
    each_event_is_sealed_and_blinded_anew,
);

const EVENT: Uuid = uuid!("0192f0c1-0000-7000-8000-000000000001");
const COMMAND: Uuid = uuid!("0192f0c1-0000-7000-8000-000000000002");

async fn a_header_has_its_fields_in_the_order_of_the_format(backend: Backend) {
    let clock = ManualClock::new("2026-11-21T07:02:03.123456Z".parse().unwrap());
    let home = Home::new(backend);
    let log = home.open_with(Arc::new(clock)).await;
    let mut thanks = event("exchange-1", "ThanksSent");
    thanks.id = EVENT;
    thanks.schema = 2;
    let mut bare = append([event("exchange-1", "Made")]);
    bare.events[0].id = COMMAND;
    log.append(bare).await.unwrap();
    let mut request = append([sealed(thanks, "member-1", r#"{"words":"助かりました"}"#)]);
    request.cause.acting_for = Some("member-2".into());
    request.cause.correlation = Some(COMMAND);
    request.cause.causation = Some(EVENT);
    request.cause.policy = Some(3);
    log.append(request).await.unwrap();
    let events = log
        .read_stream(&stream("exchange-1"), StreamRange::newest(2))
        .await
        .unwrap();
    let headers: Vec<String> = events
        .iter()
        .map(|event| {
            let text = event.header_text().unwrap().to_owned();
            let header = event.header().unwrap().unwrap();
            let commitment = header
                .sealed
                .first()
                .map_or("none", |section| section.commitment);
            text.replace(commitment, "<commitment>")
        })
        .collect();
    insta::assert_snapshot!("headers", headers.join("\n"));
}

/// The columns that no reader hands out, from the database itself.
async fn blind_of_first(home: &Home) -> Vec<u8> {
    let statement = "select blind from events where position = 1";
    match home.options(Arc::new(ManualClock::default())).location {
        meguri_log::Location::Sqlite { log, .. } => {
            let url = format!("sqlite:{}", log.display());
            let pool = sqlx::SqlitePool::connect(&url);
            sqlx::query_scalar(statement)
                .fetch_one(&pool.await.unwrap())
                .await
                .unwrap()
        }
        meguri_log::Location::Postgres { log, .. } => {
            let pool = sqlx::PgPool::connect(&log).await.unwrap();
            sqlx::query_scalar(statement)
                .fetch_one(&pool)
                .await
                .unwrap()
        }
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

async fn an_entry_commits_to_the_header_under_its_blind(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("a-1", "Made")])).await.unwrap();
    let read = log
        .read_stream(&stream("a-1"), StreamRange::newest(1))
        .await
        .unwrap();
    let header = read[0].header_text().unwrap();
    let expected = [
        vec![1],
        hmac(&blind_of_first(&home).await, header.as_bytes()),
    ]
    .concat();
    assert_eq!(read[0].entry().as_slice(), expected);
}

async fn a_section_opens_with_its_key_and_matches_its_commitment(backend: Backend) {
    let home = Home::new(backend);
    let plaintext = r#"{"words":"助かりました"}"#;
    let log = home.open().await;
    log.append(append([sealed(
        event("a-1", "Thanked"),
        "member-1",
        plaintext,
    )]))
    .await
    .unwrap();
    log.close().await;
    // A process that has never seen the key finds it in the vault.
    let log = home.open().await;
    let read = log
        .read_stream(&stream("a-1"), StreamRange::newest(1))
        .await
        .unwrap();
    let stored = read[0].sealed_bytes();
    let (length, rest) = stored.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*length) as usize, rest.len());
    assert_eq!(rest.len(), 12 + 32 + plaintext.len() + 16);
    let opened = log.open_events(&read).await.unwrap().next().unwrap();
    let OpenedEvent { header, sections } = opened.unwrap().unwrap();
    assert_eq!(sections[0].name, "words");
    assert_eq!(sections[0].content, SectionContent::Plain(plaintext.into()));
    assert_eq!(
        STANDARD.decode(header.sealed[0].commitment).unwrap().len(),
        32
    );
    assert!(
        !header.data.contains("助"),
        "what was typed is not in the open"
    );
}

async fn each_event_is_sealed_and_blinded_anew(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for _ in 0..2 {
        log.append(append([sealed(event("a-1", "Thanked"), "member-1", "{}")]))
            .await
            .unwrap();
    }
    let read = log
        .read_all(Position::ZERO, &meguri_log::Filter::default(), 2)
        .await
        .unwrap();
    let [first, second] = &read.events[..] else {
        panic!("two events")
    };
    assert_ne!(first.sealed_bytes(), second.sealed_bytes());
    let commitment = |event: &meguri_log::Recorded| {
        event.header().unwrap().unwrap().sealed[0]
            .commitment
            .to_owned()
    };
    assert_ne!(commitment(first), commitment(second));
}
