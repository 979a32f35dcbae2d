//! Chance that can be repeated: the same seed gives the same numbers on every machine, for ever.

/// A small generator of pseudo-random numbers (`SplitMix64`).
///
/// Its sequence is part of what `--seed` promises, so it is written out here instead of being
/// taken from a crate that may change its own.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for the `number`th thing of a kind, independent of all others.
    pub(super) fn new(seed: u64, kind: Kind, number: u64) -> Self {
        let mut dice = Self(seed);
        let mixed = dice.next() ^ (kind as u64);
        let mut dice = Self(mixed);
        Self(dice.next() ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` - 1; 0 when `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // The high half of the product: no division, and no bias that matters here.
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Yes in so many of a hundred cases.
    pub(super) fn percent(&mut self, yes: u64) -> bool {
        self.below(100) < yes
    }
}

/// What dice are for: each kind of thing has its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// The people.
    Person = 1,
    /// What they do about one post.
    Story = 2,
    /// The ids that the commands need.
    Id = 3,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_never_changes() {
        let mut dice = Dice::new(1, Kind::Person, 0);
        let first: Vec<u64> = (0..3).map(|_| dice.next()).collect();
        assert_eq!(
            first,
            [
                6_301_985_355_436_268_297,
                11_240_987_831_504_082_782,
                17_305_543_337_887_993_434
            ]
        );
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut dice = Dice::new(7, Kind::Story, 3);
        let drawn: std::collections::BTreeSet<u64> =
            (0..1_000).map(|_| dice.between(3, 9)).collect();
        assert_eq!(drawn, (3..=9).collect());
        assert_eq!(dice.below(0), 0);
        assert!((0..100).all(|_| dice.percent(100) && !dice.percent(0)));
    }
}
