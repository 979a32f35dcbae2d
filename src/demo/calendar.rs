//! When things happen: over past weeks, while people in Japan are awake.

/// Hours in which people act: from half past six in the morning to half past ten at night.
const AWAKE_SECONDS: u64 = 16 * 3_600;
const MORNING_SECONDS: i64 = 6 * 3_600 + 1_800;
const DAY_SECONDS: i64 = 24 * 3_600;
/// Japan is nine hours ahead of UTC, all year.
const JST_SECONDS: i64 = 9 * 3_600;

/// A moment of the story: seconds awake since its beginning.
pub(super) type Moment = u64;

/// So many minutes, awake.
pub(super) const fn minutes(count: u64) -> Moment {
    count * 60
}

/// So many hours, awake.
pub(super) const fn hours(count: u64) -> Moment {
    count * 3_600
}

/// So many days, of which one is awake sixteen hours.
pub(super) const fn days(count: u64) -> Moment {
    count * AWAKE_SECONDS
}

/// So many weeks, awake.
pub(super) const fn weeks(count: u64) -> Moment {
    days(7 * count)
}

/// Where the story lies in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Unix seconds of midnight in Japan on the first day.
    first_midnight: i64,
}

impl Calendar {
    /// The story of that length that ends on the evening before `now` (Unix seconds).
    pub(super) fn ending_before(now: i64, span: Moment) -> Self {
        let today = (now + JST_SECONDS).div_euclid(DAY_SECONDS) * DAY_SECONDS - JST_SECONDS;
        let span = i64::try_from(span / AWAKE_SECONDS).unwrap_or_default() * DAY_SECONDS;
        Self {
            first_midnight: today - span,
        }
    }

    /// Unix seconds of a moment.
    pub(super) fn unix_seconds(self, moment: Moment) -> i64 {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let day = signed(moment / AWAKE_SECONDS);
        let second = signed(moment % AWAKE_SECONDS);
        self.first_midnight + day * DAY_SECONDS + MORNING_SECONDS + second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T18:00:00Z: already three in the morning of the 22nd in Japan.
    const NOW: i64 = 1_795_284_000;
    const SPAN: Moment = weeks(8);

    #[test]
    fn the_story_lies_in_the_past_and_time_never_turns_back() {
        let calendar = Calendar::ending_before(NOW, SPAN);
        let mut before = i64::MIN;
        for moment in (0..SPAN).step_by(977) {
            let at = calendar.unix_seconds(moment);
            assert!(at >= before && at < NOW);
            before = at;
        }
        assert!(NOW - before < 2 * DAY_SECONDS, "it reaches up to yesterday");
    }

    #[test]
    fn people_sleep_at_night() {
        let calendar = Calendar::ending_before(NOW, SPAN);
        for moment in (0..SPAN).step_by(1_009) {
            let hour =
                (calendar.unix_seconds(moment) + JST_SECONDS).rem_euclid(DAY_SECONDS) / 3_600;
            assert!((6..=22).contains(&hour), "at {hour} o'clock");
        }
    }
}
