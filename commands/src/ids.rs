//! Where new ids come from: the machine, or a seed that gives the same ids again.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meguri_log::Clock;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A source of UUIDv7: never gives one twice.
pub trait Ids: Debug + Send + Sync + 'static {
    /// The next id.
    fn next(&self) -> Uuid;
}

/// Ids from the machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The same ids for the same seed, times and order of asking.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    asked: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl SeededIds {
    /// Ids of this seed, with the time of this clock in them.
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            seed,
            asked: AtomicU64::new(0),
            clock,
        }
    }
}

impl Ids for SeededIds {
    fn next(&self) -> Uuid {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(asked.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let millis = u64::try_from(self.clock.now().micros() / 1_000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meguri_log::{ManualClock, Timestamp};

    #[test]
    fn a_seed_gives_the_same_ids_again_and_never_one_twice() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
        let ids = |seed| {
            let source = SeededIds::new(seed, Arc::clone(&clock));
            (0..100).map(|_| source.next()).collect::<Vec<_>>()
        };
        assert_eq!(ids(7), ids(7));
        let mut all = [ids(7), ids(8)].concat();
        assert!(all.iter().all(|id| id.get_version_num() == 7));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }
}
