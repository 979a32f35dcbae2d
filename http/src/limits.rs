//! Limits on what one client may use: body size, time, requests at once, requests per second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Problem, Tokens, TrustedProxies, kinds};

/// It was asked for too often; ask again after the time named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {seconds} s")]
pub struct TooMany {
    /// Whole seconds to wait, at least 1.
    pub seconds: u64,
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self::new(kinds::TOO_MANY_REQUESTS).retry_after(too_many.seconds)
    }
}

/// Largest accepted body, in bytes.
pub const BODY_BYTES_MAX: usize = 128 * 1024;

/// Most keys one [`Buckets`] remembers; beyond that the idle ones are forgotten.
const KEYS_MAX: usize = 20_000;

/// How often something may happen: `burst` at once, then `per_minute` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests at once after a pause.
    pub burst: u32,
    /// Requests a minute in the long run; 0 never refills.
    pub per_minute: u32,
}

/// Limits of the whole server. One is who asks from one address, or one account.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Longest time until a body has arrived.
    pub body_time: Duration,
    /// Bytes of bodies that arrive at once.
    pub bodies_bytes: usize,
    /// Of these, those of one address.
    pub bodies_bytes_of_one: usize,
    /// Longest time from the whole request to the first byte of the answer.
    pub time: Duration,
    /// Most requests with a token in work at once. Without one it is an eighth.
    pub in_flight: usize,
    /// Of those without a token, the ones of one address; more wait for their turn.
    pub in_flight_of_one: usize,
    /// Of those with a token, the ones of one account; more wait for their turn.
    pub in_flight_of_account: usize,
    /// Of those with a token, the ones of all accounts of one address; more wait for their turn.
    pub in_flight_of_accounts: usize,
    /// Longest wait for a turn; 503 after it.
    pub turn_time: Duration,
    /// Turns for the state of the server and for operators, when all others are taken.
    pub reserve: usize,
    /// Requests that wait at once for a position or a checkpoint, without a turn.
    pub waits: usize,
    /// Of these, those of one address.
    pub waits_of_one: usize,
    /// Requests of one address without a token. Programs of the same machine, which a proxy that
    /// nobody named is, too, are not limited.
    pub per_address: Option<Rate>,
    /// Requests of all accounts of one address, which have a rate of their own besides.
    pub per_address_of_accounts: Option<Rate>,
    /// How long a refusal of too much is held back.
    pub pause: Duration,
    /// Who is believed when it says for whom it asks.
    pub trusted_proxies: TrustedProxies,
    /// Where tokens are looked up: turns go by account, and operators have the reserve. Without it
    /// a token is nobody's.
    pub tokens: Option<Tokens>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: BODY_BYTES_MAX,
            body_time: Duration::from_secs(20),
            bodies_bytes: 64 * 1024 * 1024,
            bodies_bytes_of_one: 8 * 1024 * 1024,
            time: Duration::from_secs(30),
            in_flight: 1024,
            in_flight_of_one: 8,
            in_flight_of_account: 32,
            in_flight_of_accounts: 256,
            turn_time: Duration::from_secs(5),
            reserve: 16,
            waits: 1024,
            waits_of_one: 64,
            per_address: Some(Rate {
                burst: 1000,
                per_minute: 6_000,
            }),
            per_address_of_accounts: Some(Rate {
                burst: 10_000,
                per_minute: 60_000,
            }),
            pause: Duration::from_secs(1),
            trusted_proxies: TrustedProxies::default(),
            tokens: None,
        }
    }
}

/// Token buckets by key (account, address, user name). Memory is bounded.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    levels: Mutex<HashMap<String, Level>>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    left: f64,
    at: Instant,
}

impl Buckets {
    /// Empty: everyone has the whole burst.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            levels: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one; refuses with the time to wait when there is none.
    pub fn take(&self, key: &str, now: Instant) -> Result<(), TooMany> {
        self.take_many(key, 1, now)
    }

    /// Takes so many; refuses with the time to wait when there are fewer.
    pub fn take_many(&self, key: &str, many: u32, now: Instant) -> Result<(), TooMany> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= KEYS_MAX && !levels.contains_key(key) {
            self.forget_idle(&mut levels, now);
        }
        let full = f64::from(self.rate.burst);
        let level = levels.entry(key.to_owned()).or_insert(Level {
            left: full,
            at: now,
        });
        level.left = self.refilled(*level, now);
        level.at = now;
        self.enough(*level, f64::from(many))?;
        level.left -= f64::from(many);
        Ok(())
    }

    /// Whether there is one, without taking it.
    pub fn has(&self, key: &str, now: Instant) -> Result<(), TooMany> {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(level) = levels.get(key).copied() else {
            return Ok(());
        };
        let left = self.refilled(level, now);
        self.enough(Level { left, at: now }, 1.0)
    }

    fn enough(&self, level: Level, many: f64) -> Result<(), TooMany> {
        if level.left >= many {
            return Ok(());
        }
        let wait = (many - level.left) * 60.0 / f64::from(self.rate.per_minute.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "above 0, and no longer than the burst takes to refill"
        )]
        let seconds = wait.ceil() as u64;
        Err(TooMany {
            seconds: seconds.max(1),
        })
    }

    /// Gives one back that was taken and turned out not to count.
    pub fn give_back(&self, key: &str) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = levels.get_mut(key) {
            level.left = (level.left + 1.0).min(f64::from(self.rate.burst));
        }
    }

    fn refilled(&self, level: Level, now: Instant) -> f64 {
        let minutes = now.saturating_duration_since(level.at).as_secs_f64() / 60.0;
        let refilled = minutes.mul_add(f64::from(self.rate.per_minute), level.left);
        refilled.min(f64::from(self.rate.burst))
    }

    /// A bucket that is full again says no more than one that is unknown. If none is, an attacker
    /// made them all: start afresh instead of growing.
    fn forget_idle(&self, levels: &mut HashMap<String, Level>, now: Instant) {
        let full = f64::from(self.rate.burst);
        levels.retain(|_, level| self.refilled(*level, now) < full);
        if levels.len() >= KEYS_MAX {
            levels.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_with_time_and_never_beyond_its_burst() {
        let buckets = Buckets::new(Rate {
            burst: 2,
            per_minute: 60,
        });
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(buckets.take("a", start).is_ok());
        assert!(buckets.take("a", start).is_ok());
        assert!(buckets.take("a", start).is_err());
        assert!(buckets.take("b", start).is_ok());
        assert!(buckets.take("a", after(1)).is_ok());
        assert!(buckets.take("a", after(1)).is_err());
        assert!(buckets.take("a", after(100)).is_ok());
        assert!(buckets.take("a", after(100)).is_ok());
        assert!(buckets.take("a", after(100)).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more_than_that() {
        let buckets = Buckets::new(Rate {
            burst: 2,
            per_minute: 0,
        });
        let now = Instant::now();
        buckets.give_back("a");
        assert!(buckets.take("a", now).is_ok());
        buckets.give_back("a");
        buckets.give_back("a");
        assert!(buckets.take("a", now).is_ok() && buckets.take("a", now).is_ok());
        assert!(buckets.take("a", now).is_err());
    }

    #[test]
    fn memory_is_bounded_whatever_keys_are_sent() {
        let buckets = Buckets::new(Rate {
            burst: 5,
            per_minute: 0,
        });
        let now = Instant::now();
        for key in 0..KEYS_MAX * 2 + 5 {
            assert!(buckets.take(&key.to_string(), now).is_ok());
        }
        let kept = buckets
            .levels
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        assert!(kept <= KEYS_MAX, "{kept}");
    }
}
