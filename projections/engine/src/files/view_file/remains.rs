//! Emptying the journal, and removing from a file what no row has any more but its bytes may.

use std::{sync::Arc, time::Duration};

use meguri_log::answered;

use super::{Indexed, ViewFile};
use crate::files::error::StoreError;

/// How often one tries to empty the journal, and how long one waits for its readers in between.
const JOURNAL_TRIES: u32 = 50;
const JOURNAL_AGAIN: Duration = Duration::from_millis(20);

impl ViewFile {
    /// Whether bytes of what is erased may be left in the file, where no row has them any more.
    pub fn has_remains(&self) -> bool {
        self.erased
    }

    /// Removes what is left of erased rows, from the file and its journal. Readers go on, and while
    /// one of them reads an older moment, it answers false: do it again.
    ///
    /// # Errors
    /// [`StoreError`]; it can be done again.
    pub async fn remove_remains(&mut self) -> Result<bool, StoreError> {
        answered(self.commit()).await?;
        if let Some(Indexed { index, readers }) = self.indexed() {
            index.purge(&readers).await?;
        }
        answered(self.write_anew()).await?;
        let seal = Arc::clone(&self.seal);
        let _ours = seal.writing();
        for _ in 0..JOURNAL_TRIES {
            let emptied = sqlx::query_as("pragma wal_checkpoint(truncate)");
            let emptied = answered(emptied.fetch_one(&mut self.writer)).await?;
            let (busy, _, _): (i64, i64, i64) = emptied;
            if busy == 0 {
                return Ok(true);
            }
            tokio::time::sleep(JOURNAL_AGAIN).await;
        }
        self.erased = true;
        Ok(false)
    }

    /// Writes every page anew: deleted rows leave copies behind where pages were split, which
    /// `secure_delete` does not reach.
    pub(super) async fn write_anew(&mut self) -> Result<(), sqlx::Error> {
        let seal = Arc::clone(&self.seal);
        let _ours = seal.writing();
        sqlx::raw_sql("vacuum").execute(&mut self.writer).await?;
        self.erased = false;
        Ok(())
    }

    /// Brings everything from the journal into the file itself, and the file onto the disk.
    pub async fn flush(&mut self) -> Result<(), sqlx::Error> {
        let seal = Arc::clone(&self.seal);
        let _ours = seal.writing();
        sqlx::query("pragma wal_checkpoint(truncate)")
            .execute(&mut self.writer)
            .await?;
        Ok(())
    }
}
