//! Texts of a query or a path, read strictly: one way to write a number, no name twice.

use std::collections::BTreeSet;

use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use uuid::Uuid;

use super::InputError;
use super::error::Shape;
use super::fields::Fields;

/// What is percent-encoded, as it is meant; nothing where it is no UTF-8, or a `%` encodes nothing.
fn decoded(text: &str) -> Option<String> {
    let hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let whole = text
        .match_indices('%')
        .all(|(at, _)| hex(at + 1) && hex(at + 2));
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.ok().filter(|_| whole).map(Into::into)
}

/// The parameters of a query, `application/x-www-form-urlencoded`: each name once.
#[derive(Debug)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// [`InputError`] for a name that is there twice, and for what is not encoded as it should be.
    pub(crate) fn of(query: &str) -> Result<Self, InputError> {
        let mut pairs = Vec::new();
        let mut names = BTreeSet::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| decoded(&text.replace('+', " "));
            let shown = decode(name).unwrap_or_else(|| name.to_owned());
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(InputError::not_encoded().in_field(&shown));
            };
            if !names.insert(name.clone()) {
                return Err(InputError::repeated(&name));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Refuses any that is none of these.
    pub(crate) fn among(&self, known: &BTreeSet<String>) -> Result<(), InputError> {
        let unknown = self.0.iter().find(|(name, _)| !known.contains(name));
        unknown.map_or(Ok(()), |(name, _)| {
            let known = known.iter().map(String::as_str);
            Err(InputError::unknown(name, known))
        })
    }
}

impl<'de> Deserializer<'de> for Pairs {
    type Error = InputError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_map(Fields::of(self.0, OneText))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// One text, which may be a number, yes or no, or just what it is.
#[derive(Debug)]
pub(crate) struct OneText(pub(crate) String);

impl OneText {
    /// A whole number in its one writing: no sign before it but `-`, no zero before other digits.
    /// `285.0` is one too: JSON Schema does not tell it from `285`.
    fn number<T: std::str::FromStr>(&self) -> Option<T> {
        let text = match self.0.split_once('.') {
            Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|it| it == b'0') => {
                whole
            }
            Some(_) => return None,
            None => &self.0,
        };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = match digits.as_bytes() {
            [b'0'] => true,
            [first, rest @ ..] => {
                matches!(first, b'1'..=b'9') && rest.iter().all(u8::is_ascii_digit)
            }
            [] => false,
        };
        text.parse().ok().filter(|_| plain && text != "-0")
    }
}

macro_rules! whole {
    ($($method:ident: $int:ty, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
            if let Some(number) = self.number() {
                return visitor.$visit(number);
            }
            let refused = InputError::out_of_range(<$int>::MIN.into(), <$int>::MAX.into());
            Err(refused.or_expected(stringify!($int), &visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for OneText {
    type Error = InputError;

    whole! {
        deserialize_i8: i8, visit_i8;
        deserialize_i16: i16, visit_i16;
        deserialize_i32: i32, visit_i32;
        deserialize_i64: i64, visit_i64;
        deserialize_u8: u8, visit_u8;
        deserialize_u16: u16, visit_u16;
        deserialize_u32: u32, visit_u32;
        deserialize_u64: u64, visit_u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_string(self.0)
    }

    /// Only what is made of a text in place, such as an id, asks for one so. The type would read
    /// an id in capitals, in braces, without hyphens or as a URN, too (RFC 9562, 4).
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        let id = Uuid::try_parse(&self.0);
        if id.is_ok_and(|id| id.hyphenated().to_string() != self.0) {
            return Err(InputError::not_canonical());
        }
        visitor.visit_string(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.0.as_str() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(InputError::not_a(Shape::Flag)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}
