//! Two files of a view side by side: which rows they have alike, and which not. SQLite compares;
//! no row comes into memory but the samples of those that differ.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::folding::row::TableError;

/// How the connection that reads both files calls them.
pub const OPENED: &str = "main";
pub const ATTACHED: &str = "attached";

/// Names and values of a row's columns, in their order.
pub type Fields = Vec<(String, Value)>;

/// A row that the two files do not have alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDiff {
    /// The table.
    pub table: String,
    /// Its primary key, as a JSON array.
    pub key: String,
    /// As the first file has it; none where it does not have it.
    pub here: Option<Fields>,
    /// As the second file has it; none where it does not have it.
    pub there: Option<Fields>,
}

impl RowDiff {
    /// The columns that a row which both have holds differently: name, here, there.
    pub fn changes(&self) -> Vec<(&str, &Value, &Value)> {
        let here = self.here.iter().flatten();
        let changed = here.filter_map(|(name, here)| {
            let mut there = self.there.iter().flatten();
            let (_, there) = there.find(|(other, _)| other == name)?;
            (here != there).then_some((name.as_str(), here, there))
        });
        changed.collect()
    }
}

/// How the two files have one table. Rows are matched by their primary key, and compared in the
/// columns that both have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "table_diff", rename_all = "snake_case")]
pub enum TableDiff {
    /// Both have it, under the same key.
    Compared {
        /// The table.
        table: String,
        /// Rows that both have alike.
        equal: u64,
        /// Rows that both have, and not alike.
        changed: u64,
        /// Rows that only the first has.
        only_here: u64,
        /// Rows that only the second has.
        only_there: u64,
        /// Columns that only the first has.
        columns_only_here: Vec<String>,
        /// Columns that only the second has.
        columns_only_there: Vec<String>,
        /// The first rows of each kind by their keys: changed ones, then those of the first file
        /// alone, then those of the second.
        samples: Vec<RowDiff>,
    },
    /// Both have it, under different keys: rows have no counterparts.
    OtherKey {
        /// The table.
        table: String,
        /// The columns of the key in the first file.
        here: Vec<String>,
        /// The columns of the key in the second file.
        there: Vec<String>,
    },
    /// Only the first has it.
    OnlyHere {
        /// The table.
        table: String,
        /// How many rows it has.
        rows: u64,
    },
    /// Only the second has it.
    OnlyThere {
        /// The table.
        table: String,
        /// How many rows it has.
        rows: u64,
    },
}

impl TableDiff {
    /// How many rows were compared and are not alike.
    pub fn differing(&self) -> u64 {
        match self {
            Self::Compared {
                changed,
                only_here,
                only_there,
                ..
            } => changed + only_here + only_there,
            Self::OtherKey { .. } | Self::OnlyHere { .. } | Self::OnlyThere { .. } => 0,
        }
    }

    /// How many rows both have alike.
    pub fn equal(&self) -> u64 {
        match self {
            Self::Compared { equal, .. } => *equal,
            Self::OtherKey { .. } | Self::OnlyHere { .. } | Self::OnlyThere { .. } => 0,
        }
    }

    /// Whether both files have the same columns and rows.
    pub fn is_equal(&self) -> bool {
        match self {
            Self::Compared {
                columns_only_here,
                columns_only_there,
                ..
            } => {
                let columns = columns_only_here.is_empty() && columns_only_there.is_empty();
                columns && self.differing() == 0
            }
            Self::OtherKey { .. } | Self::OnlyHere { .. } | Self::OnlyThere { .. } => false,
        }
    }

    /// The samples of rows that differ.
    pub fn samples(&self) -> &[RowDiff] {
        match self {
            Self::Compared { samples, .. } => samples,
            Self::OtherKey { .. } | Self::OnlyHere { .. } | Self::OnlyThere { .. } => &[],
        }
    }
}

/// Compares the tables of the files that this connection knows by these names, the first `here`,
/// the second `there`, with so many samples of each kind of difference.
///
/// # Errors
/// [`TableError`] where one of them cannot be read.
pub async fn files(
    both: &mut SqliteConnection,
    [here, there]: [&'static str; 2],
    samples: usize,
) -> Result<Vec<TableDiff>, TableError> {
    let (here, there) = (tables(both, here).await?, tables(both, there).await?);
    let mut found = Vec::new();
    for table in &here {
        let name = table.name.clone();
        let other = there.iter().find(|other| other.name == name);
        found.push(match other {
            Some(other) if table.key == other.key && !table.key.is_empty() => {
                Matched::new(table, other).compare(both, samples).await?
            }
            Some(other) => TableDiff::OtherKey {
                table: name,
                here: table.key.clone(),
                there: other.key.clone(),
            },
            None => TableDiff::OnlyHere {
                rows: count(both, table.file, &name).await?,
                table: name,
            },
        });
    }
    for other in there {
        if !here.iter().any(|table| table.name == other.name) {
            found.push(TableDiff::OnlyThere {
                rows: count(both, other.file, &other.name).await?,
                table: other.name,
            });
        }
    }
    Ok(found)
}

/// A table as a file declares it.
struct Table {
    file: &'static str,
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

/// The tables of the view in a file.
async fn tables(both: &mut SqliteConnection, file: &'static str) -> Result<Vec<Table>, TableError> {
    let names = format!(
        "select name from {file}.sqlite_schema where type = 'table' and name not like 'sqlite_%' \
         and name not in ('certificate', 'content', 'parked') order by name"
    );
    let names: Vec<String> = sqlx::query_scalar(AssertSqlSafe(names))
        .fetch_all(&mut *both)
        .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let columns = sqlx::query("select name, pk from pragma_table_info(?, ?) order by cid")
            .bind(&name)
            .bind(file);
        let (mut columns, mut key) = (columns.fetch_all(&mut *both).await?.into_iter(), Vec::new());
        let columns = columns.try_fold(Vec::new(), |mut all, column| {
            let (name, place): (String, i64) = (column.try_get(0)?, column.try_get(1)?);
            if place > 0 {
                key.push((place, name.clone()));
            }
            all.push(name);
            Ok::<_, sqlx::Error>(all)
        })?;
        key.sort();
        let key = key.into_iter().map(|(_, name)| name).collect();
        tables.push(Table {
            file,
            name,
            columns,
            key,
        });
    }
    Ok(tables)
}

async fn count(both: &mut SqliteConnection, file: &str, table: &str) -> Result<u64, TableError> {
    let sql = format!("select count(*) from {file}.{}", quoted(table));
    let [rows] = numbers(both, sql).await?;
    Ok(rows)
}

/// The numbers that one row answers.
async fn numbers<const N: usize>(
    both: &mut SqliteConnection,
    sql: String,
) -> Result<[u64; N], TableError> {
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(both).await?;
    let mut numbers = [0; N];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = row.try_get::<i64, _>(index)?.cast_unsigned();
    }
    Ok(numbers)
}

/// One table in two files, its rows matched by their key.
struct Matched<'a> {
    here: &'a Table,
    there: &'a Table,
    /// Conditions on a row `a` of the first and a row `b` of the second file.
    same_key: String,
    not_alike: String,
}

impl<'a> Matched<'a> {
    fn new(here: &'a Table, there: &'a Table) -> Self {
        let keys = here.key.iter().map(|column| quoted(column));
        let keys: Vec<_> = keys.map(|key| format!("a.{key} = b.{key}")).collect();
        let mut shared = here.columns.clone();
        shared.retain(|column| there.columns.contains(column));
        Self {
            same_key: keys.join(" and "),
            not_alike: format!("{} is not {}", json("a", &shared), json("b", &shared)),
            here,
            there,
        }
    }

    async fn compare(
        &self,
        both: &mut SqliteConnection,
        samples: usize,
    ) -> Result<TableDiff, TableError> {
        let name = quoted(&self.here.name);
        let here = format!("{}.{name} a", self.here.file);
        let there = format!("{}.{name} b", self.there.file);
        let (same_key, not_alike) = (&self.same_key, &self.not_alike);
        let joined = format!("{here} join {there} on {same_key} where {not_alike}");
        let lacking = format!("{here} where not exists (select 1 from {there} where {same_key})");
        let surplus = format!("{there} where not exists (select 1 from {here} where {same_key})");
        let count = |rows: &str| format!("(select count(*) from {rows})");
        let sql = format!(
            "select {}, {}, {}, {}",
            count(&here),
            count(&joined),
            count(&lacking),
            count(&surplus)
        );
        let [rows, changed, ours, theirs] = numbers(both, sql).await?;
        let (a, b) = (
            json("a", &self.here.columns),
            json("b", &self.there.columns),
        );
        let mut found = Vec::new();
        for (count, row, columns, from) in [
            (changed, "a", format!("{a}, {b}"), joined),
            (ours, "a", format!("{a}, null"), lacking),
            (theirs, "b", format!("null, {b}"), surplus),
        ] {
            if count > 0 && samples > 0 {
                let (key, order) = (json(row, &self.here.key), list(row, &self.here.key));
                let sql =
                    format!("select {key}, {columns} from {from} order by {order} limit {samples}");
                self.sample(both, sql, &mut found).await?;
            }
        }
        Ok(TableDiff::Compared {
            table: self.here.name.clone(),
            equal: rows - changed - ours,
            changed,
            only_here: ours,
            only_there: theirs,
            columns_only_here: missing_in(self.there, self.here),
            columns_only_there: missing_in(self.here, self.there),
            samples: found,
        })
    }

    async fn sample(
        &self,
        both: &mut SqliteConnection,
        sql: String,
        found: &mut Vec<RowDiff>,
    ) -> Result<(), TableError> {
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(both).await? {
            let text = |column: usize| {
                // A damaged text may be none; it is shown as far as it can be.
                let text: Option<Vec<u8>> = row.try_get_unchecked(column)?;
                Ok::<_, sqlx::Error>(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
            };
            found.push(RowDiff {
                table: self.here.name.clone(),
                key: text(0)?.unwrap_or_default(),
                here: text(1)?.map(|row| fields(self.here, &row)).transpose()?,
                there: text(2)?.map(|row| fields(self.there, &row)).transpose()?,
            });
        }
        Ok(())
    }
}

fn fields(table: &Table, row: &str) -> Result<Fields, TableError> {
    let values: Vec<Value> = serde_json::from_str(row)
        .map_err(|error| TableError::Damaged(format!("{}: {error}", table.name)))?;
    Ok(table.columns.iter().cloned().zip(values).collect())
}

/// The columns of one table that another does not have.
fn missing_in(one: &Table, other: &Table) -> Vec<String> {
    let columns = other.columns.iter();
    columns
        .filter(|column| !one.columns.contains(column))
        .cloned()
        .collect()
}

/// Columns of a row as the text that its digest is made of.
fn json(row: &str, columns: &[String]) -> String {
    format!("json_array({})", list(row, columns))
}

fn list(row: &str, columns: &[String]) -> String {
    let columns = columns
        .iter()
        .map(|column| format!("{row}.{}", quoted(column)));
    columns.collect::<Vec<_>>().join(", ")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
