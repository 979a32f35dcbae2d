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

mod cell;
mod decode;
mod feed;
mod folding;
mod page;
mod patience;
mod read;
mod row;
mod shelf;
mod slot;
mod store;
mod table;
mod view;
mod worker;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use cell::{CellError, Json};
pub use page::{BadCursor, Cursor, PAGE_ITEMS_MAX, Page};
pub use read::QueryError;
pub use row::TableError;
pub use slot::{ViewState, ViewStatus};
pub use store::StoreError;
pub use views::{OpenViewsError, RebuildError, ViewSettings, Views, WaitError};
pub use worker::RebuildStep;
