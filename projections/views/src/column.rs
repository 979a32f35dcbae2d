//! Rows of the product as Rust types, and how its types stand in columns.

use std::{num::TryFromIntError, sync::Arc};

use meguri_events::{Category, ExchangeId, MemberId, Mode, PostId, Prefecture, ReasonCode};
use meguri_log::{Position, Timestamp, Version};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use meguri_engine::{Cell, CellError, Erasable};

/// Declares the row type of a table: `struct Row in "table" by { key } with { the others }`.
///
/// A column that holds what somebody typed says whose it is, and under which class of their keys it
/// is sealed: `words: Option<String> => Message of sender`. An erasure takes it away there; what
/// else changes with it follows behind: `once erased |row, at, taken| { … }`, with the position of
/// the erasure, and whether there was something to take away.
macro_rules! table {
    (
        $(#[$meta:meta])*
        pub struct $row:ident in $table:literal
        by { $( $(#[$key_meta:meta])* $key:ident : $key_type:ty ),+ $(,)? }
        with {
            $(
                $(#[$field_meta:meta])*
                $field:ident : $type:ty $(=> $class:ident of $owner:ident)?
            ),*
            $(,)?
        }
        $(once erased |$erased:ident, $at:ident, $taken:ident| $also:block)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(unreachable_pub, reason = "tests have rows of their own")]
        pub struct $row {
            $( $(#[$key_meta])* pub $key: $key_type, )+
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl meguri_engine::Row for $row {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] =
                &[$( stringify!($key), )+ $( stringify!($field), )*];
            const KEY_COLUMNS: usize = [$( stringify!($key) ),+].len();
            #[allow(unused_parens, reason = "a key of one column is no tuple")]
            type Key = ($($key_type),+);

            fn key(&self) -> Self::Key {
                ($( self.$key.clone() ),+)
            }

            #[allow(unused_parens, reason = "a key of one column is no tuple")]
            fn key_cells(key: &Self::Key) -> Vec<meguri_engine::Cell> {
                let ($($key),+) = key;
                vec![$( $crate::column::Column::to_cell($key) ),+]
            }

            fn put_cells(&self, cells: &mut Vec<meguri_engine::Cell>) {
                $( cells.push($crate::column::Column::to_cell(&self.$key)); )+
                $( cells.push($crate::column::Column::to_cell(&self.$field)); )*
            }

            const OWNERS: &'static [&'static str] = &[$( $( stringify!($owner), )? )*];

            $crate::column::erase!(
                $( $( $field: $class of $owner, )? )* ; $(once |$erased, $at, $taken| $also)?
            );

            fn from_cells(
                cells: Vec<meguri_engine::Cell>,
            ) -> Result<Self, meguri_engine::CellError> {
                let mut cells = cells.into_iter();
                let mut next = || cells.next().unwrap_or(meguri_engine::Cell::Null);
                Ok(Self {
                    $( $key: $crate::column::Column::from_cell(next())?, )+
                    $( $field: $crate::column::Column::from_cell(next())?, )*
                })
            }
        }
    };
}
pub(crate) use table;

/// How a row that `table!` declares is erased.
macro_rules! erase {
    (;) => {};
    (
        $( $field:ident : $class:ident of $owner:ident, )+ ;
        $(once |$row:ident, $at:ident, $taken:ident| $also:block)?
    ) => {
        fn erase(&mut self, erasure: &meguri_engine::Erasure) -> bool {
            let (mut covered, mut changed) = (false, false);
            $(
                let class = meguri_events::KeyClass::$class.code();
                if erasure.covers(class, &$crate::column::Column::to_cell(&self.$owner)) {
                    covered = true;
                    changed |= meguri_engine::Erasable::erase(&mut self.$field);
                }
            )+
            $(
                if covered {
                    let ($row, $at, $taken) = (&mut *self, erasure.position, changed);
                    $also
                    changed = true;
                }
            )?
            let _ = covered;
            changed
        }
    };
}
pub(crate) use erase;

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

impl<T> Erasable for Json<Vec<T>> {
    fn erase(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}

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
        impl $crate::column::Column for $type {
            fn to_cell(&self) -> meguri_engine::Cell {
                meguri_engine::Cell::text(self.to_string())
            }

            fn from_cell(
                cell: meguri_engine::Cell,
            ) -> Result<Self, meguri_engine::CellError> {
                if let meguri_engine::Cell::Text(text) = &cell
                    && let Ok(value) = text.parse()
                {
                    return Ok(value);
                }
                Err(meguri_engine::CellError { expected: stringify!($type), found: cell })
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
