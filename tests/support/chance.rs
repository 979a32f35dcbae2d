//! Chance that can be repeated: every number comes from a seed, which a failing test prints.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Range;
use std::time::Duration;

/// Names the seed to repeat a failed run with.
const VARIABLE: &str = "MEGURI_TEST_SEED";

/// A source of numbers (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// From the seed in `MEGURI_TEST_SEED`, or from a new one every time.
    pub(crate) fn new() -> Self {
        let given = std::env::var(VARIABLE)
            .ok()
            .map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Self { seed, state: seed }
    }

    /// A number within the range.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// A pause within the range of milliseconds.
    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.number(0..times) == 0
    }

    /// Another source, which goes its own way.
    pub(crate) fn fork(&mut self) -> Self {
        Self {
            seed: self.seed,
            state: self.next(),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Drop for Chance {
    #[allow(
        clippy::print_stderr,
        reason = "a failed run can be repeated only by its seed"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to repeat this run as far as chance goes: {VARIABLE}={}",
                self.seed
            );
        }
    }
}
