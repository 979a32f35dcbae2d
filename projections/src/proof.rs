//! Whether a file holds what it should: the certificate against the log, the rows against the
//! certificate.

use meguri_log::{Log, Position, ReadError, TreeError, answered};
use serde::{Deserialize, Serialize};

use crate::{certificate::Certificate, digest::Content, row::TableError, store::ViewFile};

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

/// Why nothing was proven either way. Try again.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The file cannot be read now.
    #[error(transparent)]
    File(#[from] TableError),
}

/// Compares what a file has consumed with the log's own root at that position.
///
/// # Errors
/// [`ProofError::Log`] where the log cannot be read.
pub(crate) async fn of_tree(
    certificate: &Certificate,
    log: &Log,
) -> Result<Option<Mismatch>, ReadError> {
    let position = certificate.position();
    let root = match log.frontier_at(position).await {
        Ok(frontier) => frontier.root(),
        Err(TreeError::Beyond { head }) => return Ok(Some(Mismatch::Beyond { position, head })),
        Err(TreeError::Read(error)) => return Err(error),
    };
    let view = certificate.frontier.root();
    Ok((root != view).then(|| Mismatch::Root {
        position,
        view: view.to_string(),
        log: root.to_string(),
    }))
}

/// Compares the rows as they stand in a file with what its certificate says of them.
pub(crate) fn of_rows(certificate: &Certificate, found: &Content) -> Option<Mismatch> {
    let nothing = crate::digest::TableDigest::default();
    let tables = found.0.keys().chain(certificate.content.0.keys());
    let digest = |content: &Content, table: &String| *content.0.get(table).unwrap_or(&nothing);
    let mut pairs = tables.map(|table| {
        (
            table,
            digest(&certificate.content, table),
            digest(found, table),
        )
    });
    let (table, expected, found) = pairs.find(|(_, expected, found)| expected != found)?;
    Some(Mismatch::Rows {
        table: table.clone(),
        expected: expected.rows,
        found: found.rows,
    })
}

/// Compares the tree and all rows of a file that has nothing uncommitted.
///
/// # Errors
/// [`ProofError`]: nothing was proven.
pub(crate) async fn of_file(
    file: &mut ViewFile,
    log: &Log,
) -> Result<Option<Mismatch>, ProofError> {
    if let Some(mismatch) = of_tree(file.certificate(), log).await? {
        return Ok(Some(mismatch));
    }
    match answered(file.rescan()).await {
        Ok(found) => Ok(of_rows(file.certificate(), &found)),
        Err(error) => match damage(&error) {
            Some(reason) => Ok(Some(Mismatch::Damaged { reason })),
            None => Err(error.into()),
        },
    }
}

/// What is wrong with a file, if that is why it could not be read.
pub(crate) fn damage(error: &TableError) -> Option<String> {
    /// The statement fits every sound file: a table is gone, or holds what it cannot hold.
    const SQLITE_ERROR: u32 = 1;
    /// The file says that it is of a newer format, which can be read only.
    const SQLITE_READONLY: u32 = 8;
    const SQLITE_CORRUPT: u32 = 11;
    const SQLITE_FORMAT: u32 = 24;
    const SQLITE_NOTADB: u32 = 26;
    /// It ends before it should.
    const SQLITE_IOERR_SHORT_READ: u32 = 522;
    match error {
        // A text that is none, or a certificate that is not there.
        TableError::Database(
            error @ (sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::RowNotFound),
        ) => Some(error.to_string()),
        TableError::Database(error) => {
            let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
            // Extended codes carry the primary one in their lowest byte.
            let damaged = [SQLITE_ERROR, SQLITE_CORRUPT, SQLITE_FORMAT, SQLITE_NOTADB];
            let damaged = damaged.contains(&(code & 0xff));
            let damaged = damaged || [SQLITE_READONLY, SQLITE_IOERR_SHORT_READ].contains(&code);
            damaged.then(|| error.to_string())
        }
        TableError::Cell(_) | TableError::Damaged(_) | TableError::Missing { .. } => {
            Some(error.to_string())
        }
    }
}
