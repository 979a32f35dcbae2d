//! Access to sealed text: who opened what of a member's words, and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::MemberId;
use crate::plain::plain_text;
use crate::redaction::OrderRef;
use crate::sealed::Sealed;

/// The longest name of a section, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A sealed section of an event. Written `<position>/<section>`, as in a bundle of evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionRef {
    position: u64,
    section: String,
}

/// A text names no section of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a section of an event, such as 17/message")]
pub struct SectionRefError;

impl SectionRef {
    /// The section of this name of the event at this position.
    ///
    /// # Errors
    /// [`SectionRefError`] where no event can be there, or no section is called so: small letters
    /// and `_`, at most 32, as the catalog names them. A text that somebody typed is none.
    pub fn new(position: u64, section: &str) -> Result<Self, SectionRefError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let fits = (1..=NAME_BYTES_MAX).contains(&section.len());
        if position == 0 || !fits || !section.bytes().all(good) {
            return Err(SectionRefError);
        }
        let section = section.to_owned();
        Ok(Self { position, section })
    }

    /// Where the event stands.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The section's name.
    pub fn section(&self) -> &str {
        &self.section
    }
}

impl fmt::Display for SectionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.position, self.section)
    }
}

impl FromStr for SectionRef {
    type Err = SectionRefError;

    fn from_str(text: &str) -> Result<Self, SectionRefError> {
        let (position, section) = text.split_once('/').ok_or(SectionRefError)?;
        let read = Self::new(position.parse().map_err(|_| SectionRefError)?, section)?;
        // There is one way to write it.
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(SectionRefError)
        }
    }
}

impl Serialize for SectionRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SectionRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::open::open_as_serde!(SectionRef, "<position>/<section>");

event! {
    /// Somebody who is no party opened what a member had written. Their name stands in the header,
    /// and this event was written before they saw the text.
    pub struct SealedTextOpened, schema 1;
    open {
        /// Whose text it is.
        member: MemberId,
        /// What was opened.
        sections: Vec<SectionRef>,
    }
    sealed {
        /// Why, in the words of who opened it.
        reason: Sealed<String> => Safety of member,
    }
}

plain_text!(
    /// The name of a view.
    ViewRef,
    "name of a view",
    "the name of a view: 1 to 32 small letters and `_`",
    |text| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(good)
    }
);

impl ViewRef {
    /// Name of the stream that says who read the rows of this view as such: `access-view-<name>`.
    pub fn access_stream(&self) -> String {
        format!("access-view-{self}")
    }
}

event! {
    /// Somebody looked at rows of a view as they are stored, or took a copy of it, and so at what
    /// members had written. Their name stands in the header, and this event was written before they
    /// saw anything.
    pub struct ViewOpened, schema 1;
    open {
        /// The view.
        view: ViewRef,
        /// Whether all of it was copied into a file.
        copied: bool,
        /// What it was for, as whoever did it finds it: text would need a person whose key it is
        /// sealed with.
        reference: OrderRef,
    }
}

events! {
    /// What can happen to a member's sealed text.
    pub enum AccessEvent in Access { SealedTextOpened, ViewOpened }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_section_is_written_in_one_way_only_and_is_no_text() {
        let section: SectionRef = "17/message".parse().unwrap();
        assert_eq!((section.position(), section.section()), (17, "message"));
        assert_eq!(section.to_string(), "17/message");
        let long = format!("1/{}", "x".repeat(33));
        for bad in [
            "",
            "17",
            "0/message",
            "017/message",
            "17/",
            "17/秘密",
            "17/two words",
            &long,
        ] {
            assert_eq!(bad.parse::<SectionRef>(), Err(SectionRefError), "{bad}");
        }
    }
}
