//! Building gives way: while members write and read, it works only a part of the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use meguri_log::{Log, Position};
use tokio::time::Instant;

/// How long somebody counts as being at work after a write or a read.
const QUIET_AFTER: Duration = Duration::from_millis(250);

/// Longest rest at a time.
const REST_MAX: Duration = Duration::from_millis(500);

/// Counts what is read, so that building knows whether somebody does.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<AtomicU64>);

impl Reads {
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tells one who builds when to rest.
#[derive(Clone)]
pub struct Throttle {
    log: Log,
    reads: Reads,
    /// Percent of the time that may be worked while others are at work.
    percent: u32,
    seen: (Position, u64),
    seen_at: Option<Instant>,
    since: Instant,
}

impl Throttle {
    pub fn new(log: Log, reads: Reads, percent: u32) -> Self {
        let seen = (log.known_head(), reads.0.load(Ordering::Relaxed));
        Self {
            log,
            reads,
            percent: percent.clamp(1, 100),
            seen,
            seen_at: None,
            since: Instant::now(),
        }
    }

    /// Work begins.
    pub fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// Rests as long as it takes to keep to the part of the time that is allowed now: all of it
    /// while nobody else is at work.
    pub async fn breathe(&mut self) {
        let worked = self.since.elapsed();
        if self.others_are_at_work() {
            let rest = worked * (100 - self.percent) / self.percent;
            tokio::time::sleep(rest.min(REST_MAX)).await;
        }
        self.begin();
    }

    fn others_are_at_work(&mut self) -> bool {
        let now = (self.log.known_head(), self.reads.0.load(Ordering::Relaxed));
        if now != self.seen {
            self.seen = now;
            self.seen_at = Some(Instant::now());
        }
        self.seen_at.is_some_and(|at| at.elapsed() < QUIET_AFTER)
    }
}
