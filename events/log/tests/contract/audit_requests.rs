//! An audit compares what is remembered of requests with the events that they led to.

use meguri_log::{
    Append, Appended, Finding, FindingKind, Log, Place, Position, RequestKey, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};
use uuid::Uuid;

use super::{append, audit::audit, event, immutability::Database, stream};

on_both_backends!(
    requests_that_led_to_what_is_remembered_are_no_findings,
    a_request_that_led_to_something_else_is_named,
    of_a_redacted_event_only_its_place_is_compared,
    requests_that_are_carried_out_during_an_audit_are_no_findings,
);

/// A request that leads to two events.
pub(super) fn request(number: u64) -> Append {
    let name = format!("a-{}", number % 7);
    let mut request = append([event(&name, "Made"), event("b-1", "Followed")]);
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    request.key = Some(RequestKey {
        key,
        request: key,
        expires: number.is_multiple_of(2),
    });
    request
}

/// Where something was found, and of what kind.
async fn found(home: &Home, log: &Log) -> Vec<(Place, FindingKind)> {
    let (_, findings) = audit(home, log).await;
    let found = |it: &Finding| (it.place, it.kind);
    findings.iter().map(found).collect()
}

/// Remembers something else of the only request.
async fn remember(database: &Database, outcome: &str) {
    let update = format!("update request_keys set outcome = '{outcome}'");
    assert_eq!(database.run(&update).await, Ok(1));
}

fn at(position: u64) -> (Place, FindingKind) {
    let place = Place::Event(Position::new(position));
    (place, FindingKind::Outcome)
}

async fn requests_that_led_to_what_is_remembered_are_no_findings(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    // More than are read at once.
    for number in 0..1_050 {
        log.append(request(number)).await.unwrap();
    }
    assert_eq!(found(&home, &log).await, []);
    // The last one is looked at, too.
    let database = Database::of(&home).await;
    let changed = "update request_keys set outcome = replace(outcome, '\"position\":2100', \
                   '\"position\":2098') where outcome like '%\"position\":2100%'";
    assert_eq!(database.run(changed).await, Ok(1));
    assert_eq!(found(&home, &log).await, [at(2_098)]);
}

/// A change of what is remembered, and where it is found.
type Change = (fn(&mut Appended), u64);

async fn a_request_that_led_to_something_else_is_named(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("b-1", "Made")])).await.unwrap();
    let is_so = log.append(request(1)).await.unwrap();
    log.append(append([event("b-1", "Made")])).await.unwrap();
    let database = Database::of(&home).await;
    let changes: [Change; 8] = [
        (|it| it.events[0].id = Uuid::now_v7(), 2),
        (|it| it.events[0].stream = stream("a-2"), 2),
        (|it| it.events[1].version = Version::new(3), 3),
        (|it| it.events[1].position = Position::new(4), 4),
        (|it| it.events.truncate(1), 3),
        (|it| it.events.clear(), 3),
        (|it| it.position = Position::new(99), 99),
        (|it| it.at = it.at.plus_seconds(1), 2),
    ];
    for (change, position) in changes {
        let mut other = is_so.clone();
        change(&mut other);
        remember(&database, &serde_json::to_string(&other).unwrap()).await;
        assert_eq!(found(&home, &log).await, [at(position)], "{other:?}");
    }
    remember(&database, "{}").await;
    let unreadable = (Place::Requests, FindingKind::Outcome);
    assert_eq!(found(&home, &log).await, [unreadable]);
    remember(&database, &serde_json::to_string(&is_so).unwrap()).await;
    assert_eq!(found(&home, &log).await, []);
}

async fn of_a_redacted_event_only_its_place_is_compared(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut remembered = log.append(request(1)).await.unwrap();
    log.append(append([event("b-1", "Made")])).await.unwrap();
    let database = Database::of(&home).await;
    let empty = "update events set header = null, blind = null, sealed = null where position = 2";
    assert_eq!(database.run(empty).await, Ok(1));
    let nobody_says_so = (Place::Event(Position::new(2)), FindingKind::Redaction);
    assert_eq!(found(&home, &log).await, [nobody_says_so]);
    remembered.events[1].version = Version::new(7);
    remember(&database, &serde_json::to_string(&remembered).unwrap()).await;
    assert_eq!(found(&home, &log).await, [at(2), nobody_says_so]);
}

async fn requests_that_are_carried_out_during_an_audit_are_no_findings(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let writing = tokio::spawn({
        let log = log.clone();
        async move {
            for number in 0..500 {
                log.append(request(number)).await.unwrap();
            }
        }
    });
    while !writing.is_finished() {
        assert_eq!(found(&home, &log).await, []);
    }
    writing.await.unwrap();
}
