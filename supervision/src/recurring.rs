//! Warnings of something that goes on: said at once, and then at a growing distance, so that they
//! neither fill a disk nor end.

use std::time::{Duration, Instant};

/// The distance between the first two of one trouble, and the longest there is.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_hours(1);
/// By how much it grows.
const GROWS: u32 = 6;

/// A trouble that may go on: when it is said again.
#[derive(Debug, Default)]
pub struct Recurring {
    /// When it is said again, and how long it is not said after that.
    next: Option<(Instant, Duration)>,
    unsaid: u64,
}

impl Recurring {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            next: None,
            unsaid: 0,
        }
    }

    /// It has happened: `Some` where that is to be said, with how often it was not since the last
    /// time.
    pub fn happened(&mut self) -> Option<u64> {
        self.happened_at(Instant::now())
    }

    fn happened_at(&mut self, now: Instant) -> Option<u64> {
        let distance = match self.next {
            Some((next, _)) if now < next => {
                self.unsaid += 1;
                return None;
            }
            Some((_, distance)) => (distance * GROWS).min(LONGEST),
            None => FIRST,
        };
        self.next = Some((now + distance, distance));
        Some(std::mem::take(&mut self.unsaid))
    }

    /// It is over: the next one is another one, and is said at once. Answers whether there was one.
    pub fn is_over(&mut self) -> bool {
        self.unsaid = 0;
        self.next.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_said_at_a_growing_distance_and_what_is_new_at_once() {
        let (mut recurring, begun) = (Recurring::new(), Instant::now());
        let mut said = Vec::new();
        for second in 0..100_000_u64 {
            if let Some(unsaid) = recurring.happened_at(begun + Duration::from_secs(second)) {
                said.push((second, unsaid));
            }
        }
        assert_eq!(said[..4], [(0, 0), (10, 9), (70, 59), (430, 359)]);
        assert!(said.len() < 35, "{said:?}");
        let last = said[said.len() - 1].0 - said[said.len() - 2].0;
        assert_eq!(last, LONGEST.as_secs(), "it never falls silent");
        assert!(recurring.is_over());
        assert!(!recurring.is_over());
        assert_eq!(recurring.happened_at(begun), Some(0));
    }
}
