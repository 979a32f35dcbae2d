//! The clock of the demo: the machine's, or one that tells the story in hindsight.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use meguri_log::{Clock, SystemClock, Timestamp};

use super::calendar::{Calendar, Moment};

const MICROS: i64 = 1_000_000;

/// Shows the machine's time until a story begins, and then that of the story. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StoryClock(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    calendar: std::sync::OnceLock<Calendar>,
    /// Unix microseconds; only moves forward.
    told: AtomicI64,
}

impl StoryClock {
    /// From now on it shows the time of a story of that length, which ends yesterday.
    pub(super) fn begin(&self, span: Moment) {
        let now = SystemClock.now().micros() / MICROS;
        let calendar = self
            .0
            .calendar
            .get_or_init(|| Calendar::ending_before(now, span));
        self.0
            .told
            .fetch_max(calendar.unix_seconds(0) * MICROS, Ordering::Relaxed);
    }

    /// The story has come to that moment.
    pub(super) fn reach(&self, moment: Moment) {
        if let Some(calendar) = self.0.calendar.get() {
            self.0
                .told
                .fetch_max(calendar.unix_seconds(moment) * MICROS, Ordering::Relaxed);
        }
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        match self.0.calendar.get() {
            Some(_) => Timestamp::from_micros(self.0.told.load(Ordering::Relaxed)),
            None => SystemClock.now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::calendar::{days, weeks};

    #[test]
    fn it_is_the_machines_clock_until_the_story_begins_and_then_goes_forward() {
        let clock = StoryClock::default();
        clock.reach(days(3));
        assert!(clock.now().micros() - SystemClock.now().micros() < MICROS);
        clock.begin(weeks(8));
        let first = clock.now();
        assert!(first < SystemClock.now());
        clock.reach(days(3));
        assert_eq!(clock.now(), first.plus_seconds(3 * 86_400));
        clock.reach(days(1));
        assert_eq!(
            clock.now(),
            first.plus_seconds(3 * 86_400),
            "it never goes back"
        );
    }
}
