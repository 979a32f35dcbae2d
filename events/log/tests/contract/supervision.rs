//! What a log says when one of its loops fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use meguri_log::{AppendError, Clock, SystemClock, Timestamp};
use meguri_test_logs::{Backend, Home};

use super::{append, event};

meguri_test_logs::on_both_backends![
    a_writer_that_panics_ends_the_process_and_answers_every_append,
    a_log_that_is_closed_or_dropped_has_no_failed_loop,
];

/// Tells the time until it breaks.
#[derive(Debug, Default)]
struct BrokenClock(AtomicBool);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the clock broke");
        SystemClock.now()
    }
}

async fn a_writer_that_panics_ends_the_process_and_answers_every_append(backend: Backend) {
    let (home, clock) = (Home::new(backend), Arc::new(BrokenClock::default()));
    let log = home.open_with(Arc::<BrokenClock>::clone(&clock)).await;
    log.append(append([event("exchange-1", "ExchangeOpened")]))
        .await
        .unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let refused = log.append(append([event("exchange-2", "ExchangeOpened")]));
    assert!(matches!(refused.await, Err(AppendError::Unknown)));
    let ending = tokio::time::timeout(Duration::from_mins(1), log.supervisor().must_end());
    assert_eq!(ending.await.unwrap().name, "writer");
    let refused = log.append(append([event("exchange-3", "ExchangeOpened")]));
    assert!(matches!(refused.await, Err(AppendError::Closed)));
    clock.0.store(false, Ordering::SeqCst);
    log.close().await;
    assert_eq!(home.open().await.head().await.unwrap().position.get(), 1);
}

async fn a_log_that_is_closed_or_dropped_has_no_failed_loop(backend: Backend) {
    let home = Home::new(backend);
    for drops in [true, false] {
        let log = home.open().await;
        let supervisor = log.supervisor().clone();
        assert!(!supervisor.loops().is_empty());
        if drops {
            drop(log);
        } else {
            log.close().await;
        }
        tokio::time::timeout(Duration::from_mins(1), async {
            let running = || {
                let loops = supervisor.loops();
                loops.into_iter().any(|one| one.state.name() == "running")
            };
            while running() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        assert!(supervisor.failed().is_empty());
    }
}
