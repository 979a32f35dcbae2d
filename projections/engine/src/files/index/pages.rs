//! The rows that the index takes up, in the order in which they were changed.

use meguri_log::Position;
use sqlx::SqliteConnection;

use crate::folding::{
    row::TableError,
    search::{IndexSource, IndexedRow},
};

/// Rows that are taken up at once.
const ROWS_AT_ONCE: u32 = 500;

/// Rows in the order in which they were changed, some at a time.
pub(super) struct Pages {
    source: &'static dyn IndexSource,
    last: (Position, String),
}

impl Pages {
    /// Those that were changed after a position.
    pub(super) fn after(position: Position, source: &'static dyn IndexSource) -> Self {
        // No key is greater than this: what was changed there comes not again.
        let last = (position, "\u{10ffff}".to_owned());
        Self { source, last }
    }

    /// The next of them; none at the end.
    pub(super) async fn next(
        &mut self,
        moment: &mut SqliteConnection,
    ) -> Result<Option<Vec<IndexedRow>>, TableError> {
        let (changed, key) = &self.last;
        let place = (*changed, key.as_str());
        let rows = self.source.rows(moment, place, ROWS_AT_ONCE).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.last = (last.changed, last.key.clone());
        Ok(Some(rows))
    }
}
