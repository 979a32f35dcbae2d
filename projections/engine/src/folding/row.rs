//! Rows of a view as Rust types, and the few statements that read and write them.

use std::{
    fmt::{Debug, Write as _},
    hash::Hash,
};

use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

use crate::folding::{
    cell::{Cell, CellError},
    erasure::Erasure,
};

/// A table row as a Rust type.
pub trait Row: Clone + Send + Sync + 'static {
    /// The name of the table.
    const TABLE: &'static str;
    /// All columns, those of the key first.
    const COLUMNS: &'static [&'static str];
    /// How many columns the key has.
    const KEY_COLUMNS: usize;
    /// What identifies a row.
    type Key: Ord + Hash + Clone + Debug + Send + Sync;

    /// The key of this row.
    fn key(&self) -> Self::Key;

    /// A key as its columns store it.
    fn key_cells(key: &Self::Key) -> Vec<Cell>;

    /// Puts all columns, in order, behind what is there.
    fn put_cells(&self, cells: &mut Vec<Cell>);

    /// All columns in order.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(Self::COLUMNS.len());
        self.put_cells(&mut cells);
        cells
    }

    /// The columns that name whose words a row holds.
    const OWNERS: &'static [&'static str] = &[];

    /// Takes away the words that an erasure covers. Answers whether the row has changed.
    fn erase(&mut self, _: &Erasure) -> bool {
        false
    }

    /// A row from its columns in order.
    ///
    /// # Errors
    /// [`CellError`] where a column holds another type.
    fn from_cells(cells: Vec<Cell>) -> Result<Self, CellError>;
}

/// Why rows could not be read or written. Nothing of the block was kept; it is folded again.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// SQLite refused: the disk is full, the file is damaged or locked.
    #[error("the file of the view cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The file holds something that no fold wrote: delete it, and it grows back.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The file is not what this process has written: delete it, and it grows back.
    #[error("the file of the view is damaged: {0}")]
    Damaged(String),
    /// A row that the view knows of is not in its file: delete it, and it grows back.
    #[error("the file of the view has lost rows of table {table}")]
    Missing {
        /// The table.
        table: &'static str,
    },
}

impl TableError {
    /// Whether a row was inserted whose key is there already.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Self::Database(error) => error
                .as_database_error()
                .is_some_and(sqlx::error::DatabaseError::is_unique_violation),
            Self::Cell(_) | Self::Damaged(_) | Self::Missing { .. } => false,
        }
    }
}

/// Reads rows: `rest` is what follows `select … from <table>`, with `?` for each parameter.
///
/// # Errors
/// [`TableError`] where SQLite refuses, or the file holds something else than this type.
pub async fn select<'c, R: Row>(
    from: impl SqliteExecutor<'c>,
    rest: &str,
    parameters: Vec<Cell>,
) -> Result<Vec<R>, TableError> {
    let sql = format!("select {} from {} {rest}", R::COLUMNS.join(", "), R::TABLE);
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(sql));
    for parameter in parameters {
        query = query.bind(parameter);
    }
    query.fetch_all(from).await?.iter().map(read_row).collect()
}

/// Reads the rows of these keys, as far as there are any, with one query.
pub async fn select_by_keys<'c, 'k, R: Row>(
    from: impl SqliteExecutor<'c>,
    keys: impl Iterator<Item = &'k R::Key>,
) -> Result<Vec<R>, TableError>
where
    R::Key: 'k,
{
    let keys = vec![key_list::<R>(keys)];
    select(from, &format!("where {}", key_in::<R>()), keys).await
}

fn read_row<R: Row>(row: &SqliteRow) -> Result<R, TableError> {
    let cells = (0..R::COLUMNS.len()).map(|column| Cell::read(row, column));
    Ok(R::from_cells(cells.collect::<Result<_, _>>()?)?)
}

/// `key in (…)`, where the keys come as one JSON list, so that one statement serves any number.
fn key_in<R: Row>() -> String {
    let columns = &R::COLUMNS[..R::KEY_COLUMNS];
    if let [column] = columns {
        return format!("{column} in (select value from json_each(?))");
    }
    let values: Vec<_> = (0..columns.len())
        .map(|index| format!("json_extract(value, '$[{index}]')"))
        .collect();
    format!(
        "({}) in (select {} from json_each(?))",
        columns.join(", "),
        values.join(", ")
    )
}

/// Values as one parameter: `… in (select value from json_each(?))`.
pub fn list(values: impl IntoIterator<Item = Cell>) -> Cell {
    let values = values.into_iter().map(|value| value.json());
    Cell::text(values.collect::<serde_json::Value>().to_string())
}

fn key_list<'a, R: Row>(keys: impl Iterator<Item = &'a R::Key>) -> Cell
where
    R::Key: 'a,
{
    let keys = keys.map(|key| {
        let cells = R::key_cells(key);
        match cells.as_slice() {
            [only] => only.json(),
            several => several.iter().map(Cell::json).collect(),
        }
    });
    Cell::text(keys.collect::<serde_json::Value>().to_string())
}

/// Takes the rows of these keys away, each of which must be there.
pub async fn delete_by_keys<R: Row>(
    from: &mut SqliteConnection,
    keys: &[&R::Key],
) -> Result<(), TableError> {
    let sql = format!("delete from {} where {}", R::TABLE, key_in::<R>());
    let list = key_list::<R>(keys.iter().copied());
    let gone = sqlx::query(AssertSqlSafe(sql))
        .bind(list)
        .execute(from)
        .await?;
    if usize::try_from(gone.rows_affected()) == Ok(keys.len()) {
        Ok(())
    } else {
        Err(TableError::Missing { table: R::TABLE })
    }
}

/// How rows get into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// There is none of their keys.
    Insert,
    /// In place of those of the same keys.
    Update,
}

/// Writes rows, given as their columns in order, one after the other, with one statement.
pub async fn write<R: Row>(
    into: &mut SqliteConnection,
    how: Write,
    cells: Vec<Cell>,
) -> Result<(), TableError> {
    let rows = cells.len() / R::COLUMNS.len();
    let mut query = sqlx::query(AssertSqlSafe(write_sql::<R>(how, rows)));
    for cell in cells {
        query = query.bind(cell);
    }
    query.execute(into).await?;
    Ok(())
}

fn write_sql<R: Row>(how: Write, rows: usize) -> String {
    let (key, others) = R::COLUMNS.split_at(R::KEY_COLUMNS);
    let marks = format!("({})", vec!["?"; R::COLUMNS.len()].join(","));
    let mut sql = format!(
        "insert into {} ({}) values {}",
        R::TABLE,
        R::COLUMNS.join(", "),
        vec![marks.as_str(); rows].join(","),
    );
    if how == Write::Update {
        // Writing to a String cannot fail.
        let _ = write!(sql, " on conflict ({}) do ", key.join(", "));
        for (index, column) in others.iter().enumerate() {
            let start = if index == 0 { "update set " } else { ", " };
            let _ = write!(sql, "{start}{column} = excluded.{column}");
        }
        if others.is_empty() {
            sql.push_str("nothing");
        }
    }
    sql
}
