//! What may stand in the open: ids, codes, numbers, flags and moments, and never a text.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{ExchangeId, MemberId, NeedId, OfferId, PostId};

pub(crate) mod private {
    /// Keeps other crates from declaring their own types to be open.
    pub trait Listed {}
}

/// A value that events may carry unsealed.
///
/// Implemented for ids, codes, numbers, flags and moments, and for options and lists of them. It
/// cannot be implemented elsewhere, and is not implemented for any text.
pub trait Open: Sized + private::Listed {
    /// Writes the value as it stands in the data of an event.
    ///
    /// # Errors
    /// Only those of the serializer.
    fn write_open<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads what [`Open::write_open`] has written.
    ///
    /// # Errors
    /// Fails on anything else.
    fn read_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// What values look like, for the description of the catalog.
    fn shape() -> String;
}

/// Declares a type open that is written in the log as it is in any other JSON.
macro_rules! open_as_serde {
    ($name:ty, $shape:expr) => {
        impl $crate::open::private::Listed for $name {}

        impl $crate::open::Open for $name {
            fn write_open<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(self, serializer)
            }

            fn read_open<'de, D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                serde::Deserialize::deserialize(deserializer)
            }

            fn shape() -> String {
                $shape.to_owned()
            }
        }
    };
}
pub(crate) use open_as_serde;

open_as_serde!(bool, "true|false");
open_as_serde!(u32, "whole number");
open_as_serde!(u64, "whole number");
open_as_serde!(PostId, "need-<uuid>|offer-<uuid>");

/// Ids are written with their category in front, as all references in the log.
macro_rules! open_id {
    ($name:ident) => {
        impl private::Listed for $name {}

        impl Open for $name {
            fn write_open<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{}-{}", Self::CATEGORY, self.uuid()))
            }

            fn read_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Id;
                impl Visitor<'_> for Id {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{}-<uuid>", $name::CATEGORY)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        $name::from_stream(text).ok_or_else(|| {
                            E::invalid_value(serde::de::Unexpected::Str(text), &self)
                        })
                    }
                }
                deserializer.deserialize_str(Id)
            }

            fn shape() -> String {
                format!("{}-<uuid>", Self::CATEGORY)
            }
        }
    };
}
open_id!(MemberId);
open_id!(NeedId);
open_id!(OfferId);
open_id!(ExchangeId);

impl<T: Open> private::Listed for Option<T> {}

impl<T: Open> Open for Option<T> {
    fn write_open<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => serializer.serialize_some(&Writing(value)),
            None => serializer.serialize_none(),
        }
    }

    fn read_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Reading<T>>::deserialize(deserializer)?.map(|value| value.0))
    }

    fn shape() -> String {
        format!("{} or null", T::shape())
    }
}

impl<T: Open> private::Listed for Vec<T> {}

impl<T: Open> Open for Vec<T> {
    fn write_open<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for value in self {
            list.serialize_element(&Writing(value))?;
        }
        list.end()
    }

    fn read_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Reading<T>>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|value| value.0).collect())
    }

    fn shape() -> String {
        format!("list of {}", T::shape())
    }
}

/// Serialises an open value in the form of the log.
pub(crate) struct Writing<'a, T>(pub(crate) &'a T);

impl<T: Open> Serialize for Writing<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write_open(serializer)
    }
}

struct Reading<T>(T);

impl<'de, T: Open> Deserialize<'de> for Reading<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read_open(deserializer).map(Self)
    }
}

/// `deserialize_with` of every open field.
pub(crate) fn read<'de, T: Open, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read_open(deserializer)
}
