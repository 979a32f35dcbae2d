//! The engine of views: it folds a log into files that can be proven, whatever the facts are and
//! whatever the views make of them.
//!
//! A view is a pure fold of events into rows. Each view is a SQLite file of its own, which holds
//! the position up to which it has consumed the log and moves it in the transaction that writes
//! its rows: exactly once across any crash. Nothing here needs a backup or a migration: delete a
//! folder and it grows back.
//!
//! A product says what its [`Facts`] are and declares its [`View`]s; [`Views`] runs them, and
//! [`control`] lets another process ask the one that owns them.
//!
//! The folders import each other in this order only: `folding` (what a view is, and how events
//! become rows), `files` (one view as a file, and what proves it), `running` (what keeps files up
//! to date), `past`, then `views`, the handle of all of them, and what is asked of it. What is
//! hidden here is for the tests of the views alone.

#[doc(hidden)]
pub mod comparing;
pub mod control;
mod erasures;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod folding;
mod past;
mod prepare;
mod reading;
#[doc(hidden)]
pub mod running;
mod set;
mod settings;
mod snapshot;
mod views;

pub use comparing::{
    bisect::{Bisected, Other},
    certified::Certified,
    inspect::{InspectError, Proven},
    trace::{EventAt, TracedRow},
    verify::Verified,
};
#[cfg(feature = "simulation")]
pub use files::commits::{BeforeCommit, forget_commits, hear_commits};
pub use files::{
    changes::Diff,
    compare::{Fields, RowDiff, TableDiff},
    error::{IndexTrouble, OpenViewsError, ProofError, StoreError},
    mismatch::Mismatch,
    parked::{OnPoison, ParkedStream},
};
pub use folding::{
    cell::{Cell, CellError},
    decode::Decoded,
    erasure::{Erasable, Erasure},
    facts::{Deletion, Fact, Facts},
    kinds::{Kind, Kinds, Reach, TYPES_MAX, Types},
    row::{Row, TableError, list, select},
    search::{IndexSource, IndexedRow, Words},
    table::{AnyRows, FoldError, Rows},
    view::{Searched, View},
};
pub use past::{AsOf, BadAsOf, BuiltPast, Past, PastError};
pub use prepare::{PrepareError, Prepared};
pub use reading::{ReadViewError, ViewReader};
pub use running::{
    error::{RebuildError, ShadowError},
    progress::Progress,
    status::{BuildPhase, BuildStatus, Tokenizer, ViewState, ViewStatus},
    worker_command::RebuildStep,
};
pub use set::ViewSet;
pub use settings::{PastBounds, ViewSettings};
pub use snapshot::{ExportError, ImportError, ViewCopy};
pub use views::{Views, WaitError};
