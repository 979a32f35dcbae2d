//! Where the log stood at a moment.

use std::sync::Arc;

use meguri_log::{ManualClock, Position, Timestamp};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, immutability::Database};

on_both_backends!(
    an_empty_log_stood_at_its_beginning_at_all_times,
    a_moment_is_found_before_between_at_and_after_the_events,
    every_moment_is_found_in_a_log_of_many_appends,
    a_redacted_event_counts_with_the_one_before_it,
);

fn second(number: i64) -> Timestamp {
    Timestamp::default().plus_seconds(number)
}

async fn an_empty_log_stood_at_its_beginning_at_all_times(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for at in [i64::MIN, 0, i64::MAX].map(Timestamp::from_micros) {
        assert_eq!(log.position_at(at).await.unwrap(), Position::ZERO);
    }
}

async fn a_moment_is_found_before_between_at_and_after_the_events(backend: Backend) {
    let home = Home::new(backend);
    let clock = ManualClock::default();
    let log = home.open_with(Arc::new(clock.clone())).await;
    // The clock goes back before the last: its event counts as appended at 30, as the log says.
    for now in [10, 20, 20, 30, 25] {
        clock.set(second(now));
        log.append(append([event("a-1", "Made"), event("a-1", "Made")]))
            .await
            .unwrap();
    }
    let just_before = |number| Timestamp::from_micros(second(number).micros() - 1);
    for (at, position) in [
        (Timestamp::from_micros(i64::MIN), 0),
        (just_before(10), 0),
        (second(10), 2),
        (second(15), 2),
        (just_before(20), 2),
        (second(20), 6),
        (second(25), 6),
        (just_before(30), 6),
        (second(30), 10),
        (second(31), 10),
        (Timestamp::from_micros(i64::MAX), 10),
    ] {
        let found = log.position_at(at).await.unwrap();
        assert_eq!(found, Position::new(position), "at {at}");
    }
}

async fn every_moment_is_found_in_a_log_of_many_appends(backend: Backend) {
    let home = Home::new(backend);
    let clock = ManualClock::default();
    let log = home.open_with(Arc::new(clock.clone())).await;
    let mut ends = vec![0_u64];
    // Second by second, none to four events each.
    for now in 1..=60 {
        clock.set(second(now));
        let count = now * 7 % 5;
        for _ in 0..count {
            log.append(append([event("a-1", "Made")])).await.unwrap();
        }
        ends.push(ends.last().unwrap() + u64::try_from(count).unwrap());
    }
    for (now, end) in (0..).zip(ends) {
        let found = log.position_at(second(now)).await.unwrap();
        assert_eq!(found, Position::new(end), "at second {now}");
    }
}

async fn a_redacted_event_counts_with_the_one_before_it(backend: Backend) {
    let home = Home::new(backend);
    let clock = ManualClock::default();
    let log = home.open_with(Arc::new(clock.clone())).await;
    for now in 1..=8 {
        clock.set(second(now * 10));
        log.append(append([event("a-1", "Made")])).await.unwrap();
    }
    let redact = "update events set header = null, blind = null, sealed = null \
                  where position in (3, 4, 5, 8)";
    assert_eq!(Database::of(&home).await.run(redact).await, Ok(4));
    for (now, position) in [(9, 0), (19, 1), (20, 5), (55, 5), (60, 6), (79, 7), (80, 8)] {
        let found = log.position_at(second(now)).await.unwrap();
        assert_eq!(found, Position::new(position), "at second {now}");
    }
}
