//! An audit finds nothing in a log that is sound, and names whatever was changed in another.

use std::sync::Arc;

use meguri_log::{
    Accounts, Append, AuditStep, Audited, Cause, ErasedKeys, Finding, FindingKind, Header, Log,
    NewEvent, Place, Position, RedactedEvent, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    append,
    audit_flips::{bytes_of, put},
    event,
    frontiers::fill,
    immutability::Database,
    publish::{publish, published},
    publish_refusals::{outside, unguarded},
    sealed,
};

on_both_backends!(
    a_sound_log_has_no_findings,
    an_empty_log_has_no_findings,
    what_a_logged_erasure_covers_is_no_finding_and_what_none_covers_is,
    what_a_logged_redaction_covers_is_no_finding_and_what_none_covers_is,
    a_lost_event_is_named_wherever_it_stood,
    a_log_that_was_cut_short_is_named_by_what_was_published,
    an_event_that_was_replaced_as_a_whole_is_named_by_what_was_published,
    an_event_that_no_event_led_to_is_named,
);

/// The data of an event; nothing where somebody has changed it.
fn said(event: &Header<'_>) -> Value {
    serde_json::from_str(event.data).unwrap_or_default()
}

/// Reads the events of these tests: what is erased and what is redacted is said in their data.
struct Said;

impl Accounts for Said {
    fn erased(&self, event: &Header<'_>) -> Vec<ErasedKeys> {
        let data = said(event);
        let keys = data["erased"].as_str().into_iter();
        let keys = keys.map(|subject| ErasedKeys {
            subject: subject.to_owned(),
            class: "message".to_owned(),
            last: 1,
        });
        keys.collect()
    }

    fn redacted(&self, event: &Header<'_>) -> Option<RedactedEvent> {
        let data = said(event);
        let said = data["redacted"].as_array()?;
        Some(RedactedEvent {
            position: Position::new(said[0].as_u64()?),
            stream: said[1].as_str()?.to_owned(),
            version: Version::new(said[2].as_u64()?),
            event_type: said[3].as_str()?.to_owned(),
            entry: serde_json::from_value::<Vec<u8>>(said[4].clone())
                .ok()?
                .try_into()
                .ok()?,
        })
    }
}

pub(super) async fn audit(home: &Home, log: &Log) -> (Audited, Vec<Finding>) {
    let (mut findings, mut checked) = (Vec::new(), Position::ZERO);
    let mut tell = |step| match step {
        AuditStep::Found(finding) => findings.push(finding),
        AuditStep::Checked(position) => checked = position,
    };
    let outside = outside(home);
    let audited = log.audit(Arc::new(Said), Some(&outside), &mut tell).await;
    let audited = audited.unwrap();
    assert_eq!(audited.findings, findings.len() as u64);
    (audited, findings)
}

fn saying(data: &Value) -> NewEvent {
    NewEvent {
        data: data.to_string(),
        ..event("account-1", "Said")
    }
}

/// Two people write in nine streams; all of it is published: a full tile and a part of another.
pub(super) async fn two_people_write(home: &Home, log: &Log) -> u64 {
    for number in 0..30 {
        let stream = format!("a-{}", number % 9);
        let person = format!("member-{}", number % 2);
        let words = format!(r#"{{"words":"{number}"}}"#);
        let mut events: Vec<_> = (0..9).map(|_| event(&stream, "Made")).collect();
        events.push(sealed(event(&stream, "Written"), &person, &words));
        log.append(append(events)).await.unwrap();
    }
    let publisher = publish(home, log).await;
    published(&publisher, 300).await;
    publisher.close().await;
    300
}

async fn a_sound_log_has_no_findings(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let events = two_people_write(&home, &log).await;
    let (audited, findings) = audit(&home, &log).await;
    assert_eq!(findings, []);
    let expected = Audited {
        events,
        opened: 30,
        tiles: 1,
        checkpoints: audited.checkpoints,
        root: Some(log.frontier_at(log.known_head()).await.unwrap().root()),
        ..Audited::default()
    };
    assert_eq!(audited, expected);
    assert!(audited.checkpoints > 0);
    // What is not published yet, and longer than a kept frontier and a block.
    fill(&log, 9_000).await;
    log.frontier_at(log.known_head()).await.unwrap();
    assert_eq!(audit(&home, &log).await.1, []);
}

async fn an_empty_log_has_no_findings(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let root = Some(meguri_log::Frontier::default().root());
    let empty = Audited {
        root,
        ..Audited::default()
    };
    assert_eq!(audit(&home, &log).await, (empty, vec![]));
}

/// Destroys the keys of a person in the vault, as a tombstone says.
async fn destroy(home: &Home, person: &str) {
    let vault = Database::of_vault(home).await;
    let destroy = format!(
        "update vault_keys set wrapped = null, destroyed_at = 1 where subject = '{person}'"
    );
    assert_eq!(vault.run(&destroy).await, Ok(1));
}

async fn what_a_logged_erasure_covers_is_no_finding_and_what_none_covers_is(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    log.close().await;
    destroy(&home, "member-1").await;
    let log = home.open().await;
    let (audited, findings) = audit(&home, &log).await;
    assert_eq!((audited.opened, audited.erased), (15, 0));
    assert_eq!(findings.len(), 15);
    let closed = |finding: &Finding| finding.kind == FindingKind::Closed;
    assert!(findings.iter().all(closed), "{findings:?}");
    assert!(
        findings
            .iter()
            .any(|it| it.place == Place::Event(Position::new(20)))
    );

    log.append(append([saying(&json!({"erased": "member-1"}))]))
        .await
        .unwrap();
    let (audited, findings) = audit(&home, &log).await;
    assert_eq!(findings, []);
    assert_eq!((audited.opened, audited.erased), (15, 15));
    // Emptied, there is nothing to flip any more.
    let database = unguarded(&home, backend).await;
    let empty = "update events set sealed = null where position % 20 = 0";
    assert_eq!(database.run(empty).await, Ok(15));
    assert_eq!(audit(&home, &log).await.1, []);
}

/// Empties an event; answers what describes it.
async fn redact(log: &Log, database: &Database, position: u64) -> Value {
    let before = Position::new(position - 1);
    let block = log
        .read_all(before, &meguri_log::Filter::default(), 1)
        .await;
    let event = block.unwrap().events.remove(0);
    let empty = format!(
        "update events set header = null, blind = null, sealed = null where position = {position}"
    );
    assert_eq!(database.run(&empty).await, Ok(1));
    let (stream, version) = (event.stream(), event.version().get());
    let entry = event.entry().to_vec();
    json!({"redacted": [position, stream, version, event.event_type(), entry]})
}

async fn what_a_logged_redaction_covers_is_no_finding_and_what_none_covers_is(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    let database = Database::of(&home).await;
    let described = redact(&log, &database, 40).await;
    let (_, findings) = audit(&home, &log).await;
    let places: Vec<_> = findings.iter().map(|it| (it.place, it.kind)).collect();
    let here = Place::Event(Position::new(40));
    assert_eq!(places, [(here, FindingKind::Redaction)]);
    let mut of_another = described.clone();
    of_another["redacted"][0] = 41.into();
    log.append(append([saying(&of_another)])).await.unwrap();
    assert_eq!(
        audit(&home, &log).await.1.len(),
        2,
        "one is there, one is not said"
    );

    log.append(append([saying(&described)])).await.unwrap();
    let (audited, findings) = audit(&home, &log).await;
    assert_eq!(audited.redacted, 1);
    let places: Vec<_> = findings.iter().map(|it| it.place).collect();
    assert_eq!(places, [Place::Event(Position::new(41))]);
}

/// A log of two people, one of whom was erased, and with a redacted event; all of it published.
pub(super) async fn erase_and_redact(home: &Home, backend: Backend) {
    let log = home.open().await;
    two_people_write(home, &log).await;
    let database = unguarded(home, backend).await;
    let empty = "update events set sealed = null where position % 20 = 0";
    assert_eq!(database.run(empty).await, Ok(15));
    let described = redact(&log, &database, 40).await;
    let erased = json!({"erased": "member-1"});
    log.append(append([saying(&erased), saying(&described)]))
        .await
        .unwrap();
    let publisher = publish(home, &log).await;
    published(&publisher, 302).await;
    publisher.close().await;
    log.close().await;
    destroy(home, "member-1").await;
}

async fn a_lost_event_is_named_wherever_it_stood(backend: Backend) {
    for position in [1_u64, 77, 256, 300] {
        let home = Home::new(backend);
        let log = home.open().await;
        two_people_write(&home, &log).await;
        let database = unguarded(&home, backend).await;
        let deletion = format!("delete from events where position = {position}");
        assert_eq!(database.run(&deletion).await, Ok(1));
        let (_, findings) = audit(&home, &log).await;
        let lost = Position::new(position);
        let named = |it: &Finding| it.place == Place::Events(lost, lost);
        assert!(findings.iter().any(named), "{position}: {findings:?}");
    }
}

async fn a_log_that_was_cut_short_is_named_by_what_was_published(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    let tail = log
        .read_all(Position::new(289), &meguri_log::Filter::default(), 1)
        .await;
    let tail = tail.unwrap().events.remove(0);
    let (id, at) = {
        let header = tail.header().unwrap().unwrap();
        (header.id.simple().to_string(), header.at.micros())
    };
    let database = unguarded(&home, backend).await;
    database
        .run("delete from events where position > 290")
        .await
        .unwrap();
    let blob = match backend {
        Backend::Sqlite => format!("x'{id}'"),
        Backend::Postgres => format!("'\\x{id}'"),
    };
    let head = format!("update log_head set position = 290, tail = {blob}, at = {at}");
    assert_eq!(database.run(&head).await, Ok(1));
    // The end agrees with itself; what was signed does not.
    let (_, findings) = audit(&home, &log).await;
    let places: Vec<_> = findings.iter().map(|it| it.place).collect();
    assert_eq!(places, [Place::Checkpoint(300), Place::Outside]);
}

async fn an_event_that_was_replaced_as_a_whole_is_named_by_what_was_published(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    let database = unguarded(&home, backend).await;
    // Header, blind and entry fit together, and everything else does, too.
    let other = Home::new(backend);
    let forged = other.open().await;
    two_people_write(&other, &forged).await;
    put(&database, 33, &bytes_of(&other, 33).await).await;
    let (_, findings) = audit(&home, &log).await;
    let here = Place::Event(Position::new(33));
    assert!(
        findings
            .iter()
            .any(|it| (it.place, it.kind) == (here, FindingKind::Tile))
    );
}

async fn an_event_that_no_event_led_to_is_named(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let made = event("a-1", "Made");
    let (first, command) = (made.id, Uuid::now_v7());
    let led_by = |causation: Uuid, events: Vec<NewEvent>| Append {
        cause: Cause {
            correlation: Some(command),
            causation: Some(causation),
            ..append([]).cause
        },
        ..append(events)
    };
    log.append(led_by(command, vec![made])).await.unwrap();
    log.append(led_by(first, vec![event("a-1", "Followed")]))
        .await
        .unwrap();
    assert_eq!(audit(&home, &log).await.1, []);
    log.append(led_by(Uuid::now_v7(), vec![event("a-1", "Followed")]))
        .await
        .unwrap();
    let (_, findings) = audit(&home, &log).await;
    let found: Vec<_> = findings.iter().map(|it| (it.place, it.kind)).collect();
    assert_eq!(
        found,
        [(Place::Event(Position::new(3)), FindingKind::Cause)]
    );
}
