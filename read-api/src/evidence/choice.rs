//! Which sealed sections a bundle opens.

use std::fmt;
use std::str::FromStr;

use meguri_log::{Position, ReadError, Recorded};

/// What somebody wants to open of an exchange. Written `all`, or positions and sections with
/// commas between, such as `17,19/message`; nothing where it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Everything that there is.
    All,
    /// These events, each with all of its sections or one.
    These(Vec<(Position, Option<String>)>),
}

/// It is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither `all` nor a position such as `17` or a section such as `19/message`")]
pub struct BadChoice(String);

impl FromStr for Choice {
    type Err = BadChoice;

    fn from_str(text: &str) -> Result<Self, BadChoice> {
        if text == "all" {
            return Ok(Self::All);
        }
        let parts = text.split(',').filter(|part| !part.is_empty());
        let these = parts.map(|part| {
            let bad = || BadChoice(part.to_owned());
            let (position, section) = match part.split_once('/') {
                Some((position, section)) => (position, Some(section.to_owned())),
                None => (part, None),
            };
            let position: u64 = position.parse().map_err(|_| bad())?;
            if position == 0 || section.as_deref() == Some("") {
                return Err(bad());
            }
            Ok((Position::new(position), section))
        });
        these.collect::<Result<_, _>>().map(Self::These)
    }
}

/// A sealed section of an event, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionAt {
    /// Where the event stands.
    pub position: Position,
    /// The section's name.
    pub section: String,
    /// Who wrote it, `member-…`: under whose key it is sealed.
    pub subject: String,
    /// The id of that key.
    pub key: String,
}

impl SectionAt {
    /// All sealed sections of these events, in their order.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where a header cannot be read.
    pub fn of(events: &[Recorded]) -> Result<Vec<Self>, ReadError> {
        let mut sections = Vec::new();
        for event in events {
            let Some(header) = event.header().transpose()? else {
                continue;
            };
            sections.extend(header.sealed.iter().map(|listed| Self {
                position: event.position(),
                section: listed.section.to_owned(),
                subject: listed.key.split('/').next().unwrap_or_default().to_owned(),
                key: listed.key.to_owned(),
            }));
        }
        Ok(sections)
    }
}

/// `19/message`, as a [`Choice`] names it.
impl fmt::Display for SectionAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.position, self.section)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_choice_is_all_or_positions_and_sections() {
        let at =
            |position, section: Option<&str>| (Position::new(position), section.map(str::to_owned));
        assert_eq!("all".parse(), Ok(Choice::All));
        assert_eq!("".parse(), Ok(Choice::These(vec![])));
        let these = Choice::These(vec![at(17, None), at(19, Some("message"))]);
        assert_eq!("17,19/message".parse(), Ok(these));
        for bad in ["none", "0", "17/", "-1", "/message", "all,17"] {
            bad.parse::<Choice>().unwrap_err();
        }
    }
}
