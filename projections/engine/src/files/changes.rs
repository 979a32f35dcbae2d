//! What a version of a view has changed against the one whose place it has taken.

use std::{
    io,
    path::{Path, PathBuf},
};

use meguri_log::Position;
use serde::{Deserialize, Serialize};

use crate::files::{compare::TableDiff, note};

/// Beside the database of a version: what it has changed.
const FILE: &str = "changes";

/// How two versions of a view differ, as of the position where the older one stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The view.
    pub view: String,
    /// As of where they were compared.
    pub position: Position,
    /// The folder of the newer version, which is live.
    pub here: String,
    /// The folder of the older version, which was live before.
    pub there: String,
    /// What was found, table by table.
    pub tables: Vec<TableDiff>,
}

impl Diff {
    /// Whether both have the same tables, columns and rows.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(TableDiff::is_equal)
    }
}

/// The name of the folder that a database is in.
pub fn folder_of(mut database: PathBuf) -> String {
    database.pop();
    let folder = database.file_name().unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// Writes down what the version in this folder has changed.
pub fn keep(folder: &Path, changes: &Diff) -> io::Result<()> {
    note::keep(&folder.join(FILE), &serde_json::to_string(changes)?)
}

/// What the version in this folder has changed, where that is known.
pub fn kept(folder: &Path) -> Option<Diff> {
    // What cannot be read is not told: it is of interest, and of no other use.
    serde_json::from_str(&note::kept(&folder.join(FILE))?).ok()
}
