//! Accepting connections without end, also when there are no descriptors left for a while.

use std::{io, time::Duration};

/// How long one rests after a failure: the next one would come at once.
const REST: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(2);

/// Accepts connections. While that fails it rests, and says so once.
#[derive(Debug)]
pub struct Acceptor {
    to: &'static str,
    rest: Duration,
}

impl Acceptor {
    /// One that accepts connections to this.
    pub const fn of(to: &'static str) -> Self {
        Self { to, rest: REST }
    }

    /// The next connection, however long that takes.
    pub async fn next<T, F>(&mut self, accept: impl Fn() -> F) -> T
    where
        F: Future<Output = io::Result<T>>,
    {
        loop {
            match accept().await {
                Ok(connection) => {
                    if self.rest > REST {
                        tracing::info!(to = self.to, "connections are accepted again");
                        self.rest = REST;
                    }
                    return connection;
                }
                Err(error) => {
                    if self.rest == REST {
                        tracing::warn!(to = self.to, %error, "connections are not accepted");
                    }
                    tokio::time::sleep(self.rest).await;
                    self.rest = (self.rest * 2).min(REST_MAX);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn an_acceptor_without_descriptors_rests_between_attempts() {
        let tries = Cell::new(0_u32);
        let accept = || {
            tries.set(tries.get() + 1);
            async { Err::<(), _>(io::Error::from_raw_os_error(24)) }
        };
        let mut acceptor = Acceptor::of("a test");
        let second = Duration::from_secs(1);
        let waited = tokio::time::timeout(second, acceptor.next(accept)).await;
        assert!(waited.is_err(), "it goes on waiting");
        assert!((1..=5).contains(&tries.get()), "{} tries", tries.get());
        acceptor.next(async || Ok(())).await;
        assert_eq!(acceptor.rest, REST);
    }
}
