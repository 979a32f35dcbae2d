//! Waiting between attempts at something that fails for technical reasons.

use std::{fmt::Display, time::Duration};

use meguri_supervision::Recurring;
use tokio_util::sync::CancellationToken;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits longer from failure to failure, and not at all once it is time to stop.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    again: Recurring,
    stop: CancellationToken,
}

impl Backoff {
    pub const fn new(stop: CancellationToken) -> Self {
        Self {
            next: SHORTEST,
            again: Recurring::new(),
            stop,
        }
    }

    /// After a success the next failure is taken lightly again.
    pub fn reset(&mut self) {
        self.next = SHORTEST;
        self.again.is_over();
    }

    /// Whether it is time to stop.
    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Says what failed, and waits.
    pub async fn wait(&mut self, what: &str, error: &(dyn Display + Sync)) {
        if let Some(unsaid) = self.again.happened() {
            tracing::warn!(%error, unsaid, again_in = ?self.next, "{what}");
        }
        tokio::select! {
            // Nobody waits any longer who is told to stop.
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(self.next) => {}
        }
        self.next = (self.next * 2).min(LONGEST);
    }
}
