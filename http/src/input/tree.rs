//! A JSON body as a tree that holds each name once, and nothing that is nested without end.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::InputError;
use crate::{Problem, kinds};

/// Most lists and objects in each other; no route takes more than three.
pub(super) const DEPTH_MAX: usize = 16;

/// Reads a body into a tree.
///
/// # Errors
/// 400 for what is no JSON, 422 for a name that stands twice in one object, and for what is nested
/// too deeply.
pub(super) fn tree(bytes: &[u8]) -> Result<Value, Problem> {
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
    tree.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::new(kinds::BAD_REQUEST).detail(
            format!("本文は JSON として読めません（{line}行目の{column}バイト目）"),
            format!("The body is not JSON: {error}"),
        )
    })
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
