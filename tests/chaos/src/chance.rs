//! Chance that comes from a seed, which a failing run prints.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    ops::Range,
    time::Duration,
};

/// Names the seed to repeat a run with, as far as chance goes.
const VARIABLE: &str = "MEGURI_TEST_SEED";

/// A source of numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From the seed in `MEGURI_TEST_SEED`, or from a new one every time. The seed is printed.
    ///
    /// # Panics
    /// Where the variable is no number.
    #[expect(clippy::print_stderr, reason = "a failed run is repeated by its seed")]
    pub fn new() -> Self {
        let given = std::env::var(VARIABLE).ok();
        let given = given.map(|seed| seed.parse().expect("MEGURI_TEST_SEED is a number"));
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("as far as chance goes, repeated by {VARIABLE}={seed}");
        Self(seed)
    }

    /// From this seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number within the range.
    pub fn number(&mut self, range: Range<u64>) -> u64 {
        range.start + self.draw() % (range.end - range.start)
    }

    /// A time within the range of milliseconds.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// Whether something happens that happens once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.number(0..times) == 0
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
