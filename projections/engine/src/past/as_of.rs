//! Which moment of the log is meant: a position, or a time.

use std::{fmt, str::FromStr};

use meguri_log::{Position, Timestamp};
use serde::{Deserialize, Serialize};

/// A moment of the log: `285`, or `2026-11-21T07:02:03+09:00` for the last event at or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AsOf {
    /// Everything up to this position.
    Position(Position),
    /// Everything that was appended at or before this time.
    Time(Timestamp),
}

/// A text is neither a position nor a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a position nor a time in RFC 3339, such as 2026-11-21T07:02:03Z")]
pub struct BadAsOf(String);

impl FromStr for AsOf {
    type Err = BadAsOf;

    fn from_str(text: &str) -> Result<Self, BadAsOf> {
        let bad = || BadAsOf(text.to_owned());
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let position = text.parse().map_err(|_| bad())?;
            return Ok(Self::Position(Position::new(position)));
        }
        text.parse().map(Self::Time).map_err(|_| bad())
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => position.fmt(f),
            Self::Time(at) => at.fmt(f),
        }
    }
}

impl TryFrom<String> for AsOf {
    type Error = BadAsOf;

    fn try_from(text: String) -> Result<Self, BadAsOf> {
        text.parse()
    }
}

impl From<AsOf> for String {
    fn from(as_of: AsOf) -> Self {
        as_of.to_string()
    }
}
