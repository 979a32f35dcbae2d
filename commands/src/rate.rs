//! How often something may happen, for each of those who do it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// It was asked for too often; ask again after the time named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {seconds} s")]
pub struct TooMany {
    /// Whole seconds to wait, at least 1.
    pub seconds: u64,
}

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
    use std::time::Duration;

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
