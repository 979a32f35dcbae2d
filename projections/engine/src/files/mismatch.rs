//! How a file of a view is not what it should be.

use meguri_log::Position;
use serde::{Deserialize, Serialize};

/// How a file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "mismatch", rename_all = "snake_case")]
pub enum Mismatch {
    /// It stands beyond the end of the log: it is of another log, or of one that lost events.
    #[error("it has consumed {position} events, and the log has {head}")]
    Beyond {
        /// Where the file stands.
        position: Position,
        /// Where the log ends.
        head: Position,
    },
    /// What it has consumed is not what the log holds: an event was skipped, repeated or changed.
    #[error("up to position {position} it has consumed the tree {view}, and the log has {log}")]
    Root {
        /// Where the file stands.
        position: Position,
        /// Root of what the file consumed, base64.
        view: String,
        /// Root of the log there, base64.
        log: String,
    },
    /// The rows of a table are not those that were written: the file was changed by something else.
    #[error("table {table} has {found} rows or others than the {expected} that were written")]
    Rows {
        /// The table.
        table: String,
        /// How many rows were written.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// What it was built from and what it says of its rows is right, and the log makes others: the
    /// fold has changed without its version, depends on something else than the events, or the
    /// file was changed by somebody who adjusted its digest.
    #[error("{differing} rows are not what the log makes of them")]
    Differs {
        /// How many rows are changed, missing or too many.
        differing: u64,
    },
    /// What can be found is not what the rows say: the index was changed by something else.
    #[error("{differing} documents of the index are not those of the rows")]
    Documents {
        /// How many are changed, missing or too many.
        differing: u64,
    },
    /// The file cannot be read to its end.
    #[error("the file is damaged: {0}", reason)]
    Damaged {
        /// What SQLite says.
        reason: String,
    },
}
