//! The content digest of a view: a sum over the digests of its rows, whatever their order.
//!
//! It tells whether two files hold the same rows, and follows every change without reading the
//! others. It is made to find mistakes, not forgers: who can write the file can write the digest
//! too, and is found out by building the view again from the log.

use std::{collections::BTreeMap, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use crate::folding::cell::Cell;

/// SHA-256 of `<table> ‖ 0x00 ‖ <the row's columns in order, as a JSON array>`, written as SQLite's
/// `json_array` writes it.
pub type RowDigest = [u8; 32];

/// The digest of a row. `text` is room to write in.
pub fn of_row(table: &str, cells: &[Cell], text: &mut String) -> RowDigest {
    text.clear();
    write_row(cells, text);
    of_text(table, text.as_bytes())
}

/// Writes cells as SQLite's `json_array` writes them.
pub fn write_row(cells: &[Cell], text: &mut String) {
    for (index, cell) in cells.iter().enumerate() {
        text.push(if index == 0 { '[' } else { ',' });
        cell.write_json(text);
    }
    text.push(']');
}

/// The digest of a row that is written as JSON already, also where a damaged text in it is none.
pub fn of_text(table: &str, row: &[u8]) -> RowDigest {
    let mut hash = Sha256::new();
    hash.update(table.as_bytes());
    hash.update([0]);
    hash.update(row);
    hash.finalize().into()
}

/// How many rows a table has, and the sum of their digests modulo 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableDigest {
    pub rows: u64,
    /// Least significant first.
    sum: [u64; 4],
}

impl TableDigest {
    /// Counts a row in.
    pub fn add(&mut self, row: &RowDigest) {
        self.rows = self.rows.wrapping_add(1);
        let mut carry = false;
        for (sum, part) in self.sum.iter_mut().zip(parts(row)) {
            let (added, over) = sum.overflowing_add(part);
            let (added, over_again) = added.overflowing_add(carry.into());
            (*sum, carry) = (added, over || over_again);
        }
    }

    /// Takes a row out.
    pub fn subtract(&mut self, row: &RowDigest) {
        self.rows = self.rows.wrapping_sub(1);
        let mut borrow = false;
        for (sum, part) in self.sum.iter_mut().zip(parts(row)) {
            let (left, under) = sum.overflowing_sub(part);
            let (left, under_again) = left.overflowing_sub(borrow.into());
            (*sum, borrow) = (left, under || under_again);
        }
    }

    /// The sum as 32 bytes, least significant first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, part) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.sum) {
            *place = part.to_le_bytes();
        }
        bytes
    }

    /// A digest as it was stored.
    pub fn from_parts(rows: u64, bytes: &[u8; 32]) -> Self {
        let mut sum = [0; 4];
        for (sum, part) in sum.iter_mut().zip(parts(bytes)) {
            *sum = part;
        }
        Self { rows, sum }
    }
}

fn parts(bytes: &[u8; 32]) -> impl Iterator<Item = u64> + '_ {
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|part| u64::from_le_bytes(*part))
}

/// The digests of all tables of a view, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(pub BTreeMap<String, TableDigest>);

impl Content {
    /// The digest of one table, to be changed.
    pub fn table(&mut self, table: &str) -> &mut TableDigest {
        self.0.entry(table.to_owned()).or_default()
    }

    /// The digest of one table.
    pub fn of(&self, table: &str) -> TableDigest {
        self.0.get(table).copied().unwrap_or_default()
    }

    /// All rows of all tables.
    pub fn rows(&self) -> u64 {
        self.0.values().map(|table| table.rows).sum()
    }

    /// One digest for all: the first 16 hex digits of SHA-256 over a line `<table> <rows> <sum>`
    /// for each table that has rows, by name.
    pub fn short(&self) -> String {
        let mut text = String::new();
        for (name, table) in self.0.iter().filter(|(_, table)| table.rows > 0) {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{name} {} {}",
                table.rows,
                hex::encode(table.to_bytes())
            );
        }
        hex::encode(&Sha256::digest(text)[..8])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    fn digest(number: u8) -> RowDigest {
        of_text("a", number.to_string().as_bytes())
    }

    #[test]
    fn the_order_in_which_rows_come_and_go_does_not_matter() {
        let (mut one, mut other) = (TableDigest::default(), TableDigest::default());
        (0..100).for_each(|number| one.add(&digest(number)));
        (0..200).rev().for_each(|number| other.add(&digest(number)));
        assert_ne!(one, other);
        (100..200).for_each(|number| other.subtract(&digest(number)));
        assert_eq!(one, other);
        assert_eq!(TableDigest::from_parts(100, &one.to_bytes()), one);
        (0..100).for_each(|number| one.subtract(&digest(number)));
        assert_eq!(one, TableDigest::default());
    }

    #[test]
    fn a_row_that_is_there_twice_is_not_a_row_that_is_not_there() {
        let mut twice = TableDigest::default();
        twice.add(&[0xff; 32]);
        twice.add(&[0xff; 32]);
        assert_ne!(twice.to_bytes(), TableDigest::default().to_bytes());
    }

    #[tokio::test]
    async fn rows_are_written_as_sqlite_writes_them() {
        let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut every = String::from("助け合い🙏é\u{7f}\u{80}\u{2028}");
        every.extend((0..128_u8).map(char::from));
        let numbers = [0, -1, i64::MAX, i64::MIN].map(Cell::Int);
        let texts = ["", &every, "[1]", "null"].map(Cell::text);
        for cell in numbers.into_iter().chain(texts).chain([Cell::Null]) {
            let query = sqlx::query("select json_array(?, 7)");
            let row = query
                .bind(cell.clone())
                .fetch_one(&mut sqlite)
                .await
                .unwrap();
            let written: String = sqlx::Row::get(&row, 0);
            let mut ours = String::from("[");
            cell.write_json(&mut ours);
            ours.push_str(",7]");
            assert_eq!(ours, written);
        }
    }
}
