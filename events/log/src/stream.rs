//! Names of streams, positions in the log, versions in a stream.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest name of a stream, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 128;

/// The number of an event in the whole log: 1, 2, 3, … without a hole, in commit order.
///
/// A position also says how many events there are up to and including it, so that
/// [`Position::ZERO`] stands before the first event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

/// The number of an event in its stream: 1, 2, 3, … without a hole.
///
/// [`Version::ZERO`] is the version of a stream that does not exist yet.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(u64);

macro_rules! counter {
    ($name:ident) => {
        impl $name {
            /// Before the first.
            pub const ZERO: Self = Self(0);

            /// The counter of this value.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The value as a number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one that follows; the last number of all stays what it is.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before; none before the first.
            #[must_use]
            pub const fn before(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(before) => Some(Self(before)),
                    None => None,
                }
            }

            /// As databases compare it. Values that are stored stay far below 2^63, for each costs
            /// an event; what a client asks for beyond that is beyond every event just as well.
            pub(crate) fn to_sql(self) -> i64 {
                i64::try_from(self.0).unwrap_or(i64::MAX)
            }

            /// From what a database stored.
            pub(crate) fn from_sql(value: i64) -> Result<Self, NegativeCounter> {
                u64::try_from(value)
                    .map(Self)
                    .map_err(|_| NegativeCounter(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

counter!(Position);
counter!(Version);

/// A stored position or version is negative: nobody but the log wrote it, and it never writes such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is neither a position nor a version")]
pub(crate) struct NegativeCounter(i64);

/// The name of a stream: `<category>-<id>`.
///
/// The category is lower-case ASCII letters; the id is ASCII letters, digits, `-`, `_` or `.`.
/// Names are open data for ever, so nothing that a person typed belongs into one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is not the name of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of a stream: expected <category>-<id>, at most 128 bytes, \
     a-z before the first hyphen and A-Z a-z 0-9 - _ . after it"
)]
pub struct BadStreamName(String);

impl StreamName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`BadStreamName`] where the text has another form or is too long.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, BadStreamName> {
        let name = name.into();
        let valid = name.len() <= STREAM_NAME_BYTES_MAX
            && name.split_once('-').is_some_and(|(category, id)| {
                !category.is_empty()
                    && category.bytes().all(|byte| byte.is_ascii_lowercase())
                    && !id.is_empty()
                    && id
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            });
        if valid {
            Ok(Self(name))
        } else {
            Err(BadStreamName(name.to_string()))
        }
    }

    /// The part before the first `-`.
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or("", |(category, _)| category)
    }

    /// The part after the first `-`.
    pub fn id(&self) -> &str {
        self.0.split_once('-').map_or("", |(_, id)| id)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for StreamName {
    type Err = BadStreamName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_below_zero_is_no_position() {
        assert_eq!(Position::from_sql(7), Ok(Position::new(7)));
        assert_eq!(Position::from_sql(-1), Err(NegativeCounter(-1)));
        assert_eq!(Version::from_sql(i64::MIN), Err(NegativeCounter(i64::MIN)));
    }

    #[test]
    fn counting_on_from_the_last_number_stays_there() {
        assert_eq!(Position::new(u64::MAX).next(), Position::new(u64::MAX));
        assert_eq!(Position::ZERO.before(), None);
    }

    #[test]
    fn a_stream_name_is_a_category_and_an_id() {
        let name: StreamName = "exchange-0192f0c0-1".parse().unwrap();
        assert_eq!((name.category(), name.id()), ("exchange", "0192f0c0-1"));
    }

    #[test]
    fn a_name_that_is_not_a_category_and_an_id_is_refused() {
        for bad in [
            "",
            "-",
            "exchange",
            "exchange-",
            "-1",
            "Exchange-1",
            "exchange-ひと",
            "a-b c",
        ] {
            assert!(StreamName::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(StreamName::new(format!("a-{}", "x".repeat(126))).is_ok());
        assert!(StreamName::new(format!("a-{}", "x".repeat(127))).is_err());
    }
}
