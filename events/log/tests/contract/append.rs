//! Appending: places, conditions, bounds, time.

use std::sync::Arc;

use futures::future::join_all;
use meguri_log::{
    AppendError, Expected, ManualClock, Position, Timestamp, Version,
    limits::{APPEND_CONDITIONS_MAX, APPEND_EVENTS_MAX, EVENT_BYTES_MAX},
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, on_condition, stream, version};

on_both_backends!(
    a_log_that_is_closed_twice_at_once_finishes_what_was_accepted,
    positions_count_the_log_and_versions_count_each_stream,
    a_condition_that_does_not_hold_says_what_was_found_and_writes_nothing,
    a_condition_binds_a_stream_that_is_not_written,
    of_two_who_expect_the_same_version_exactly_one_wins,
    a_conflict_is_answered_from_what_the_log_holds_now,
    bad_requests_are_refused_with_a_reason_and_write_nothing,
    time_never_goes_back_when_the_clock_does,
    a_closed_log_takes_nothing_and_has_finished_what_it_took,
);

async fn positions_count_the_log_and_versions_count_each_stream(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let events = [
        event("a-1", "Made"),
        event("b-1", "Made"),
        event("a-1", "Changed"),
    ];
    let appended = log.append(append(events)).await.unwrap();
    let places: Vec<_> = appended
        .events
        .iter()
        .map(|event| {
            (
                event.stream.to_string(),
                event.version.get(),
                event.position.get(),
            )
        })
        .collect();
    let expected = [
        ("a-1".into(), 1, 1),
        ("b-1".into(), 1, 2),
        ("a-1".into(), 2, 3),
    ];
    assert_eq!(places, expected);
    assert_eq!(appended.position, Position::new(3));
    let head = log.head().await.unwrap();
    assert_eq!(
        (head.position, head.tail),
        (Position::new(3), appended.events[2].id)
    );
    assert_eq!(
        log.stream_head(&stream("a-1")).await.unwrap(),
        Version::new(2)
    );
    assert_eq!(
        log.stream_head(&stream("c-1")).await.unwrap(),
        Version::ZERO
    );
}

async fn a_condition_that_does_not_hold_says_what_was_found_and_writes_nothing(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("a-1", "Made")])).await.unwrap();
    for (expected, found) in [(version(2), 1), (version(0), 1), (Expected::NoStream, 1)] {
        let request = on_condition(append([event("b-1", "Made")]), "a-1", expected);
        let refused = log.append(request).await.unwrap_err();
        let found = Version::new(found);
        assert_eq!(
            refused,
            AppendError::Conflict {
                stream: stream("a-1"),
                expected,
                found
            }
        );
    }
    let request = on_condition(append([event("b-1", "Made")]), "b-1", Expected::Exists);
    assert!(matches!(
        log.append(request).await,
        Err(AppendError::Conflict { .. })
    ));
    assert_eq!(log.head().await.unwrap().position, Position::new(1));
    for expected in [version(1), Expected::Exists, Expected::Any] {
        log.append(on_condition(
            append([event("b-1", "Made")]),
            "a-1",
            expected,
        ))
        .await
        .unwrap();
    }
}

async fn a_condition_binds_a_stream_that_is_not_written(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    log.append(append([event("offer-1", "Posted")]))
        .await
        .unwrap();
    let open = || on_condition(append([event("deal-1", "Opened")]), "offer-1", version(1));
    log.append(open()).await.unwrap();
    log.append(append([event("offer-1", "Closed")]))
        .await
        .unwrap();
    assert!(matches!(
        log.append(open()).await,
        Err(AppendError::Conflict { .. })
    ));
    assert_eq!(
        log.stream_head(&stream("deal-1")).await.unwrap(),
        Version::new(1)
    );
}

async fn of_two_who_expect_the_same_version_exactly_one_wins(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for round in 0..20 {
        let tries = (0..8).map(|_| {
            log.append(on_condition(
                append([event("a-1", "Made")]),
                "a-1",
                version(round),
            ))
        });
        let won = join_all(tries).await.into_iter().flatten().count();
        assert_eq!(won, 1, "round {round}");
    }
}

async fn a_conflict_is_answered_from_what_the_log_holds_now(backend: Backend) {
    let home = Home::new(backend);
    let (here, there) = (home.open().await, home.open().await);
    here.append(append([event("a-1", "Made")])).await.unwrap();
    there
        .append(append([event("a-1", "Changed")]))
        .await
        .unwrap();
    // This process still remembers version 1.
    let request = on_condition(append([event("a-1", "Changed")]), "a-1", version(2));
    assert_eq!(
        here.append(request).await.unwrap().events[0].version,
        Version::new(3)
    );
    let request = on_condition(append([event("a-1", "Changed")]), "a-1", version(2));
    let refused = there.append(request).await.unwrap_err();
    assert!(matches!(refused, AppendError::Conflict { found, .. } if found == Version::new(3)));
}

async fn bad_requests_are_refused_with_a_reason_and_write_nothing(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let with_data = |data: String| {
        let mut event = event("a-1", "Made");
        event.data = data;
        append([event])
    };
    let mut nameless = append([event("a-1", "Made")]);
    nameless.cause.actor = "\"quoted\"".into();
    let many = append((0..=APPEND_EVENTS_MAX).map(|_| event("a-1", "Made")));
    let large = with_data(format!(r#"{{"x":"{}"}}"#, "x".repeat(EVENT_BYTES_MAX)));
    let mut wide = append((0..600).map(|number| event(&format!("a-{number}"), "Made")));
    let mut bound = append([event("a-1", "Made")]);
    for number in 0..=APPEND_CONDITIONS_MAX {
        bound = on_condition(bound, "a-1", Expected::Any);
        if number < 401 {
            wide = on_condition(wide, &format!("b-{number}"), Expected::Any);
        }
    }
    for (bad, reason) in [
        (append([]), "it has no event"),
        (wide, "streams of an append: 1001"),
        (bound, "conditions of an append: 1001"),
        (append([event("a-1", "Made It")]), "event type"),
        (nameless, "actor"),
        (many, "events of an append"),
        (large, "bytes of an event"),
        (with_data("[]".into()), "not a JSON object"),
        (with_data("{\"a\":\n1}".into()), "on one line"),
        (with_data(r#"{"a":1"#.into()), "not a JSON object"),
    ] {
        let refused = log.append(bad).await.unwrap_err().to_string();
        assert!(
            refused.contains(reason),
            "{refused:?} does not say {reason:?}"
        );
    }
    assert_eq!(log.head().await.unwrap().position, Position::ZERO);
}

async fn time_never_goes_back_when_the_clock_does(backend: Backend) {
    let start: Timestamp = "2026-11-21T07:02:03.123456Z".parse().unwrap();
    let clock = ManualClock::new(start);
    let home = Home::new(backend);
    let log = home.open_with(Arc::new(clock.clone())).await;
    assert_eq!(
        log.append(append([event("a-1", "Made")])).await.unwrap().at,
        start
    );
    clock.advance_seconds(-3_600);
    assert_eq!(
        log.append(append([event("a-1", "Made")])).await.unwrap().at,
        start
    );
    let again = home.open_with(Arc::new(clock.clone())).await;
    assert_eq!(
        again
            .append(append([event("a-1", "Made")]))
            .await
            .unwrap()
            .at,
        start
    );
    clock.advance_seconds(7_200);
    let later = again
        .append(append([event("a-1", "Made")]))
        .await
        .unwrap()
        .at;
    assert_eq!(later, start.plus_seconds(3_600));
}

async fn a_closed_log_takes_nothing_and_has_finished_what_it_took(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.append(append([event("a-1", "Made")])).await })
        })
        .collect();
    tokio::task::yield_now().await;
    log.close().await;
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(error) => assert_eq!(error, AppendError::Closed),
        }
    }
    assert_eq!(
        home.open().await.head().await.unwrap().position,
        Position::new(taken)
    );
}

async fn a_log_that_is_closed_twice_at_once_finishes_what_was_accepted(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    // Several batches, so that the writer drains for a while.
    let appends: Vec<_> = (0..60)
        .map(|_| {
            let log = log.clone();
            let events = (0..300).map(|_| event("a-1", "Made"));
            let append = append(events);
            tokio::spawn(async move { log.append(append).await })
        })
        .collect();
    while log.known_head() == Position::ZERO {
        tokio::task::yield_now().await;
    }
    tokio::join!(log.close(), log.close(), log.close());
    let mut acknowledged = 0;
    for append in appends {
        match append.await.unwrap() {
            Ok(appended) => acknowledged += appended.events.len(),
            Err(AppendError::Closed) => {}
            Err(error) => panic!("it was accepted, and then: {error}"),
        }
    }
    let again = home.open().await;
    assert_eq!(
        again.head().await.unwrap().position.get(),
        acknowledged as u64
    );
}
