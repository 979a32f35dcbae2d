//! Points in time, and the clock that tells them: injected, so that tests move it.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{
    Date, Month, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339,
    macros::format_description,
};

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A point in time in UTC, in microseconds since 1970.
///
/// Written as RFC 3339 with exactly six digits after the second: `2026-11-21T07:02:03.123456Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or a number is not a point in time: expected RFC 3339, years 0 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: expected RFC 3339, such as 2026-11-21T07:02:03Z")]
pub struct BadTimestamp(String);

impl Timestamp {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This time moved by whole seconds, forward or back.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Reads the one form that headers have, which every event that is read passes through.
    fn as_written(text: &str) -> Option<Self> {
        let number = |from, to| text.get(from..to)?.parse::<u32>().ok();
        let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let separators = [4, 7, 10, 13, 16, 19, 26].map(|index: usize| bytes[index]);
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        if &separators != b"--T::.Z" || digits != 20 {
            return None;
        }
        let month = Month::try_from(u8::try_from(number(5, 7)?).ok()?).ok()?;
        let day = u8::try_from(number(8, 10)?).ok()?;
        let date = Date::from_calendar_date(i32::try_from(number(0, 4)?).ok()?, month, day).ok()?;
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = i64::from(date.to_julian_day() - UNIX_EPOCH_JULIAN_DAY);
        let seconds = days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
        Some(Self(seconds * 1_000_000 + i64::from(number(20, 26)?)))
    }

    fn to_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
        );
        let text = self.to_date_time().format(form).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(at) = Self::as_written(text) {
            return Ok(at);
        }
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| BadTimestamp(text.into()))?;
        let nanos = at.to_offset(UtcOffset::UTC).unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000))
            .map(Self)
            .map_err(|_| BadTimestamp(text.into()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in RFC 3339")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time now. It may stand still or go back: the log never lets `at` go back.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        }))
    }
}

/// A clock that stands until it is moved: for tests, and for histories that are told in hindsight.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.micros())))
    }

    /// Moves the clock, forward or back.
    pub fn advance_seconds(&self, seconds: i64) {
        self.0
            .fetch_add(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_microseconds_in_utc() {
        let at: Timestamp = "2026-11-21T16:02:03.1234567+09:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-21T07:02:03.123456Z");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
    }

    #[test]
    fn the_form_of_headers_reads_as_any_other_form_does() {
        for text in [
            "1970-01-01T00:00:00.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "2000-02-29T12:34:56.789012Z",
            "2026-11-21T07:02:03.123456Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let quick = Timestamp::as_written(text).unwrap();
            assert_eq!(
                quick,
                text.replace('Z', "+00:00").parse().unwrap(),
                "{text}"
            );
            assert_eq!(quick.to_string(), text);
        }
        for text in ["2026-02-30T07:02:03.123456Z", "2026-11-21T24:02:03.123456Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_refused() {
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("2026-11-21".parse::<Timestamp>().is_err());
    }
}
