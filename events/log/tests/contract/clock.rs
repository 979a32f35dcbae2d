//! A clock that jumps: what it may stamp, and what is said of it.

use std::{sync::Arc, time::Duration};

use meguri_log::{AppendError, ClockState, Log, ManualClock, OpenError, RequestKey, Timestamp};
use meguri_test_logs::{Backend, Home};

use super::{append, event};

meguri_test_logs::on_both_backends![
    a_jump_ahead_of_the_clock_stamps_nothing_and_is_over_when_the_clock_is_right_again,
    a_clock_that_is_far_ahead_when_the_log_is_opened_stamps_nothing_until_it_is_allowed_to,
    a_clock_that_is_ahead_has_no_request_forgotten,
    a_clock_that_is_behind_the_log_is_said,
];

const DAY: i64 = 86_400;
const MAY_JUMP: Duration = Duration::from_hours(24);

fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

async fn open(
    home: &Home,
    clock: &ManualClock,
    jump_max: Option<Duration>,
) -> Result<Log, OpenError> {
    let mut options = home.options(Arc::new(clock.clone()));
    options.clock_jump_max = jump_max;
    Log::open(&options).await
}

async fn appended_at(log: &Log, name: &str) -> Result<Timestamp, AppendError> {
    let appended = log.append(append([event(name, "ExchangeOpened")])).await;
    appended.map(|appended| appended.at)
}

fn is_refused(appended: &Result<Timestamp, AppendError>) {
    let Err(AppendError::Unavailable(reason)) = appended else {
        panic!("{appended:?}");
    };
    assert!(reason.contains("clock"), "{reason}");
}

async fn state(log: &Log) -> ClockState {
    log.clock_state(log.head().await.unwrap().at)
}

async fn a_jump_ahead_of_the_clock_stamps_nothing_and_is_over_when_the_clock_is_right_again(
    backend: Backend,
) {
    let (home, clock) = (Home::new(backend), ManualClock::new(noon()));
    let log = open(&home, &clock, Some(MAY_JUMP)).await.unwrap();
    // There is nothing to compare the first event with.
    assert_eq!(appended_at(&log, "exchange-1").await.unwrap(), noon());
    clock.advance_seconds(DAY - 60);
    let within = appended_at(&log, "exchange-2").await.unwrap();
    assert_eq!(within, noon().plus_seconds(DAY - 60));
    for days in [2, 3_650, 1_000_000] {
        clock.set(noon().plus_seconds(days * DAY + DAY));
        is_refused(&appended_at(&log, "exchange-3").await);
        assert!(matches!(state(&log).await, ClockState::Ahead(_)));
    }
    clock.set(noon().plus_seconds(DAY));
    assert_eq!(state(&log).await, ClockState::Right);
    assert_eq!(
        appended_at(&log, "exchange-3").await.unwrap(),
        noon().plus_seconds(DAY)
    );
    assert_eq!(log.head().await.unwrap().position.get(), 3);
}

async fn a_clock_that_is_far_ahead_when_the_log_is_opened_stamps_nothing_until_it_is_allowed_to(
    backend: Backend,
) {
    let (home, clock) = (Home::new(backend), ManualClock::new(noon()));
    let log = open(&home, &clock, Some(MAY_JUMP)).await.unwrap();
    appended_at(&log, "exchange-1").await.unwrap();
    log.close().await;
    clock.advance_seconds(400 * DAY);
    let log = open(&home, &clock, Some(MAY_JUMP)).await.unwrap();
    is_refused(&appended_at(&log, "exchange-2").await);
    // Reading goes on.
    assert_eq!(log.head().await.unwrap().at, noon());
    log.close().await;
    let allowed = Some(Duration::from_hours(24 * 500));
    let log = open(&home, &clock, allowed).await.unwrap();
    assert_eq!(
        appended_at(&log, "exchange-2").await.unwrap(),
        noon().plus_seconds(400 * DAY)
    );
}

async fn a_clock_that_is_ahead_has_no_request_forgotten(backend: Backend) {
    let (home, clock) = (Home::new(backend), ManualClock::new(noon()));
    let log = open(&home, &clock, Some(MAY_JUMP)).await.unwrap();
    let key = RequestKey {
        key: [1; 32],
        request: [2; 32],
        expires: true,
    };
    let mut first = append([event("exchange-1", "ExchangeOpened")]);
    first.key = Some(key);
    let first = log.append(first).await.unwrap();
    log.close().await;
    clock.advance_seconds(400 * DAY);
    open(&home, &clock, Some(MAY_JUMP))
        .await
        .unwrap()
        .close()
        .await;
    clock.set(noon());
    let log = open(&home, &clock, Some(MAY_JUMP)).await.unwrap();
    let again = log.outcome(&key).await.unwrap().unwrap();
    assert_eq!(again.events, first.events);
}

async fn a_clock_that_is_behind_the_log_is_said(backend: Backend) {
    let (home, clock) = (Home::new(backend), ManualClock::new(noon()));
    let log = open(&home, &clock, None).await.unwrap();
    clock.advance_seconds(DAY);
    let late = appended_at(&log, "exchange-1").await.unwrap();
    clock.set(noon());
    assert_eq!(
        state(&log).await,
        ClockState::Behind(Duration::from_hours(24))
    );
    assert_eq!(appended_at(&log, "exchange-2").await.unwrap(), late);
    clock.set(late);
    assert_eq!(state(&log).await, ClockState::Right);
}
