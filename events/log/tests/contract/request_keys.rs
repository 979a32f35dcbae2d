//! Repeating a request under its key: the first outcome, once, whatever happened in between.

use std::sync::Arc;

use futures::future::join_all;
use meguri_log::{
    Append, AppendError, Clock, Condition, ManualClock, Position, RequestKey, StreamName,
    SystemClock, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, audit::audit, event, on_condition, version};

on_both_backends!(
    a_repeated_request_answers_as_the_first_did_and_writes_nothing,
    another_request_under_the_same_key_is_refused,
    equal_keys_at_once_share_one_outcome,
    an_outcome_survives_the_process,
    a_request_that_had_nothing_to_do_is_remembered_and_writes_no_event,
    what_had_nothing_to_do_is_remembered_only_while_that_is_so,
    what_is_remembered_beside_events_is_written_with_them,
    a_clients_key_is_forgotten_after_thirty_days_and_a_policys_never,
);

fn keyed(mut append: Append, key: u8, request: u8) -> Append {
    append.key = Some(RequestKey {
        key: [key; 32],
        request: [request; 32],
        expires: true,
    });
    append
}

async fn a_repeated_request_answers_as_the_first_did_and_writes_nothing(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let request = || on_condition(append([event("a-1", "Made")]), "a-1", version(0));
    let first = log.append(keyed(request(), 1, 1)).await.unwrap();
    assert!(!first.repeated);
    log.append(append([event("a-1", "Changed")])).await.unwrap();
    // The condition does not hold any more, and that does not matter.
    let again = log.append(keyed(request(), 1, 1)).await.unwrap();
    assert!(again.repeated);
    assert_eq!(
        (again.events, again.position, again.at),
        (first.events, first.position, first.at)
    );
    assert_eq!(log.head().await.unwrap().position, Position::new(2));
}

async fn another_request_under_the_same_key_is_refused(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(keyed(append([event("a-1", "Made")]), 1, 1))
        .await
        .unwrap();
    let other = log
        .append(keyed(append([event("a-1", "Made")]), 1, 2))
        .await;
    assert_eq!(other.unwrap_err(), AppendError::KeyReused);
    let key = RequestKey {
        key: [1; 32],
        request: [2; 32],
        expires: true,
    };
    assert_eq!(log.outcome(&key).await.unwrap_err(), AppendError::KeyReused);
    assert_eq!(
        log.outcome(&RequestKey {
            key: [9; 32],
            ..key
        })
        .await
        .unwrap(),
        None
    );
    assert_eq!(log.head().await.unwrap().position, Position::new(1));
}

async fn equal_keys_at_once_share_one_outcome(backend: Backend) {
    let home = Home::new(backend);
    let (here, there) = (home.open().await, home.open().await);
    let tries = (0..32).map(|number| {
        let log = if number % 2 == 0 { &here } else { &there };
        log.append(keyed(append([event("a-1", "Made")]), 7, 7))
    });
    let answers: Vec<_> = join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(
        answers
            .iter()
            .all(|answer| answer.events == answers[0].events)
    );
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    assert_eq!(here.head().await.unwrap().position, Position::new(1));
}

async fn an_outcome_survives_the_process(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let first = log
        .append(keyed(append([event("a-1", "Made")]), 1, 1))
        .await
        .unwrap();
    log.close().await;
    let log = home.open().await;
    let again = log
        .append(keyed(append([event("a-1", "Made")]), 1, 1))
        .await
        .unwrap();
    assert_eq!(again.events, first.events);
}

fn request_key(key: u8, request: u8) -> RequestKey {
    RequestKey {
        key: [key; 32],
        request: [request; 32],
        expires: true,
    }
}

fn at_version(number: u64) -> Vec<Condition> {
    let (stream, expected) = ("a-1".parse().unwrap(), version(number));
    vec![Condition { stream, expected }]
}

fn done(version: u64) -> (StreamName, Version) {
    ("a-1".parse().unwrap(), Version::new(version))
}

async fn a_request_that_had_nothing_to_do_is_remembered_and_writes_no_event(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let made = log.append(append([event("a-1", "Made")])).await.unwrap();
    log.append(append([event("b-1", "Made")])).await.unwrap();
    let head = log.head().await.unwrap();
    let first = log
        .remember(request_key(1, 1), at_version(1), done(1))
        .await
        .unwrap();
    assert!(!first.repeated);
    assert_eq!((&first.events, first.at), (&made.events, made.at));
    assert_eq!(log.head().await.unwrap(), head, "nothing was appended");
    log.append(append([event("a-1", "Changed")])).await.unwrap();
    // Also as what it would do now, and in another process.
    for log in [&log, &home.open().await] {
        let again = log
            .remember(request_key(1, 1), at_version(1), done(1))
            .await
            .unwrap();
        assert!(again.repeated);
        let again = log
            .append(keyed(append([event("a-1", "Changed")]), 1, 1))
            .await
            .unwrap();
        assert!(again.repeated);
        assert_eq!(again.events, made.events);
        assert_eq!(log.outcome(&request_key(1, 1)).await.unwrap(), Some(again));
        let other = log
            .append(keyed(append([event("a-1", "Changed")]), 1, 2))
            .await;
        assert_eq!(other.unwrap_err(), AppendError::KeyReused);
        let other = log
            .remember(request_key(1, 2), at_version(2), done(2))
            .await;
        assert_eq!(other.unwrap_err(), AppendError::KeyReused);
    }
    assert_eq!(log.head().await.unwrap().position, Position::new(3));
    let (_, findings) = audit(&home, &log).await;
    assert!(findings.is_empty(), "{findings:?}");
}

async fn what_had_nothing_to_do_is_remembered_only_while_that_is_so(backend: Backend) {
    let home = Home::new(backend);
    let (log, other) = (home.open().await, home.open().await);
    log.append(append([event("a-1", "Made")])).await.unwrap();
    // Another process has changed it since it was looked at.
    other
        .append(append([event("a-1", "Changed")]))
        .await
        .unwrap();
    let refused = log
        .remember(request_key(1, 1), at_version(1), done(1))
        .await;
    assert!(
        matches!(refused, Err(AppendError::Conflict { .. })),
        "{refused:?}"
    );
    let none = log
        .remember(request_key(1, 1), at_version(2), done(3))
        .await;
    assert!(
        matches!(&none, Err(AppendError::NotDone { version, .. }) if version.get() == 3),
        "{none:?}"
    );
    assert_eq!(log.outcome(&request_key(1, 1)).await.unwrap(), None);
}

async fn what_is_remembered_beside_events_is_written_with_them(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("a-1", "Made")])).await.unwrap();
    let remembered = (0..20).map(|key| log.remember(request_key(key, 1), at_version(1), done(1)));
    let appended = (20..40).map(|key| log.append(keyed(append([event("b-1", "Made")]), key, 1)));
    let (remembered, appended) =
        futures::future::join(join_all(remembered), join_all(appended)).await;
    assert!(remembered.iter().chain(&appended).all(Result::is_ok));
    assert_eq!(log.head().await.unwrap().position, Position::new(21));
    let restarted = home.open().await;
    for key in 0..40 {
        assert!(
            restarted
                .outcome(&request_key(key, 1))
                .await
                .unwrap()
                .is_some(),
            "{key}"
        );
    }
}

async fn a_clients_key_is_forgotten_after_thirty_days_and_a_policys_never(backend: Backend) {
    let clock = ManualClock::new(SystemClock.now());
    let home = Home::new(backend);
    let log = home.open_with(Arc::new(clock.clone())).await;
    let policys = || {
        let mut request = keyed(append([event("a-1", "Made")]), 2, 2);
        if let Some(key) = &mut request.key {
            key.expires = false;
        }
        request
    };
    log.append(keyed(append([event("a-1", "Made")]), 1, 1))
        .await
        .unwrap();
    log.append(policys()).await.unwrap();
    clock.advance_seconds(29 * 86_400);
    assert!(
        log.append(keyed(append([event("a-1", "Made")]), 1, 1))
            .await
            .unwrap()
            .repeated
    );
    clock.advance_seconds(2 * 86_400);
    assert!(
        !log.append(keyed(append([event("a-1", "Made")]), 1, 1))
            .await
            .unwrap()
            .repeated
    );
    assert!(log.append(policys()).await.unwrap().repeated);
    assert_eq!(log.head().await.unwrap().position, Position::new(3));
}
