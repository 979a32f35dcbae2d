//! What a column of a view can hold, and how Rust types stand in it.

use std::{fmt::Write as _, num::TryFromIntError, sync::Arc};

use meguri_events::{Category, ExchangeId, MemberId, Mode, PostId, Prefecture, ReasonCode};
use meguri_log::{Position, Timestamp, Version};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Row as _, Sqlite, TypeInfo as _, ValueRef as _,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo},
};
use uuid::Uuid;

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

/// A type that stands in one column.
pub(crate) trait Column: Sized {
    /// As it is stored.
    fn to_cell(&self) -> Cell;

    /// From what was stored.
    ///
    /// # Errors
    /// [`CellError`] where the value is of another type.
    fn from_cell(cell: Cell) -> Result<Self, CellError>;
}

impl Cell {
    /// A text.
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// This value in JSON, for lists of keys that go to a statement as one parameter.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(value) => (*value).into(),
            Self::Text(value) => value.as_ref().into(),
        }
    }

    /// Writes this value as SQLite's `json_array` writes it.
    pub(crate) fn write_json(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            // Writing to a String cannot fail.
            Self::Int(value) => drop(write!(text, "{value}")),
            Self::Text(value) => write_json_string(value, text),
        }
    }

    /// Reads one column of a row.
    pub(crate) fn read(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
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

macro_rules! integer_column {
    ($($type:ty),+) => { $(
        impl Column for $type {
            fn to_cell(&self) -> Cell {
                // Counters and positions stay far below 2^63: each step costs a stored event.
                Cell::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }

            fn from_cell(cell: Cell) -> Result<Self, CellError> {
                match cell {
                    Cell::Int(value) => value.try_into().map_err(|_: TryFromIntError| CellError {
                        expected: stringify!($type),
                        found: cell,
                    }),
                    found => Err(CellError { expected: stringify!($type), found }),
                }
            }
        }
    )+ };
}
integer_column!(u8, i32, u32, u64);

impl Column for i64 {
    fn to_cell(&self) -> Cell {
        Cell::Int(*self)
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        if let Cell::Int(value) = cell {
            return Ok(value);
        }
        Err(CellError {
            expected: "number",
            found: cell,
        })
    }
}

impl Column for bool {
    fn to_cell(&self) -> Cell {
        Cell::Int((*self).into())
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        match i64::from_cell(cell)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(CellError {
                expected: "truth value",
                found: Cell::Int(found),
            }),
        }
    }
}

impl Column for String {
    fn to_cell(&self) -> Cell {
        Cell::text(self.as_str())
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        <Arc<str>>::from_cell(cell).map(|text| text.as_ref().to_owned())
    }
}

impl Column for Arc<str> {
    fn to_cell(&self) -> Cell {
        Cell::Text(Self::clone(self))
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        if let Cell::Text(text) = cell {
            return Ok(text);
        }
        Err(CellError {
            expected: "text",
            found: cell,
        })
    }
}

impl<T: Column> Column for Option<T> {
    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, Column::to_cell)
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        if cell == Cell::Null {
            Ok(None)
        } else {
            T::from_cell(cell).map(Some)
        }
    }
}

/// A list or a struct, stored as JSON in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Column for Json<T> {
    fn to_cell(&self) -> Cell {
        serde_json::to_string(&self.0).map_or(Cell::Null, Cell::text)
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        let Cell::Text(text) = &cell else {
            return Err(CellError {
                expected: "JSON",
                found: cell,
            });
        };
        serde_json::from_str(text).map(Self).map_err(|_| CellError {
            expected: "JSON of another shape",
            found: cell,
        })
    }
}

/// Columns of types that are written and read as text.
macro_rules! text_column {
    ($($type:ty),+ $(,)?) => { $(
        impl $crate::engine::folding::cell::Column for $type {
            fn to_cell(&self) -> $crate::engine::folding::cell::Cell {
                $crate::engine::folding::cell::Cell::text(self.to_string())
            }

            fn from_cell(
                cell: $crate::engine::folding::cell::Cell,
            ) -> Result<Self, $crate::engine::folding::cell::CellError> {
                if let $crate::engine::folding::cell::Cell::Text(text) = &cell
                    && let Ok(value) = text.parse()
                {
                    return Ok(value);
                }
                Err($crate::engine::folding::cell::CellError {
                    expected: stringify!($type),
                    found: cell,
                })
            }
        }
    )+ };
}
pub(crate) use text_column;

/// Columns of counters of the log.
macro_rules! counter_column {
    ($($type:ty),+) => { $(
        impl Column for $type {
            fn to_cell(&self) -> Cell {
                self.get().to_cell()
            }

            fn from_cell(cell: Cell) -> Result<Self, CellError> {
                u64::from_cell(cell).map(Self::new)
            }
        }
    )+ };
}
counter_column!(Position, Version);
text_column!(PostId, Category, Mode, ReasonCode);

/// Columns of UUIDs, written in their usual form without the detour over the formatter.
macro_rules! uuid_column {
    ($($type:ty: $uuid:expr),+ $(,)?) => { $(
        impl Column for $type {
            fn to_cell(&self) -> Cell {
                let uuid: fn(&Self) -> Uuid = $uuid;
                let mut text = Uuid::encode_buffer();
                Cell::text(&*uuid(self).hyphenated().encode_lower(&mut text))
            }

            fn from_cell(cell: Cell) -> Result<Self, CellError> {
                if let Cell::Text(text) = &cell
                    && let Ok(uuid) = Uuid::try_parse(text)
                {
                    return Ok(uuid.into());
                }
                Err(CellError { expected: stringify!($type), found: cell })
            }
        }
    )+ };
}
uuid_column!(
    Uuid: |uuid| *uuid,
    ExchangeId: |id| id.uuid(),
    MemberId: |id| id.uuid(),
);

impl Column for Prefecture {
    fn to_cell(&self) -> Cell {
        self.code().to_cell()
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        let code = u8::from_cell(cell)?;
        Self::from_code(code).map_err(|_| CellError {
            expected: "code of a prefecture",
            found: code.to_cell(),
        })
    }
}

impl Column for Timestamp {
    fn to_cell(&self) -> Cell {
        Cell::Int(self.micros())
    }

    fn from_cell(cell: Cell) -> Result<Self, CellError> {
        i64::from_cell(cell).map(Self::from_micros)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn there_and_back<T: Column + PartialEq + std::fmt::Debug>(value: T) {
        assert_eq!(T::from_cell(value.to_cell()).unwrap(), value);
    }

    #[test]
    fn a_value_comes_back_as_it_was_stored() {
        there_and_back(7_u32);
        there_and_back(-7_i64);
        there_and_back(true);
        there_and_back(-1_396_300_000_i32);
        there_and_back(String::from("犬の散歩"));
        there_and_back(None::<String>);
        there_and_back(Some(Position::new(9)));
        there_and_back(Uuid::from_u128(7));
        there_and_back(Timestamp::from_micros(1_763_708_523_123_456));
        there_and_back(Json(vec![String::from("犬"), String::from("散歩")]));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(u32::from_cell(Cell::Int(-1)).is_err());
        assert!(bool::from_cell(Cell::Int(2)).is_err());
        assert!(String::from_cell(Cell::Null).is_err());
        assert!(Uuid::from_cell(Cell::text("no id")).is_err());
        assert!(Json::<Vec<String>>::from_cell(Cell::text("{}")).is_err());
    }
}
