//! The tables of a view: rows that are loaded by key, folded in memory and written in bulk.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::row::{Row, TableError, delete_by_keys, select_by_keys, upsert};

/// Rows that one statement writes, largest first: few different statements, each prepared once.
const ROWS_A_STATEMENT: [usize; 4] = [128, 32, 8, 1];

/// Why an event cannot be folded. The view stops there; nothing is skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FoldError {
    /// The event speaks of something that no earlier event has introduced.
    #[error("there is no row {key} in table {table}")]
    NoRow {
        /// The table.
        table: &'static str,
        /// The key that was looked for.
        key: String,
    },
    /// The view reads a row that its `keys` did not ask for: a mistake in the view.
    #[error("row {key} of table {table} is read but was not asked for")]
    NotAsked {
        /// The table.
        table: &'static str,
        /// The key that was looked for.
        key: String,
    },
    /// The event cannot be, or its fold panicked.
    #[error("{0}")]
    Impossible(String),
}

/// The rows of one table that a block of events touches.
#[derive(Debug)]
pub(crate) struct Rows<R: Row> {
    asked: BTreeSet<R::Key>,
    slots: BTreeMap<R::Key, Slot<R>>,
}

#[derive(Debug)]
struct Slot<R> {
    row: Option<R>,
    touched: bool,
}

impl<R: Row> Default for Rows<R> {
    fn default() -> Self {
        Self {
            asked: BTreeSet::new(),
            slots: BTreeMap::new(),
        }
    }
}

impl<R: Row> Rows<R> {
    /// Asks for a row that the fold of an event will read. It need not exist.
    pub(crate) fn ask(&mut self, key: R::Key) {
        self.asked.insert(key);
    }

    /// The row of a key, to be changed.
    ///
    /// # Errors
    /// [`FoldError::NoRow`] where there is none, [`FoldError::NotAsked`] where `keys` did not ask.
    pub(crate) fn row(&mut self, key: &R::Key) -> Result<&mut R, FoldError> {
        self.asked_for(key)?;
        match self.slots.get_mut(key) {
            Some(Slot {
                row: Some(row),
                touched,
            }) => {
                *touched = true;
                Ok(row)
            }
            Some(Slot { row: None, .. }) | None => Err(FoldError::NoRow {
                table: R::TABLE,
                key: format!("{key:?}"),
            }),
        }
    }

    /// Puts a row in place, whether there was one of this key or not.
    pub(crate) fn put(&mut self, row: R) {
        self.slots.insert(
            row.key(),
            Slot {
                row: Some(row),
                touched: true,
            },
        );
    }

    /// Takes a row away, if there is one of this key.
    pub(crate) fn remove(&mut self, key: R::Key) {
        self.slots.insert(
            key,
            Slot {
                row: None,
                touched: true,
            },
        );
    }

    fn asked_for(&self, key: &R::Key) -> Result<(), FoldError> {
        if self.asked.contains(key) {
            return Ok(());
        }
        Err(FoldError::NotAsked {
            table: R::TABLE,
            key: format!("{key:?}"),
        })
    }
}

/// The rows of a table whatever their type: loaded before a block is folded, written after it.
#[async_trait]
pub(crate) trait AnyRows: Send {
    /// Loads all rows that were asked for, with one query.
    async fn load(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError>;

    /// Writes all rows that were touched, each once, in bulk.
    async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError>;
}

#[async_trait]
impl<R: Row> AnyRows for Rows<R> {
    async fn load(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError> {
        if self.asked.is_empty() {
            return Ok(());
        }
        for row in select_by_keys::<R>(&mut *connection, self.asked.iter()).await? {
            self.slots.insert(
                row.key(),
                Slot {
                    row: Some(row),
                    touched: false,
                },
            );
        }
        Ok(())
    }

    async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError> {
        let touched = || self.slots.iter().filter(|(_, slot)| slot.touched);
        let gone: Vec<_> = touched()
            .filter(|(_, slot)| slot.row.is_none())
            .map(|(key, _)| key)
            .collect();
        if !gone.is_empty() {
            delete_by_keys::<R>(connection, gone.into_iter()).await?;
        }
        let mut rest: Vec<&R> = touched()
            .filter_map(|(_, slot)| slot.row.as_ref())
            .collect();
        for size in ROWS_A_STATEMENT {
            while rest.len() >= size {
                let rows = rest.split_off(rest.len() - size);
                upsert(connection, &rows).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use sqlx::{Connection as _, Executor as _};

    use super::*;
    use crate::row::{select, table};

    table! {
        /// Words of one book.
        pub struct Word in "word"
        by {
            /// The book.
            book: String,
            /// The place.
            place: u32,
        }
        with {
            /// The word.
            text: Option<String>,
        }
    }

    fn word(place: u32, text: &str) -> Word {
        Word {
            book: "源氏".into(),
            place,
            text: Some(text.into()),
        }
    }

    async fn file() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = "create table word (book text, place integer, text text,
            primary key (book, place)) without rowid, strict";
        connection.execute(schema).await.unwrap();
        connection
    }

    #[tokio::test]
    async fn touched_rows_are_written_in_bulk_and_come_back() {
        let mut file = file().await;
        let mut rows = Rows::default();
        (0..300).for_each(|place| rows.put(word(place, "いづれ")));
        rows.write(&mut file).await.unwrap();

        let mut rows = Rows::<Word>::default();
        rows.ask(("源氏".into(), 7));
        rows.ask(("源氏".into(), 999));
        rows.load(&mut file).await.unwrap();
        rows.row(&("源氏".into(), 7)).unwrap().text = None;
        rows.remove(("源氏".into(), 8));
        assert!(rows.row(&("源氏".into(), 999)).is_err());
        rows.write(&mut file).await.unwrap();

        let all: Vec<Word> = select(&mut file, "order by place", vec![]).await.unwrap();
        assert_eq!(all.len(), 299);
        assert_eq!(
            all[7],
            Word {
                text: None,
                ..word(7, "")
            }
        );
        assert_eq!(all[8], word(9, "いづれ"));
    }

    #[test]
    fn a_row_that_was_not_asked_for_cannot_be_read_even_when_it_is_in_memory() {
        let mut rows = Rows::default();
        rows.put(word(1, "の"));
        assert!(matches!(
            rows.row(&("源氏".into(), 1)),
            Err(FoldError::NotAsked { .. })
        ));
        rows.ask(("源氏".into(), 1));
        assert!(rows.row(&("源氏".into(), 1)).is_ok());
        rows.ask(("源氏".into(), 2));
        assert!(matches!(
            rows.row(&("源氏".into(), 2)),
            Err(FoldError::NoRow { .. })
        ));
    }
}
