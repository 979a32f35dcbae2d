//! What an erasure says: which keys of a person are destroyed, and how the log names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sealed::KeyClass;

/// Keys of one retention class of a person: that of this number, and all before it.
///
/// Written `<class>/<number>`, as in the id of a key, `<subject>/<class>/<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRange {
    /// The retention class.
    pub class: KeyClass,
    /// The number of the last key, from 1 on.
    pub last: u32,
}

/// A text names no keys of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not keys of a class, such as message/1")]
pub struct KeyRangeError;

impl KeyRange {
    /// Whether the key of this class and number is one of them.
    pub fn covers(self, class: KeyClass, number: u32) -> bool {
        self.class == class && number <= self.last
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.class, self.last)
    }
}

impl FromStr for KeyRange {
    type Err = KeyRangeError;

    fn from_str(text: &str) -> Result<Self, KeyRangeError> {
        let (class, last) = text.split_once('/').ok_or(KeyRangeError)?;
        let range = Self {
            class: class.parse().map_err(|_| KeyRangeError)?,
            last: last.parse().map_err(|_| KeyRangeError)?,
        };
        // One way to write it, and no key has the number 0.
        if range.last > 0 && range.to_string() == text {
            Ok(range)
        } else {
            Err(KeyRangeError)
        }
    }
}

impl Serialize for KeyRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::open::open_as_serde!(KeyRange, "<class>/<number>");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn keys_of_a_class_are_written_in_one_way_only() {
        let range: KeyRange = "message/2".parse().unwrap();
        assert_eq!(range.to_string(), "message/2");
        for bad in [
            "",
            "message",
            "message/",
            "message/0",
            "message/02",
            "message/+2",
            "words/1",
            "message/2/1",
            "message/4294967296",
        ] {
            assert_eq!(bad.parse::<KeyRange>(), Err(KeyRangeError), "{bad}");
        }
    }

    #[test]
    fn keys_up_to_a_number_are_those_before_it_too_and_of_no_other_class() {
        let range: KeyRange = "message/2".parse().unwrap();
        let covered = |number| range.covers(KeyClass::Message, number);
        assert_eq!([1, 2, 3].map(covered), [true, true, false]);
        assert!(!range.covers(KeyClass::Contact, 1));
    }
}
