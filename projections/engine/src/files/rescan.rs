//! Reading a view's file from end to end: what its rows sum up to, as they stand on disk.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::folding::{
    cell::Cell,
    digest::{self, Content, TableDigest},
    row::TableError,
    view::AnyView,
};

/// Rows that leave SQLite as one: a row at a time costs several times as much.
const ROWS_A_BLOCK: usize = 1_000;

/// The sums over all rows of a file. It reads every row, and no index.
///
/// # Errors
/// [`TableError`] where the file cannot be read to its end.
pub async fn content(
    file: &mut SqliteConnection,
    view: &dyn AnyView,
) -> Result<Content, TableError> {
    let mut content = Content::default();
    for (table, columns) in view.tables() {
        *content.table(table) = self::table(file, table, columns).await?;
    }
    Ok(content)
}

/// The sum over all rows of one table.
///
/// # Errors
/// [`TableError`] where the file cannot be read to its end.
pub async fn table(
    file: &mut SqliteConnection,
    table: &'static str,
    columns: &[&str],
) -> Result<TableDigest, TableError> {
    Scan::new(file, table, columns).await?.sum(file).await
}

/// One table on its way through memory, in blocks.
struct Scan {
    table: &'static str,
    first: String,
    next: String,
    /// The columns of the key among all, where that is what blocks go on by; else it is the rowid.
    key: Vec<usize>,
}

impl Scan {
    async fn new(
        file: &mut SqliteConnection,
        table: &'static str,
        columns: &[&str],
    ) -> Result<Self, sqlx::Error> {
        let without_rowid: bool =
            sqlx::query_scalar("select wr from pragma_table_list where name = ?")
                .bind(table)
                .fetch_one(&mut *file)
                .await?;
        let mut key: Vec<String> = Vec::new();
        if without_rowid {
            let columns = "select name from pragma_table_info(?) where pk > 0 order by pk";
            key = sqlx::query_scalar(columns)
                .bind(table)
                .fetch_all(file)
                .await?;
        }
        let place = |name: &String| columns.iter().position(|column| column == name);
        let order = if without_rowid {
            key.join(", ")
        } else {
            "rowid".to_owned()
        };
        let select = |condition: &str| {
            let last = if without_rowid { "null" } else { "max(rowid)" };
            let all = columns.join(", ");
            let own = if without_rowid { "" } else { ", rowid" };
            format!(
                "select group_concat(json_array({all}), char(10)), {last} from \
                 (select {all}{own} from {table} {condition} order by {order} limit {ROWS_A_BLOCK})"
            )
        };
        let marks = vec!["?"; key.len().max(1)].join(", ");
        Ok(Self {
            table,
            first: select(""),
            next: select(&format!("where ({order}) > ({marks})")),
            key: key.iter().filter_map(place).collect(),
        })
    }

    async fn sum(&self, file: &mut SqliteConnection) -> Result<TableDigest, TableError> {
        let mut sum = TableDigest::default();
        let mut statement = self.first.as_str();
        let mut last: Vec<Cell> = Vec::new();
        loop {
            let mut query = sqlx::query(AssertSqlSafe(statement.to_owned()));
            for cell in last {
                query = query.bind(cell);
            }
            let block = query.fetch_one(&mut *file).await?;
            let rows: Option<&[u8]> = block.try_get(0)?;
            let rows = rows
                .into_iter()
                .flat_map(|rows| rows.split(|byte| *byte == b'\n'));
            let (mut count, mut at) = (0, None);
            for row in rows {
                sum.add(&digest::of_text(self.table, row));
                (count, at) = (count + 1, Some(row));
            }
            if count < ROWS_A_BLOCK {
                return Ok(sum);
            }
            last = self.last(&block, at.unwrap_or_default())?;
            statement = &self.next;
        }
    }

    /// The key of the last row of a block.
    fn last(&self, block: &SqliteRow, row: &[u8]) -> Result<Vec<Cell>, TableError> {
        if self.key.is_empty() {
            return Ok(vec![Cell::Int(block.try_get(1)?)]);
        }
        let row: Vec<serde_json::Value> = serde_json::from_slice(row)
            .map_err(|error| TableError::Damaged(format!("{}: {error}", self.table)))?;
        let cell = |place: &usize| match row.get(*place) {
            Some(serde_json::Value::String(text)) => Cell::text(text.as_str()),
            Some(value) => value.as_i64().map_or(Cell::Null, Cell::Int),
            None => Cell::Null,
        };
        Ok(self.key.iter().map(cell).collect())
    }
}
