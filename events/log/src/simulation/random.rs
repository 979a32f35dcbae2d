//! Everything that a run leaves to chance, from one seed.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{randomness::Randomness, vault::VaultError};

/// Draws from one seed. All clones draw from the same.
#[derive(Debug, Clone)]
pub struct Random(Arc<Mutex<fastrand::Rng>>);

impl Random {
    /// What this seed gives, always the same.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number below this one, which is not zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.rng().u64(..bound)
    }

    /// Whether something happens that happens so many times in ten thousand.
    pub fn chance(&self, of_10_000: u32) -> bool {
        of_10_000 > 0 && self.rng().u32(..10_000) < of_10_000
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Randomness for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), VaultError> {
        self.rng().fill(bytes);
        Ok(())
    }
}
