//! A length of time as people write it in settings: `90s`, `30m`, `12h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest period that can be set: a hundred years.
const PERIOD_SECONDS_MAX: u64 = 100 * 365 * DAY;

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(u64);

impl Period {
    /// The longest that can be set.
    pub const MAX: Self = Self(PERIOD_SECONDS_MAX);

    /// So many seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(count)
    }

    /// So many days of 24 hours.
    pub const fn days(count: u64) -> Self {
        Self(count * DAY)
    }

    /// The same as a duration of the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no period; write `90s`, `30m`, `12h` or `7d`");
        let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        match count.checked_mul(unit) {
            Some(seconds) if seconds <= PERIOD_SECONDS_MAX => Ok(Self(seconds)),
            Some(_) | None => Err(format!("`{text}` is longer than a hundred years")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => out.write_str("0s"),
            seconds if seconds % DAY == 0 => write!(out, "{}d", seconds / DAY),
            seconds if seconds % HOUR == 0 => write!(out, "{}h", seconds / HOUR),
            seconds if seconds % MINUTE == 0 => write!(out, "{}m", seconds / MINUTE),
            seconds => write!(out, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_period_reads_back_as_it_was_written() {
        for text in ["0s", "90s", "30m", "12h", "7d", "14d"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!("168h".parse::<Period>().unwrap(), Period::days(7));
    }

    #[test]
    fn what_is_no_period_is_refused_with_an_example() {
        for text in [
            "",
            "7",
            "d",
            "7 d",
            "-1d",
            "7w",
            "1.5h",
            "99999999999999999999d",
            "七d",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text:?}");
        }
        assert!(
            "40000d"
                .parse::<Period>()
                .unwrap_err()
                .contains("hundred years")
        );
    }
}
