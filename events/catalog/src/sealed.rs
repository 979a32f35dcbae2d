//! What a person typed, and who a person is: sealed by type, known or erased.

use std::fmt;

use crate::encoding::{DecodeError, EncodeError, Opened, Stored};
use crate::plaintext::Plaintext;

/// A value whose bytes the log keeps sealed under a member's key.
///
/// It is neither `Serialize` nor `Deserialize`, so it cannot slip into open data; its `Debug`
/// form does not show the value, so it cannot slip into a log of the program either.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Sealed<T> {
    /// The key exists and the section was opened.
    Known(T),
    /// The key was destroyed: nobody will ever know the value again.
    Erased,
}

impl<T> Sealed<T> {
    /// The value, unless it was erased.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased => None,
        }
    }

    /// The value itself, unless it was erased.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Erased => None,
        }
    }

    /// Whether the value is gone for ever.
    pub const fn is_erased(&self) -> bool {
        matches!(self, Self::Erased)
    }

    /// Applies a function to a known value.
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Sealed<U> {
        match self {
            Self::Known(value) => Sealed::Known(function(value)),
            Self::Erased => Sealed::Erased,
        }
    }
}

impl Sealed<String> {
    /// The text, unless it was erased.
    pub fn text(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

impl<T> From<T> for Sealed<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Known(…)",
            Self::Erased => "Erased",
        })
    }
}

codes! {
    /// Retention class of a key: what is erased together, and kept equally long.
    pub enum KeyClass {
        /// A member's identity, and what they publish about themselves.
        Profile = "profile", "プロフィール", "Profile";
        /// How a member is reached.
        Contact = "contact", "連絡先", "Contact";
        /// Words written to another member.
        Message = "message", "メッセージ", "Messages";
        /// What was agreed, and why it ended.
        Exchange = "exchange", "交換の記録", "Records of exchanges";
        /// Accounts and payments.
        Money = "money", "お金の記録", "Records of money";
        /// Reports and decisions that keep members safe.
        Safety = "safety", "安全の記録", "Records of safety";
    }
}

/// What may be a sealed field of an event: a section that is always there, or an optional one.
pub(crate) trait SealedField: Sized {
    /// The plaintext to seal; none when the section is absent or was erased.
    fn plaintext(&self, section: &'static str) -> Result<Option<Vec<u8>>, EncodeError>;

    /// Takes the section from what the log has stored.
    fn decode(stored: &Stored<'_>, section: &'static str) -> Result<Self, DecodeError>;

    /// The fields of the section's plaintext.
    fn fields(section: &'static str) -> Vec<(&'static str, &'static str)>;

    /// Whether the section may be absent.
    const OPTIONAL: bool;
}

impl<T: Plaintext> SealedField for Sealed<T> {
    fn plaintext(&self, section: &'static str) -> Result<Option<Vec<u8>>, EncodeError> {
        self.known()
            .map(|value| value.to_plaintext(section))
            .transpose()
            .map_err(|source| EncodeError {
                part: section,
                source,
            })
    }

    fn decode(stored: &Stored<'_>, section: &'static str) -> Result<Self, DecodeError> {
        Option::<Self>::decode(stored, section)?.ok_or_else(|| stored.missing(section))
    }

    fn fields(section: &'static str) -> Vec<(&'static str, &'static str)> {
        T::fields(section)
    }

    const OPTIONAL: bool = false;
}

impl<T: Plaintext> SealedField for Option<Sealed<T>> {
    fn plaintext(&self, section: &'static str) -> Result<Option<Vec<u8>>, EncodeError> {
        self.as_ref()
            .map_or(Ok(None), |sealed| sealed.plaintext(section))
    }

    fn decode(stored: &Stored<'_>, section: &'static str) -> Result<Self, DecodeError> {
        match stored.section(section) {
            None => Ok(None),
            Some(Opened::Erased) => Ok(Some(Sealed::Erased)),
            Some(Opened::Plain(bytes)) => T::from_plaintext(section, bytes)
                .map(|value| Some(Sealed::Known(value)))
                .map_err(|error| stored.malformed_section(section, &error)),
        }
    }

    fn fields(section: &'static str) -> Vec<(&'static str, &'static str)> {
        T::fields(section)
    }

    const OPTIONAL: bool = true;
}
