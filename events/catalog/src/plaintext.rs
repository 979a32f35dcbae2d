//! What stands in a sealed section before it is sealed: a JSON object.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

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

impl<'de> DeserializeSeed<'de> for OneText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<String, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the text {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        let mut text = None;
        while let Some(is_wanted) = object.next_key_seed(IsNamed(self.0))? {
            if is_wanted {
                text = Some(object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        text.ok_or_else(|| Error::missing_field(self.0))
    }
}

/// Tells whether the name of a field is this one, without keeping it.
struct IsNamed(&'static str);

impl<'de> DeserializeSeed<'de> for IsNamed {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for IsNamed {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
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
        #[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $field_doc])+ #[serde(rename = $key)] pub $field: $type, )+
        }

        impl std::fmt::Debug for $name {
            /// Does not show what was typed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
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
