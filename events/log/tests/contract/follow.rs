//! Following: live, resumed, several at once, late, slow, across processes.

use std::time::Duration;

use meguri_log::{Follower, Position, ReadError};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event};

on_both_backends!(
    followers_see_every_event_wherever_they_start,
    a_follower_waits_for_what_is_not_there_yet,
    what_another_process_appends_is_followed,
    a_slow_follower_reads_what_is_no_longer_shared,
    followers_end_when_the_log_is_closed,
);

async fn take(follower: &mut Follower, count: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    while positions.len() < count {
        let block = tokio::time::timeout(Duration::from_secs(20), follower.next()).await;
        let block = block.expect("events in time").unwrap();
        positions.extend(block.events.iter().map(|event| event.position().get()));
    }
    positions
}

async fn followers_see_every_event_wherever_they_start(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut first = log.follow(Position::ZERO);
    for _ in 0..30 {
        log.append(append([event("a-1", "Made"), event("b-1", "Made")]))
            .await
            .unwrap();
    }
    assert_eq!(take(&mut first, 60).await, (1..=60).collect::<Vec<_>>());
    for after in [0, 1, 30, 59] {
        let mut late = log.follow(Position::new(after));
        let count = usize::try_from(60 - after).unwrap();
        assert_eq!(
            take(&mut late, count).await,
            (after + 1..=60).collect::<Vec<_>>()
        );
        assert_eq!(late.position(), Position::new(60));
    }
}

async fn a_follower_waits_for_what_is_not_there_yet(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut follower = log.follow(Position::ZERO);
    let waiting = tokio::time::timeout(Duration::from_millis(50), follower.next()).await;
    assert!(waiting.is_err(), "there is nothing to follow yet");
    log.append(append([event("a-1", "Made")])).await.unwrap();
    assert_eq!(take(&mut follower, 1).await, [1]);
}

async fn what_another_process_appends_is_followed(backend: Backend) {
    let home = Home::new(backend);
    let (here, there) = (home.open().await, home.open().await);
    let mut follower = here.follow(Position::ZERO);
    for number in 0..10_u64 {
        let log = if number % 3 == 0 { &here } else { &there };
        log.append(append([event("a-1", "Made")])).await.unwrap();
        assert_eq!(take(&mut follower, 1).await, [number + 1]);
    }
}

async fn a_slow_follower_reads_what_is_no_longer_shared(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut slow = log.follow(Position::ZERO);
    let large = || {
        let mut event = event("a-1", "Made");
        event.data = format!(r#"{{"x":"{}"}}"#, "x".repeat(60_000));
        event
    };
    // More than is shared in memory.
    for _ in 0..8 {
        log.append(append((0..60).map(|_| large()))).await.unwrap();
    }
    assert_eq!(take(&mut slow, 480).await, (1..=480).collect::<Vec<_>>());
}

async fn followers_end_when_the_log_is_closed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut follower = log.follow(Position::ZERO);
    let waiting = tokio::spawn(async move { follower.next().await.unwrap_err() });
    log.close().await;
    assert_eq!(waiting.await.unwrap(), ReadError::Closed);
}
