//! The views: built from the log, thrown away and rebuilt.
//!
//! A view is a pure fold of events into rows. Each view is a SQLite file of its own, which holds
//! the position up to which it has consumed the log and moves it in the transaction that writes
//! its rows: exactly once across any crash. Nothing here needs a backup or a migration: delete a
//! folder and it grows back.
//!
//! [`Views`] runs all of them and answers typed queries; [`control`] lets another process ask the
//! one that owns them.

mod engine;
pub mod views;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

#[cfg(feature = "simulation")]
pub use engine::files::commits::{BeforeCommit, forget_commits, hear_commits};
pub use engine::{
    comparing::{
        bisect::{Bisected, Other},
        certified::Certified,
        inspect::{InspectError, Proven},
        trace::{EventAt, TracedRow},
        verify::Verified,
    },
    control,
    files::{
        changes::Diff,
        compare::{Fields, RowDiff, TableDiff},
        error::{OpenViewsError, ProofError, StoreError},
        mismatch::Mismatch,
        parked::{OnPoison, ParkedStream},
    },
    folding::{
        cell::{CellError, Json},
        row::TableError,
    },
    past::{AsOf, BadAsOf, BuiltPast, Past, PastError},
    prepare::{PrepareError, Prepared},
    reading::QueryError,
    running::{
        error::{RebuildError, ShadowError},
        progress::Progress,
        status::{BuildPhase, BuildStatus, TextCut, ViewState, ViewStatus},
        worker_command::RebuildStep,
    },
    set::ViewSet,
    settings::{PastBounds, ViewSettings},
    snapshot::{ExportError, ImportError, Snapshot},
    views::{Views, WaitError},
};
pub use views::{BadCursor, Cursor, Moment, PAGE_ITEMS_MAX, Page};
