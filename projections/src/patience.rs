//! Waiting between attempts at something that fails for technical reasons.

use std::{fmt::Display, time::Duration};

use tokio_util::sync::CancellationToken;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits longer from failure to failure, and not at all once it is time to stop.
#[derive(Debug)]
pub(crate) struct Patience {
    next: Duration,
    stop: CancellationToken,
}

impl Patience {
    pub(crate) const fn new(stop: CancellationToken) -> Self {
        Self {
            next: SHORTEST,
            stop,
        }
    }

    /// After a success the next failure is taken lightly again.
    pub(crate) const fn reset(&mut self) {
        self.next = SHORTEST;
    }

    /// Whether it is time to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Says what failed, and waits.
    pub(crate) async fn wait(&mut self, what: &str, error: &(dyn Display + Sync)) {
        tracing::warn!(%error, again_in = ?self.next, "{what}");
        tokio::select! {
            // Nobody waits any longer who is told to stop.
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(self.next) => {}
        }
        self.next = (self.next * 2).min(LONGEST);
    }
}
