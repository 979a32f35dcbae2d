//! What a person typed, and who a person is: sealed by type, known or erased.

use std::fmt;

use crate::encoding::{DecodeError, EncodeError, Opened, Stored};

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
        /// Who a member is, and what they publish about themselves.
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

/// A value whose sealed section is a JSON object.
///
/// A single text becomes an object with one field, named as the section; other types are
/// objects in themselves.
pub trait Plaintext: Sized {
    /// The section's plaintext: a UTF-8 JSON object.
    ///
    /// # Errors
    /// Only those of the serializer.
    fn to_plaintext(&self, section: &'static str) -> Result<Vec<u8>, serde_json::Error>;

    /// Reads what [`Plaintext::to_plaintext`] has written; fields it does not know are passed
    /// over.
    ///
    /// # Errors
    /// Fails on anything else.
    fn from_plaintext(section: &'static str, bytes: &[u8]) -> Result<Self, serde_json::Error>;

    /// The object's fields and what their values look like, for the description of the catalog.
    fn fields(section: &'static str) -> Vec<(&'static str, &'static str)>;
}

impl Plaintext for String {
    fn to_plaintext(&self, section: &'static str) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::with_capacity(self.len() + section.len() + 8);
        bytes.push(b'{');
        serde_json::to_writer(&mut bytes, section)?;
        bytes.push(b':');
        serde_json::to_writer(&mut bytes, self)?;
        bytes.push(b'}');
        Ok(bytes)
    }

    fn from_plaintext(section: &'static str, bytes: &[u8]) -> Result<Self, serde_json::Error> {
        use serde::de::DeserializeSeed;

        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let text = OneText(section).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(text)
    }

    fn fields(section: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![(section, "text")]
    }
}

/// Reads the one field of this name from an object.
struct OneText(&'static str);

impl<'de> serde::de::DeserializeSeed<'de> for OneText {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, object: D) -> Result<String, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> serde::de::Visitor<'de> for OneText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the text {}", self.0)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        let mut text = None;
        while let Some(is_wanted) = object.next_key_seed(IsNamed(self.0))? {
            if is_wanted {
                text = Some(object.next_value()?);
            } else {
                object.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        text.ok_or_else(|| serde::de::Error::missing_field(self.0))
    }
}

/// Tells whether the name of a field is this one, without keeping it.
struct IsNamed(&'static str);

impl<'de> serde::de::DeserializeSeed<'de> for IsNamed {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl serde::de::Visitor<'_> for IsNamed {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Declares the plaintext of a section with several fields.
macro_rules! plaintext {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $( $(#[doc = $field_doc:literal])+
            pub $field:ident as $key:literal: $type:ty, $shape:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        ///
        /// Lengths are the domain's business: whatever was once accepted stays readable.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $field_doc])+ #[serde(rename = $key)] pub $field: $type, )+
        }

        impl $crate::Plaintext for $name {
            fn to_plaintext(&self, _: &'static str) -> Result<Vec<u8>, serde_json::Error> {
                serde_json::to_vec(self)
            }

            fn from_plaintext(_: &'static str, bytes: &[u8]) -> Result<Self, serde_json::Error> {
                serde_json::from_slice(bytes)
            }

            fn fields(_: &'static str) -> Vec<(&'static str, &'static str)> {
                vec![$(($key, $shape)),+]
            }
        }
    };
}
pub(crate) use plaintext;

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
