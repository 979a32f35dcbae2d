//! Starting a fold, and whether it passes over what rests on redacted events.

use super::ViewFile;
use crate::view::AnyFold;

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
        if self.passes_over {
            fold.pass_over();
        }
        fold
    }

    /// Whether events are passed over that rest on what was redacted.
    pub(crate) fn passes_over(&self) -> bool {
        self.passes_over
    }

    /// Passes over events that rest on what was redacted, from now on.
    pub(crate) fn pass_over(&mut self) {
        self.passes_over = true;
        self.fold.pass_over();
    }
}
