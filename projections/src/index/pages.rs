//! The rows that the index takes up, in the order in which they were changed.

use meguri_log::Position;
use sqlx::{Sqlite, Transaction};

use crate::{
    cell::Column as _,
    row::{TableError, select},
    views::posts::Post,
};

/// Rows that are taken up at once.
const ROWS_AT_ONCE: u32 = 500;

/// Posts in the order in which they were changed, some at a time.
pub(super) struct Pages {
    last: (Position, String),
}

impl Pages {
    /// Those that were changed after a position.
    pub(super) fn after(position: Position) -> Self {
        // No id is greater than this: what was changed there comes not again.
        let last = (position, "\u{10ffff}".to_owned());
        Self { last }
    }

    /// The next of them; none at the end.
    pub(super) async fn next(
        &mut self,
        moment: &mut Transaction<'static, Sqlite>,
    ) -> Result<Option<Vec<Post>>, TableError> {
        let rest = "where (changed, id) > (?, ?) order by changed, id limit ?";
        let (changed, id) = &self.last;
        let cells = vec![changed.to_cell(), id.to_cell(), ROWS_AT_ONCE.to_cell()];
        let posts: Vec<Post> = select(&mut **moment, rest, cells).await?;
        let Some(last) = posts.last() else {
            return Ok(None);
        };
        self.last = (last.changed, last.id.to_string());
        Ok(Some(posts))
    }
}
