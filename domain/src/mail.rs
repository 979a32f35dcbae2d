//! Mail addresses: their shape, and the form under which they are unique.

use std::fmt;

use crate::text::{Field, TextError};
use crate::user_name::half_width;

/// Most characters of a mail address (RFC 5321).
pub const MAIL_CHARS_MAX: usize = 254;
const LOCAL_CHARS_MAX: usize = 64;
const LABEL_CHARS_MAX: usize = 63;

/// A mail address of plain shape; whether it exists only a mail can tell.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mail(String);

impl Mail {
    /// Takes what was typed, trimmed and in ASCII where it was typed in full width; the domain
    /// becomes lower case.
    ///
    /// # Errors
    /// [`TextError`] when it is empty, too long or not `somebody@some.where`.
    pub fn parse(typed: &str) -> Result<Self, TextError> {
        let field = Field::Mail;
        let mail: String = typed.trim().chars().map(half_width).collect();
        if mail.is_empty() {
            return Err(TextError::Empty { field });
        }
        if mail.chars().nth(MAIL_CHARS_MAX).is_some() {
            return Err(TextError::TooLong {
                field,
                max: MAIL_CHARS_MAX,
            });
        }
        let (local, domain) = mail.rsplit_once('@').ok_or(TextError::NotAMailAddress)?;
        if !is_local(local) || !is_domain(domain) {
            return Err(TextError::NotAMailAddress);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }

    /// The address to write to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which an address is claimed: no two members differ in capitals alone.
    pub fn normalised(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Before the `@`. Dots anywhere are let pass: old Japanese mobile addresses have them.
fn is_local(local: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=LOCAL_CHARS_MAX).contains(&local.len()) && local.chars().all(allowed)
}

/// After the `@`: at least two labels of letters, digits and inner hyphens.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

impl From<Mail> for String {
    fn from(mail: Mail) -> Self {
        mail.0
    }
}

impl fmt::Debug for Mail {
    /// Does not show the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(…)")
    }
}
