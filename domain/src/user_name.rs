//! User names: unique, never changed, part of a profile's address (K23).

use std::fmt;

use crate::text::{Field, TextError};

/// Fewest characters of a user name.
pub const USER_NAME_CHARS_MIN: usize = 3;
/// Most characters of a user name.
pub const USER_NAME_CHARS_MAX: usize = 30;
/// Names that could be taken for the house itself.
pub const USER_NAMES_RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "api",
    "meguri",
    "operator",
    "policy",
    "root",
    "support",
    "system",
];

/// A user name: `a-z`, `0-9` and `_`, starting with a letter.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserName(String);

impl UserName {
    /// Takes what was typed. Space around it is dropped, capitals and full-width characters
    /// become their plain form, so that two names never differ in these alone.
    ///
    /// # Errors
    /// [`TextError`] when it is too short or long, holds anything else, or is reserved.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let field = Field::UserName;
        let name: String = typed.trim().chars().map(plain).collect();
        if name.is_empty() {
            return Err(TextError::Empty { field });
        }
        if name.chars().nth(USER_NAME_CHARS_MAX).is_some() {
            return Err(TextError::TooLong {
                field,
                max: USER_NAME_CHARS_MAX,
            });
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(allowed) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(TextError::NotAUserName);
        }
        if name.len() < USER_NAME_CHARS_MIN {
            return Err(TextError::TooShort {
                field,
                min: USER_NAME_CHARS_MIN,
            });
        }
        if USER_NAMES_RESERVED.contains(&name.as_str()) {
            return Err(TextError::ReservedUserName);
        }
        Ok(Self(name))
    }

    /// The name, in the form under which it is unique.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Full-width forms of ASCII, as Japanese keyboards type them, and capitals become plain.
fn plain(c: char) -> char {
    half_width(c).to_ascii_lowercase()
}

/// A full-width form of ASCII, as Japanese keyboards type it, as ASCII; any other as it is.
pub(crate) fn half_width(c: char) -> char {
    const FULL_WIDTH: u32 = '！' as u32 - '!' as u32;
    match c {
        '！'..='～' => char::from_u32(c as u32 - FULL_WIDTH).unwrap_or(c),
        _ => c,
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Debug for UserName {
    /// Does not show the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserName(…)")
    }
}
