//! A JSON body, read strictly: objects are objects, no name twice, nothing nested without end.
//!
//! What serde derives takes an array for a struct, and lets the last of two fields of one name win
//! where nobody looks. So a body is read into a tree first, which refuses both, and what a route
//! takes is read from there.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor,
};
use serde_json::Value;

use super::InputError;
use super::error::Shape;
use super::fields::Fields;
use super::tree::tree;
use crate::Problem;

/// Beyond 2^53 a float does not tell neighbouring whole numbers apart.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads a body.
///
/// # Errors
/// 400 for what is no JSON; 422 for what the route does not take, or for a name that stands twice
/// in one object, which readers of JSON understand in different ways (RFC 8259 section 4).
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let tree = tree(bytes)?;
    T::deserialize(Strict(tree)).map_err(|error: InputError| error.of_body())
}

/// A tree to read from: of each shape only what has it.
struct Strict(Value);

macro_rules! whole {
    ($($method:ident: $int:ty, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
            let refused = match self.whole() {
                Ok(number) => match <$int>::try_from(number) {
                    Ok(number) => return visitor.$visit(number),
                    Err(_) => InputError::out_of_range(<$int>::MIN.into(), <$int>::MAX.into()),
                },
                Err(refused) => refused,
            };
            Err(refused.or_expected(stringify!($int), &visitor))
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
            Value::Object(fields) => visitor.visit_map(Fields::of(fields, Self)),
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
            Value::Object(fields) => visitor.visit_map(Fields::of(fields, Self)),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::tree::DEPTH_MAX;
    use super::*;
    use crate::Language;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        many: Vec<Inner>,
        #[serde(default)]
        code: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u8,
        #[serde(default)]
        b: Option<bool>,
    }

    /// Status, and the sentence in Japanese and in English.
    fn refused(body: &str) -> (u16, String, String) {
        let problem = read_json::<Outer>(body.as_bytes()).unwrap_err();
        let said = |language| problem.body(language).detail.unwrap();
        let (ja, en) = (said(Language::Japanese), said(Language::English));
        (problem.status().as_u16(), ja, en)
    }

    #[test]
    fn a_body_is_read_as_it_is_meant() {
        let body = br#"{"name":"a","inner":{"a":1.0,"b":null},"many":[{"a":2,"b":true}],"code":3}"#;
        let (inner, many) = (
            Inner { a: 1, b: None },
            Inner {
                a: 2,
                b: Some(true),
            },
        );
        assert_eq!(
            read_json::<Outer>(body).unwrap(),
            Outer {
                name: "a".to_owned(),
                inner: Some(inner),
                many: vec![many],
                code: Some(3),
            }
        );
        assert_eq!(read_json::<Option<Outer>>(b"null").unwrap(), None);
    }

    #[test]
    fn an_array_is_no_object_wherever_it_stands() {
        for (body, place) in [
            (r#"["a",null,[],1]"#, "the body"),
            (r#"{"name":"a","inner":[1,true]}"#, "inner"),
            (r#"{"name":"a","many":[{"a":1},[1,true]]}"#, "many[1]"),
        ] {
            let (status, ja, en) = refused(body);
            assert_eq!((status, en), (422, format!("{place} has to be an object")));
            assert!(ja.ends_with("はオブジェクトで指定してください"), "{ja}");
        }
        assert_eq!(
            refused(r#"{"name":"a","many":{}}"#).2,
            "many has to be an array"
        );
    }

    #[test]
    fn a_name_stands_once_in_an_object_at_any_depth() {
        for (body, place) in [
            (r#"{"name":"a","name":"a"}"#, "name"),
            (r#"{"name":"a","\u006eame":"b"}"#, "name"),
            (r#"{"name":"a","inner":{"a":1,"b":true,"a":1}}"#, "inner.a"),
            (
                r#"{"name":"a","many":[{"a":1},{"a":1,"a":2}]}"#,
                "many[1].a",
            ),
            (r#"{"name":"a","other":[{"x":1,"x":2}]}"#, "other[0].x"),
        ] {
            let (status, ja, en) = refused(body);
            let said = format!("{place} is given more than once");
            assert_eq!((status, en), (422, said), "{body}");
            assert!(ja.ends_with("が二度指定されています"), "{ja}");
        }
    }

    #[test]
    fn nothing_is_nested_without_end() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [DEPTH_MAX + 1, 100, 50_000] {
                let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                let (status, ja, _) = refused(&body);
                assert_eq!((status, ja.as_str()), (422, "本文の入れ子が深すぎます"));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named_in_one_language() {
        for (body, status, ja, en) in [
            ("{}", 422, "name を指定してください", "name is missing"),
            (
                r#"{"name":"a","Code":1}"#,
                422,
                "Code という項目はありません（code のことですか）",
                "Code is not known here; is code meant?",
            ),
            (
                "{\"name\":\"a\",\"x\u{202e}y\":1}",
                422,
                "x?y という項目はありません",
                "x?y is not known here",
            ),
            (
                r#"{"name":"a","code":256}"#,
                422,
                "code は0から255までの整数で指定してください",
                "code has to be a whole number from 0 to 255",
            ),
            (
                r#"{"name":"a","code":"1"}"#,
                422,
                "code は整数で指定してください",
                "code has to be a whole number",
            ),
            (
                r#"{"name":1}"#,
                422,
                "name は文字列で指定してください",
                "name has to be a string",
            ),
            (
                r#"{"name":"a","inner":{"a":1,"b":"true"}}"#,
                422,
                "inner.b は true か false で指定してください",
                "inner.b has to be true or false",
            ),
        ] {
            let told = (status, ja.to_owned(), en.to_owned());
            assert_eq!(refused(body), told, "{body}");
        }
        let (status, ja, en) = refused("{\"name\":\n tru}");
        assert_eq!(
            (status, ja.as_str()),
            (400, "本文は JSON として読めません（2行目の5バイト目）")
        );
        assert!(en.starts_with("The body is not JSON: "), "{en}");
    }
}
