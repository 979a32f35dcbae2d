//! How fast a file is being built, and how long the rest takes.

use meguri_log::Position;
use tokio::time::Instant;

use crate::running::status::{BuildPhase, BuildStatus};

/// From where and since when a file is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    from: Position,
    since: Instant,
}

impl Progress {
    /// Building begins now, at this position.
    pub fn from(position: Position) -> Self {
        Self {
            from: position,
            since: Instant::now(),
        }
    }

    /// How far a build is that has come to this position of a log that ends at `head`.
    pub fn status(&self, phase: BuildPhase, position: Position, head: Position) -> BuildStatus {
        let done = position.get().saturating_sub(self.from.get());
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let events_per_second = done.saturating_mul(1_000) / millis.max(1);
        let left = head.get().saturating_sub(position.get());
        BuildStatus {
            phase,
            position,
            events_per_second,
            seconds_left: left.checked_div(events_per_second),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    fn at(from: u64, position: u64, head: u64) -> BuildStatus {
        let since = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        let from = Position::new(from);
        let progress = Progress { from, since };
        let (position, head) = (Position::new(position), Position::new(head));
        progress.status(BuildPhase::Folding, position, head)
    }

    #[test]
    fn what_was_there_before_counts_for_the_position_and_not_for_the_rate() {
        let build = at(1_000_000, 1_200_000, 1_500_000);
        assert_eq!(build.position, Position::new(1_200_000));
        assert!(
            (99_000..=100_000).contains(&build.events_per_second),
            "{build:?}"
        );
        assert_eq!(build.seconds_left, Some(3));
    }

    #[test]
    fn before_the_first_event_nobody_can_tell_how_long_it_takes() {
        let build = at(7, 7, 1_000);
        assert_eq!((build.events_per_second, build.seconds_left), (0, None));
    }
}
