//! The certificate of a view: of which events its rows were made, and what the rows sum up to.

use meguri_log::{Frontier, Position};
use sqlx::{Row as _, SqliteConnection};

use crate::{
    files::error::StoreError,
    folding::digest::{Content, TableDigest},
};

/// What every file has beside the tables of its view.
pub const SCHEMA: &str = include_str!("certificate.sql");

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The tree of exactly the events that were consumed, in their order. At any position its root
    /// is the log's own root there, or an event was skipped, repeated or changed.
    pub frontier: Frontier,
    /// The sums over the rows.
    pub content: Content,
}

impl Certificate {
    /// Every event up to here was consumed.
    pub fn position(&self) -> Position {
        self.frontier.position()
    }

    /// Reads what a file says, and whether it was built to its end.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where that is no certificate.
    pub async fn read(file: &mut SqliteConnection) -> Result<(Self, bool), StoreError> {
        let row = sqlx::query("select position, frontier, built from certificate")
            .fetch_optional(&mut *file)
            .await?
            .ok_or_else(|| StoreError::Damaged("it has no certificate".to_owned()))?;
        let position: i64 = row.try_get(0)?;
        let frontier: Vec<u8> = row.try_get(1)?;
        let frontier = Frontier::from_bytes(&frontier)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        if u64::try_from(position) != Ok(frontier.size()) {
            let reason = format!(
                "its position is {position}, its tree's is {}",
                frontier.size()
            );
            return Err(StoreError::Damaged(reason));
        }
        let mut content = Content::default();
        let tables = sqlx::query("select table_name, rows, sum from content");
        for table in tables.fetch_all(file).await? {
            let (rows, sum): (i64, Vec<u8>) = (table.try_get(1)?, table.try_get(2)?);
            let sum: [u8; 32] = sum
                .try_into()
                .map_err(|_| StoreError::Damaged("a sum has no 32 bytes".to_owned()))?;
            let digest = TableDigest::from_parts(rows.cast_unsigned(), &sum);
            content.0.insert(table.try_get(0)?, digest);
        }
        Ok((Self { frontier, content }, row.try_get(2)?))
    }

    /// Writes what the file will be when its transaction commits, as far as that is not what it
    /// was before. Answers false, and writes nothing, where the file does not stand where it did:
    /// another one has written to it.
    pub async fn write(
        &self,
        before: &Self,
        file: &mut SqliteConnection,
    ) -> Result<bool, sqlx::Error> {
        let moved = "update certificate set position = ?, frontier = ? where position = ?";
        let moved = sqlx::query(moved)
            .bind(sql(self.position()))
            .bind(self.frontier.to_bytes())
            .bind(sql(before.position()))
            .execute(&mut *file)
            .await?;
        if moved.rows_affected() != 1 {
            return Ok(false);
        }
        for (table, digest) in &self.content.0 {
            if before.content.0.get(table) == Some(digest) {
                continue;
            }
            sqlx::query("insert or replace into content (table_name, rows, sum) values (?, ?, ?)")
                .bind(table)
                .bind(digest.rows.cast_signed())
                .bind(digest.to_bytes().as_slice())
                .execute(&mut *file)
                .await?;
        }
        Ok(true)
    }
}

fn sql(position: Position) -> i64 {
    // Positions stay far below 2^63: each costs a stored event.
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}
