//! What a column of a view can hold.

use std::{fmt::Write as _, sync::Arc};

use sqlx::{
    Row as _, Sqlite, TypeInfo as _, ValueRef as _,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo},
};

/// One value of one row, as the file of a view stores it.
///
/// There are no numbers with a fraction: what has one is stored in a smaller unit, so that every
/// value has exactly one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number, a truth value (0 or 1), or a time in microseconds.
    Int(i64),
    /// A text, a code, an id, or JSON. Shared, so that binding it to a statement copies nothing.
    Text(Arc<str>),
}

/// A stored value is not what its column holds. The file was written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {expected} was expected where the file of the view has {found:?}")]
pub struct CellError {
    /// What the column holds.
    pub expected: &'static str,
    /// What was found.
    pub found: Cell,
}

impl sqlx::Type<Sqlite> for Cell {
    fn type_info() -> SqliteTypeInfo {
        <str as sqlx::Type<Sqlite>>::type_info()
    }
}

impl sqlx::Encode<'_, Sqlite> for Cell {
    fn encode(self, arguments: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => sqlx::Encode::<Sqlite>::encode(value, arguments),
            Self::Text(value) => sqlx::Encode::<Sqlite>::encode(value, arguments),
        }
    }

    fn encode_by_ref(&self, arguments: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        self.clone().encode(arguments)
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// This value in JSON, for lists of keys that go to a statement as one parameter.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(value) => (*value).into(),
            Self::Text(value) => value.as_ref().into(),
        }
    }

    /// Writes this value as SQLite's `json_array` writes it.
    pub fn write_json(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            // Writing to a String cannot fail.
            Self::Int(value) => drop(write!(text, "{value}")),
            Self::Text(value) => write_json_string(value, text),
        }
    }

    /// Reads one column of a row.
    pub fn read(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
        let value = row.try_get_raw(column)?;
        if value.is_null() {
            return Ok(Self::Null);
        }
        let kind = value.type_info().into_owned();
        Ok(match kind.name() {
            "INTEGER" | "BOOLEAN" => Self::Int(row.try_get_unchecked(column)?),
            _ => Self::Text(row.try_get_unchecked(column)?),
        })
    }
}

fn write_json_string(value: &str, text: &mut String) {
    text.push('"');
    let mut plain = 0;
    for (index, byte) in value.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        text.push_str(&value[plain..index]);
        plain = index + 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x08 => text.push_str("\\b"),
            0x0c => text.push_str("\\f"),
            // Writing to a String cannot fail.
            control => drop(write!(text, "\\u{control:04x}")),
        }
    }
    text.push_str(&value[plain..]);
    text.push('"');
}
