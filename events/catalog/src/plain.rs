//! Texts that may stand in the open: their form has no room for what is said of a person.

/// A text has not the form that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct PlainTextError(&'static str);

impl PlainTextError {
    pub(crate) fn expecting(what: &'static str) -> Self {
        Self(what)
    }
}

/// Declares a text of a form in which nobody writes about a person.
macro_rules! plain_text {
    ($(#[doc = $doc:literal])+ $name:ident, $shape:literal, $expected:literal, $good:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::PlainTextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let good: fn(&str) -> bool = $good;
                if good(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::PlainTextError::expecting($expected))
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                type Text<'de> = std::borrow::Cow<'de, str>;
                let text = <Text<'de> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        crate::open::open_as_serde!($name, $shape);
    };
}
pub(crate) use plain_text;
