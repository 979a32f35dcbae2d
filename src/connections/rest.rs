//! A rest when no more connections can be accepted, said once.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long it is waited until descriptors may be free again.
const REST: Duration = Duration::from_millis(100);
/// While it lasts, and for so long after it, it is not said again.
const SAID_FOR: Duration = Duration::from_mins(1);
/// Connections that are given up for a rest.
pub(super) const GIVEN_UP: usize = 16;

/// Whether one is resting, and whether that was said.
#[derive(Debug, Default)]
pub(super) struct Rest {
    until: Option<Instant>,
    said: Option<Instant>,
}

impl Rest {
    /// Nothing can be accepted for this reason: connections wait.
    pub(super) fn begin(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.until = Some(now + REST);
        if self.said.is_none_or(|said| now > said + SAID_FOR) {
            tracing::error!(%error, "no connection can be accepted; idle ones are closed");
        }
        self.said = Some(now);
    }

    pub(super) fn is_needed(&self) -> bool {
        self.until.is_some()
    }

    /// Waits for its end; for ever where there is none.
    pub(super) async fn over(&mut self) {
        match self.until {
            Some(until) => sleep_until(until).await,
            None => pending().await,
        }
        self.until = None;
    }

    /// A connection was accepted.
    pub(super) fn ended(&mut self) {
        if self.said.is_some_and(|said| said.elapsed() > SAID_FOR) {
            self.said = None;
            tracing::info!("connections are accepted again");
        }
    }
}

/// Whether only the one connection that was accepted has failed.
pub(super) fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
