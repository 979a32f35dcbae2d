//! Watching rows while a view is built: which events touch them, and from which on another file
//! has them differently.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    files::compare::{Fields, RowDiff},
    folding::{
        cell::Cell,
        decode::Decoded,
        digest,
        table::{RowWatcher, TouchedRow},
    },
};

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAt {
    /// Where it stands.
    pub position: Position,
    /// Its type.
    pub event_type: String,
}

/// A row that two files have differently, and what the events tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedRow {
    /// The row: as the file that was looked into has it (here), and as it was built (there).
    pub row: RowDiff,
    /// The last event that touched the row in a build; none where no event does.
    pub last: Option<EventAt>,
    /// The event from which on the row differs.
    pub from: Option<EventAt>,
    /// Whether the file has something exactly as the events before that one left it. Otherwise it
    /// has what no event ever left there, and differs from there on at the latest.
    pub exact: bool,
}

/// The rows that are watched, and what is known of each.
#[derive(Debug)]
pub struct Trace(Mutex<Watched>);

/// By table and key.
type Watched = HashMap<String, HashMap<String, Known>>;

#[derive(Debug)]
struct Known {
    last: Option<EventAt>,
    /// Each by itself, for an event changes some of them.
    differences: Vec<Difference>,
}

/// One thing in which the files differ about a row.
#[derive(Debug)]
struct Difference {
    other: Has,
    /// Whether the row was ever so.
    agreed: bool,
    /// The first touch since then after which it is not.
    parted: Option<EventAt>,
}

/// What the other file has.
#[derive(Debug)]
enum Has {
    /// No such row.
    NoRow,
    /// This row.
    Row(Fields),
    /// Such a row, with this in a column.
    Column(String, Value),
}

impl Trace {
    /// Watches these rows.
    pub fn of(rows: &[RowDiff]) -> Self {
        let mut watched = Watched::new();
        for row in rows {
            let table = watched.entry(row.table.clone()).or_default();
            let known = Known {
                last: None,
                differences: Has::of(row).into_iter().map(Difference::new).collect(),
            };
            table.insert(row.key.clone(), known);
        }
        Self(Mutex::new(watched))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the events tell of these rows, which were watched.
    pub fn told(&self, rows: Vec<RowDiff>) -> Vec<TracedRow> {
        let watched = self.watched();
        let told = |row: RowDiff| {
            let known = watched.get(&row.table).and_then(|it| it.get(&row.key));
            let last = known.and_then(|known| known.last.clone());
            let differences = known.iter().flat_map(|known| &known.differences);
            let parted = differences
                .filter(|difference| difference.agreed)
                .filter_map(|difference| difference.parted.clone())
                .min_by_key(|event| event.position);
            TracedRow {
                exact: parted.is_some(),
                from: parted.or_else(|| last.clone()),
                last,
                row,
            }
        };
        rows.into_iter().map(told).collect()
    }
}

impl RowWatcher for Trace {
    fn watches(&self, table: &str) -> bool {
        self.watched().contains_key(table)
    }

    fn touched(&self, row: &TouchedRow<'_>, event: &Decoded) {
        let mut key = String::new();
        digest::write_row(row.key, &mut key);
        let mut watched = self.watched();
        let table = watched.get_mut(row.table);
        let Some(known) = table.and_then(|table| table.get_mut(&key)) else {
            return;
        };
        let event = EventAt {
            position: event.position,
            event_type: event.kind.name().to_owned(),
        };
        for difference in &mut known.differences {
            if difference.other.is(row) {
                (difference.agreed, difference.parted) = (true, None);
            } else if difference.parted.is_none() {
                difference.parted = Some(event.clone());
            }
        }
        known.last = Some(event);
    }
}

impl Difference {
    fn new(other: Has) -> Self {
        Self {
            // Before the first event there is no row.
            agreed: matches!(other, Has::NoRow),
            other,
            parted: None,
        }
    }
}

impl Has {
    /// What the first file has otherwise than the second.
    fn of(row: &RowDiff) -> Vec<Self> {
        match (&row.here, &row.there) {
            (None, _) => vec![Self::NoRow],
            (Some(here), None) => vec![Self::Row(here.clone())],
            (Some(_), Some(_)) => {
                let changes = row.changes().into_iter();
                changes
                    .map(|(name, here, _)| Self::Column(name.to_owned(), here.clone()))
                    .collect()
            }
        }
    }

    /// Whether the row is so.
    fn is(&self, row: &TouchedRow<'_>) -> bool {
        let has = |cells: &[Cell], name: &str, value: &Value| {
            let place = row.columns.iter().position(|column| *column == name);
            // A column that this view does not have says nothing.
            place.is_none_or(|place| cells.get(place).map(Cell::json).as_ref() == Some(value))
        };
        match (self, row.cells) {
            (Self::NoRow, cells) => cells.is_none(),
            (Self::Row(_) | Self::Column(..), None) => false,
            (Self::Row(fields), Some(cells)) => {
                fields.iter().all(|(name, value)| has(cells, name, value))
            }
            (Self::Column(name, value), Some(cells)) => has(cells, name, value),
        }
    }
}
