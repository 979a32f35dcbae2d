//! The views: built from the log, thrown away and rebuilt.
//!
//! A view is a pure fold of events into rows. Each view is a SQLite file of its own, which holds
//! the position up to which it has consumed the log and moves it in the transaction that writes
//! its rows: exactly once across any crash. Nothing here needs a backup or a migration: delete a
//! folder and it grows back.
//!
//! [`Views`] runs all of them and answers typed queries; [`control`] lets another process ask the
//! one that owns them.

pub mod control;
pub mod views;

mod arrival;
mod ask;
mod bisect;
mod cell;
mod certificate;
mod certified;
mod changes;
mod checking;
mod checkpoint;
#[cfg(feature = "simulation")]
mod commits;
mod compare;
mod decode;
mod diff;
mod digest;
mod erasures;
mod error;
mod feed;
mod folding;
mod index;
mod inspect;
mod integrity;
mod kinds;
mod lock;
mod mark;
mod moment;
mod note;
mod opening;
mod outcome;
mod pace;
mod page;
mod pair;
mod parked;
mod past;
mod patience;
mod prepare;
mod proof;
mod read;
mod rebuilds;
mod redactions;
mod rescan;
mod row;
mod schema;
mod seal;
mod set;
mod settings;
mod shadow;
mod shelf;
mod slot;
mod snapshot;
mod store;
mod table;
mod throttle;
mod trace;
mod verify;
mod view;
mod worker;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use ask::RebuildStep;
pub use bisect::{Bisected, Other};
pub use cell::{CellError, Json};
pub use certified::Certified;
#[cfg(feature = "simulation")]
pub use commits::{BeforeCommit, forget_commits, hear_commits};
pub use compare::{Fields, RowDiff, TableDiff};
pub use diff::Diff;
pub use error::StoreError;
pub use inspect::{InspectError, Proven};
pub use moment::Moment;
pub use pace::Pace;
pub use page::{BadCursor, Cursor, PAGE_ITEMS_MAX, Page};
pub use parked::{OnPoison, ParkedStream};
pub use past::{AsOf, BadAsOf, BuiltPast, Past, PastError};
pub use prepare::{PrepareError, Prepared};
pub use proof::{Mismatch, ProofError};
pub use read::QueryError;
pub use row::TableError;
pub use set::ViewSet;
pub use settings::{PastBounds, ViewSettings};
pub use shadow::ShadowError;
pub use slot::{BuildPhase, BuildStatus, TextCut, ViewState, ViewStatus};
pub use snapshot::{ExportError, ImportError, Snapshot};
pub use trace::{EventAt, TracedRow};
pub use verify::Verified;
pub use views::{OpenViewsError, RebuildError, Views, WaitError};
