//! Starting a fold that passes over what rests on redacted events.

use std::sync::Arc;

use super::ViewFile;
use crate::folding::{redactions::Redactions, view::AnyFold};

/// Rows of a table that stay in memory from one transaction to the next while a file is built.
const ROWS_KEPT_BUILDING: usize = 25_000;

/// The same while it follows the log.
const ROWS_KEPT_FOLLOWING: usize = 1_000;

impl ViewFile {
    /// A fold that has nothing in memory.
    pub(super) fn start(&self) -> Box<dyn AnyFold> {
        let mut fold = self.view.start(if self.built {
            ROWS_KEPT_FOLLOWING
        } else {
            ROWS_KEPT_BUILDING
        });
        fold.pass_over(Arc::clone(&self.redactions));
        fold
    }

    /// Passes over events, from now on, that find no row where these explain it.
    pub fn pass_over(&mut self, redactions: Redactions) {
        self.redactions = Arc::new(redactions);
        self.fold.pass_over(Arc::clone(&self.redactions));
    }
}
