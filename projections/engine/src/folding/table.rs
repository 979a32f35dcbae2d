//! The tables of a view: rows that are loaded by key, folded in memory and written in bulk.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::folding::{
    cell::Cell,
    decode::Decoded,
    digest::{self, RowDigest, TableDigest},
    erasure::Erasure,
    row::{Row, TableError, Write, delete_by_keys, select, select_by_keys, write},
};

/// Rows that one statement writes, largest first: few different statements, each prepared once.
const ROWS_A_STATEMENT: [usize; 4] = [128, 32, 8, 1];

/// Rows of the last two transactions may be so many times as many as those that are kept.
const RECENT_ROWS_KEPT: usize = 4;

/// Why an event cannot be folded. The view stops there; nothing is skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
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

/// The rows of one table that a view works on, in memory.
///
/// Rows that folds ask for stay from block to block, so that a row which many events touch is read
/// and written once in a transaction; the others are written with their block and forgotten.
#[derive(Debug)]
pub struct Rows<R: Row> {
    /// What the events of this block may read.
    asked: HashSet<R::Key>,
    /// The same, by what is in a column.
    asked_where: Vec<(&'static str, Cell)>,
    slots: HashMap<R::Key, Slot<R>>,
    /// Whether rows of this table were ever asked for.
    stays: bool,
    /// The number of the transaction that is under way.
    turn: u64,
    /// Which rows it has touched, where somebody wants to know.
    noted: Option<Vec<R::Key>>,
}

#[derive(Debug)]
struct Slot<R> {
    row: Option<R>,
    /// The digest of the row as the file has it; none where it has none.
    stored: Option<RowDigest>,
    /// The transaction that touched it last; the one before this, where it was only read. The file
    /// does not have what this one has touched.
    turn: u64,
}

impl<R: Row> Default for Rows<R> {
    fn default() -> Self {
        Self {
            asked: HashSet::new(),
            asked_where: Vec::new(),
            slots: HashMap::new(),
            stays: false,
            turn: 1,
            noted: None,
        }
    }
}

impl<R: Row> Rows<R> {
    /// Asks for a row that the fold of an event will read. It need not exist.
    pub fn ask(&mut self, key: R::Key) {
        self.stays = true;
        self.asked.insert(key);
    }

    /// Asks for all rows that have this in a column: for an erasure, which comes by itself, after
    /// everything before it is in the file.
    pub fn ask_where(&mut self, column: &'static str, value: Cell) {
        self.asked_where.push((column, value));
    }

    /// Changes those rows that were asked for of which `change` says that it did.
    pub fn change_asked(&mut self, mut change: impl FnMut(&mut R) -> bool) {
        for key in &self.asked {
            let Some(slot) = self.slots.get_mut(key) else {
                continue;
            };
            if slot.row.as_mut().is_some_and(&mut change) {
                slot.turn = self.turn;
                if let Some(noted) = &mut self.noted {
                    noted.push(key.clone());
                }
            }
        }
    }

    /// The row of a key, to be changed.
    ///
    /// # Errors
    /// [`FoldError::NoRow`] where there is none, [`FoldError::NotAsked`] where `keys` did not ask.
    pub fn row(&mut self, key: &R::Key) -> Result<&mut R, FoldError> {
        self.asked_for(key)?;
        self.note(key);
        match self.slots.get_mut(key) {
            Some(Slot {
                row: Some(row),
                turn,
                ..
            }) => {
                *turn = self.turn;
                Ok(row)
            }
            Some(Slot { row: None, .. }) | None => Err(FoldError::NoRow {
                table: R::TABLE,
                key: format!("{key:?}"),
            }),
        }
    }

    /// Puts a row in place. Where its key was not asked for there must be none yet: the file
    /// refuses a second one, and the view stops.
    pub fn put(&mut self, row: R) {
        let (key, turn) = (row.key(), self.turn);
        self.note(&key);
        match self.slots.entry(key) {
            Entry::Occupied(slot) => {
                let slot = slot.into_mut();
                (slot.row, slot.turn) = (Some(row), turn);
            }
            Entry::Vacant(slot) => {
                slot.insert(Slot {
                    row: Some(row),
                    stored: None,
                    turn,
                });
            }
        }
    }

    /// Takes a row away. Where its key was not asked for, it must be there, exactly as given.
    pub fn remove(&mut self, row: &R) {
        let (key, turn) = (row.key(), self.turn);
        self.note(&key);
        match self.slots.entry(key) {
            Entry::Occupied(slot) => {
                let slot = slot.into_mut();
                (slot.row, slot.turn) = (None, turn);
            }
            Entry::Vacant(slot) => {
                slot.insert(Slot {
                    row: None,
                    stored: Some(digest::of_row(R::TABLE, &row.cells(), &mut String::new())),
                    turn,
                });
            }
        }
    }

    fn note(&mut self, key: &R::Key) {
        if let Some(noted) = &mut self.noted {
            noted.push(key.clone());
        }
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

    /// Writes what was touched, in the order of the keys, and counts it into the table's digest.
    async fn write_touched(
        &mut self,
        connection: &mut SqliteConnection,
        sum: &mut TableDigest,
    ) -> Result<(), TableError> {
        let turn = self.turn;
        let touched = self.slots.iter_mut().filter(|(_, slot)| slot.turn == turn);
        let mut touched: Vec<(&R::Key, &mut Slot<R>)> = touched.collect();
        touched.sort_unstable_by_key(|(key, _)| *key);
        let (mut fresh, mut changed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (key, slot) in touched {
            if let Some(before) = &slot.stored {
                sum.subtract(before);
            }
            match (&slot.row, slot.stored) {
                (Some(row), None) => fresh.push((row, &mut slot.stored)),
                (Some(row), Some(_)) => changed.push((row, &mut slot.stored)),
                (None, Some(_)) => {
                    slot.stored = None;
                    gone.push(key);
                }
                // It came and went within the block.
                (None, None) => {}
            }
        }
        if !gone.is_empty() {
            delete_by_keys::<R>(&mut *connection, &gone).await?;
        }
        write_all(connection, Write::Update, changed, sum).await?;
        write_all(connection, Write::Insert, fresh, sum).await
    }
}

/// Writes rows in statements of a few sizes, and notes their digests.
async fn write_all<R: Row>(
    connection: &mut SqliteConnection,
    how: Write,
    mut rows: Vec<(&R, &mut Option<RowDigest>)>,
    sum: &mut TableDigest,
) -> Result<(), TableError> {
    let (mut written, mut text) = (0, String::new());
    for size in ROWS_A_STATEMENT {
        while let Some(now) = rows.get_mut(written..written + size) {
            let mut all = Vec::with_capacity(size * R::COLUMNS.len());
            for (row, stored) in now {
                let start = all.len();
                row.put_cells(&mut all);
                let digest = digest::of_row(R::TABLE, &all[start..], &mut text);
                sum.add(&digest);
                **stored = Some(digest);
            }
            write::<R>(connection, how, all).await?;
            written += size;
        }
    }
    Ok(())
}

/// Hears which rows each event touches.
pub trait RowWatcher: Send + Sync {
    /// Whether it wants to hear of rows of this table.
    fn watches(&self, table: &str) -> bool;

    /// An event has touched a row. To hear of the same event again, after a transaction that
    /// failed, does no harm.
    fn touched(&self, row: &TouchedRow<'_>, event: &Decoded);
}

/// A row as an event has left it.
pub struct TouchedRow<'a> {
    pub table: &'static str,
    pub columns: &'static [&'static str],
    pub key: &'a [Cell],
    /// Its columns in order; none where there is no such row now.
    pub cells: Option<&'a [Cell]>,
}

/// The rows of a table whatever their type: loaded before a block is folded, written after it.
#[async_trait]
pub trait AnyRows: Send {
    /// The name of the table.
    fn table(&self) -> &'static str;

    /// Its columns, those of the key first.
    fn columns(&self) -> &'static [&'static str];

    /// Notes from now on which rows each event touches.
    fn watch(&mut self);

    /// Tells which rows this event has touched, the last that was folded, and what they are now.
    fn tell(&mut self, event: &Decoded, watcher: &dyn RowWatcher);

    /// Asks for the rows that hold words of whom an erasure names.
    fn ask_for_words(&mut self, erasure: &Erasure);

    /// Takes away from the rows that were asked for what an erasure covers.
    fn erase(&mut self, erasure: &Erasure);

    /// Loads those rows that were asked for and are not here yet, with one query.
    async fn load(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError>;

    /// Writes the rows that no later fold asks for: the block is over.
    async fn write_block(
        &mut self,
        connection: &mut SqliteConnection,
        sum: &mut TableDigest,
    ) -> Result<(), TableError>;

    /// Writes every row that was touched, each once: the transaction is over. Keeps as many in
    /// memory for the next.
    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        sum: &mut TableDigest,
        rows_kept: usize,
    ) -> Result<(), TableError>;
}

#[async_trait]
impl<R: Row> AnyRows for Rows<R> {
    fn table(&self) -> &'static str {
        R::TABLE
    }

    fn columns(&self) -> &'static [&'static str] {
        R::COLUMNS
    }

    fn watch(&mut self) {
        self.noted = Some(Vec::new());
    }

    fn tell(&mut self, event: &Decoded, watcher: &dyn RowWatcher) {
        for key in self.noted.iter_mut().flat_map(|noted| noted.drain(..)) {
            let row = self.slots.get(&key).and_then(|slot| slot.row.as_ref());
            let cells = row.map(Row::cells);
            let touched = TouchedRow {
                table: R::TABLE,
                columns: R::COLUMNS,
                key: &R::key_cells(&key),
                cells: cells.as_deref(),
            };
            watcher.touched(&touched, event);
        }
    }

    fn ask_for_words(&mut self, erasure: &Erasure) {
        for owner in R::OWNERS {
            self.ask_where(owner, erasure.subject.clone());
        }
    }

    fn erase(&mut self, erasure: &Erasure) {
        self.change_asked(|row| row.erase(erasure));
    }

    async fn load(&mut self, connection: &mut SqliteConnection) -> Result<(), TableError> {
        for (column, value) in std::mem::take(&mut self.asked_where) {
            let rest = format!("where {column} = ?");
            let found = select::<R>(&mut *connection, &rest, vec![value]).await?;
            for row in found {
                let (key, turn) = (row.key(), self.turn - 1);
                self.asked.insert(key.clone());
                self.slots.entry(key).or_insert_with(|| Slot {
                    stored: Some(digest::of_row(R::TABLE, &row.cells(), &mut String::new())),
                    row: Some(row),
                    turn,
                });
            }
        }
        let missing = self
            .asked
            .iter()
            .filter(|key| !self.slots.contains_key(*key));
        let missing: Vec<R::Key> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        let found = select_by_keys::<R>(&mut *connection, missing.iter()).await?;
        for row in found {
            let slot = Slot {
                stored: Some(digest::of_row(R::TABLE, &row.cells(), &mut text)),
                row: Some(row.clone()),
                turn: self.turn - 1,
            };
            self.slots.insert(row.key(), slot);
        }
        for key in missing {
            self.slots.entry(key).or_insert(Slot {
                row: None,
                stored: None,
                turn: self.turn - 1,
            });
        }
        Ok(())
    }

    async fn write_block(
        &mut self,
        connection: &mut SqliteConnection,
        sum: &mut TableDigest,
    ) -> Result<(), TableError> {
        self.asked.clear();
        if self.stays {
            return Ok(());
        }
        self.write(connection, sum, 0).await
    }

    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        sum: &mut TableDigest,
        rows_kept: usize,
    ) -> Result<(), TableError> {
        self.write_touched(connection, sum).await?;
        if !self.stays {
            self.slots.clear();
        } else if self.slots.len() > rows_kept {
            // What was not touched for a while is the least likely to be asked for; what was, is
            // dear to read again.
            let recent = self.turn - 1;
            self.slots.retain(|_, slot| slot.turn >= recent);
            if self.slots.len() > rows_kept * RECENT_ROWS_KEPT {
                self.slots.clear();
            }
        }
        self.turn += 1;
        Ok(())
    }
}
