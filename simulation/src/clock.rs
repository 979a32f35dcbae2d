//! The clock of one process: it goes with the time of the simulation, and jumps.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use meguri_log::{Clock, Timestamp};
use tokio::time::Instant;

/// When every world begins: 2026-01-01T00:00:00Z, in microseconds.
const BEGINNING: i64 = 1_767_225_600_000_000;

/// A clock that shows how much time has passed, and by how much it has jumped.
#[derive(Debug, Clone)]
pub(crate) struct WorldClock {
    begun: Instant,
    jumped: Arc<AtomicI64>,
    months: Arc<AtomicI64>,
}

impl WorldClock {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            jumped: Arc::default(),
            months: Arc::default(),
        }
    }

    /// Lets it be wrong by so much, forward or back.
    pub(crate) fn be_wrong_by(&self, seconds: i64) {
        self.jumped.store(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Lets a month pass.
    pub(crate) fn pass_a_month(&self) {
        self.months
            .fetch_add(31 * 86_400 * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.begun.elapsed().as_micros());
        let passed = passed.expect("INVARIANT: no world lasts for a thousand years");
        let added = [&self.jumped, &self.months].map(|it| it.load(Ordering::SeqCst));
        Timestamp::from_micros(BEGINNING + passed + added.iter().sum::<i64>())
    }
}
