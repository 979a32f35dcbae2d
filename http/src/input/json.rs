//! A JSON body, read strictly: objects are objects, no name twice, nothing nested without end.
//!
//! What serde derives takes an array for a struct, and lets the last of two fields of one name win
//! where nobody looks. So a body is read into a tree first, which refuses both, and what a route
//! takes is read from there.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

use super::InputError;
use super::error::Shape;
use crate::{Problem, kinds};

/// Most lists and objects in each other; no route takes more than three.
const DEPTH_MAX: usize = 16;

/// Beyond 2^53 a float does not tell neighbouring whole numbers apart.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads a body.
///
/// # Errors
/// 400 for what is no JSON; 422 for what the route does not take, or for a name that stands twice
/// in one object, which readers of JSON understand in different ways (RFC 8259 section 4).
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let refused = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree {
        refused: &refused,
        depth: 0,
    }
    .deserialize(&mut json)
    .and_then(|tree| json.end().map(|()| tree));
    if let Some(error) = refused.into_inner() {
        return Err(InputError::of_body(&error));
    }
    let tree = tree.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::new(kinds::BAD_REQUEST).detail(
            format!("本文は JSON として読めません（{line}行目の{column}バイト目）"),
            format!("The body is not JSON: {error}"),
        )
    })?;
    T::deserialize(Strict(tree)).map_err(|error: InputError| error.of_body())
}

/// Reads a tree; what it refuses is kept apart from what is no JSON.
#[derive(Clone, Copy)]
struct Tree<'a> {
    refused: &'a RefCell<Option<InputError>>,
    depth: usize,
}

impl Tree<'_> {
    /// One level further down.
    fn below<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse(InputError::too_deep()));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn refuse<E: de::Error>(self, why: InputError) -> E {
        let said = E::custom(&why);
        self.refused.replace(Some(why));
        said
    }

    /// Tells where what was refused stands.
    fn locate(self, locate: impl FnOnce(InputError) -> InputError) {
        let refused = self.refused.take();
        self.refused.replace(refused.map(locate));
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut entries = Vec::new();
        loop {
            match list.next_element_seed(below) {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => return Ok(Value::Array(entries)),
                Err(error) => {
                    self.locate(|why| why.in_entry(entries.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(self.refuse(InputError::repeated(&name)));
            }
            let value = object.next_value_seed(below);
            let value = value.inspect_err(|_| self.locate(|why| why.in_field(&name)))?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// A tree to read from: of each shape only what has it.
struct Strict(Value);

macro_rules! whole {
    ($($method:ident: $int:ty, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
            let number = self.whole()?;
            match <$int>::try_from(number) {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(InputError::out_of_range(<$int>::MIN.into(), <$int>::MAX.into())),
            }
        }
    )*};
}

impl Strict {
    /// A whole number, also one that is written `285.0` or `2.85e2`: JSON does not tell it from
    /// `285`.
    fn whole(self) -> Result<i128, InputError> {
        let Value::Number(number) = self.0 else {
            return Err(InputError::not_a(Shape::Whole));
        };
        if let Some(whole) = number.as_i128() {
            return Ok(whole);
        }
        let float = number.as_f64();
        let float = float.filter(|it| it.fract() == 0.0 && it.abs() <= EXACT_MAX);
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        let whole = float.map(|float| float as i128);
        whole.ok_or_else(|| InputError::not_a(Shape::Whole))
    }

    fn text(self) -> Result<String, InputError> {
        match self.0 {
            Value::String(text) => Ok(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Err(InputError::not_a(Shape::Text)),
        }
    }

    fn float(self) -> Result<f64, InputError> {
        let number = match self.0 {
            Value::Number(number) => number.as_f64(),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        number.ok_or_else(|| InputError::not_a(Shape::Number))
    }
}

impl<'de> Deserializer<'de> for Strict {
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
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(Self(Value::Number(number)).float()?)
                }
            }
            Value::String(text) => visitor.visit_string(text),
            Value::Array(entries) => visitor.visit_seq(Entries::of(entries)),
            Value::Object(fields) => visitor.visit_map(Fields::of(fields)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        let flag = self.0.as_bool();
        visitor.visit_bool(flag.ok_or_else(|| InputError::not_a(Shape::Flag))?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        if self.0.is_null() {
            visitor.visit_unit()
        } else {
            Err(InputError::not_a(Shape::Nothing))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.0 {
            Value::Array(entries) => visitor.visit_seq(Entries::of(entries)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Err(InputError::not_a(Shape::List)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::of(fields)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(InputError::not_a(Shape::Object)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Err(InputError::not_a(Shape::Choice)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_unit()
    }
}

/// The entries of a list.
struct Entries {
    left: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl Entries {
    fn of(entries: Vec<Value>) -> Self {
        Self {
            left: entries.into_iter().enumerate(),
        }
    }
}

impl<'de> SeqAccess<'de> for Entries {
    type Error = InputError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, InputError> {
        let Some((number, entry)) = self.left.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(Strict(entry));
        read.map(Some).map_err(|error| error.in_entry(number))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The fields of an object.
struct Fields {
    left: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
}

impl Fields {
    fn of(fields: Map<String, Value>) -> Self {
        Self {
            left: fields.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, InputError> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<InputError> = name.clone().into_deserializer();
        self.value = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, InputError> {
        let (name, value) = self.value.take().unwrap_or_default();
        let read = seed.deserialize(Strict(value));
        read.map_err(|error| error.in_field(&name))
    }
}
