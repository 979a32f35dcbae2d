//! Whether a file holds what it should: the certificate against the log, the rows against the
//! certificate.

use meguri_log::{Log, ReadError, TreeError};

use crate::{
    files::{certificate::Certificate, error::StoreError, mismatch::Mismatch},
    folding::{
        digest::{Content, TableDigest},
        row::TableError,
    },
};

/// Compares what a file has consumed with the log's own root at that position.
///
/// # Errors
/// [`ProofError::Log`](crate::ProofError::Log) where the log cannot be read.
pub async fn of_tree(certificate: &Certificate, log: &Log) -> Result<Option<Mismatch>, ReadError> {
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
pub fn of_rows(certificate: &Certificate, found: &Content) -> Option<Mismatch> {
    let nothing = TableDigest::default();
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

/// What is wrong with a file, if that is why it could not be read.
pub fn damage(error: &TableError) -> Option<String> {
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

/// What is wrong with a file, if that is why it does not open.
pub fn damage_of(error: StoreError) -> Result<String, StoreError> {
    match error {
        StoreError::Damaged(reason) => Ok(reason),
        // A file without a certificate.
        StoreError::Database(sqlx::Error::RowNotFound) => Ok("it has no certificate".to_owned()),
        StoreError::Database(error) => {
            let error = TableError::from(error);
            damage(&error).ok_or(StoreError::Table(error))
        }
        StoreError::Table(error) => damage(&error).ok_or(StoreError::Table(error)),
        error @ (StoreError::Folder(_) | StoreError::Log(_) | StoreError::Index(_)) => Err(error),
    }
}
