//! A database in memory that does to the log what PostgreSQL and SQLite may do to it, as a seed
//! says: answers late or never, loses connections at any statement, applies a commit that nobody
//! waits for any more, and falls back to an older state.
//!
//! Several logs, each that of one process, share a [`Database`]; each has a [`Link`] to it. All of
//! them run on one thread under tokio's paused time, so that nothing is left to chance but what
//! [`Random`] draws: one seed is one run. `meguri-simulation` is what drives it.

mod audit;
mod database;
mod faults;
mod link;
mod open;
mod publish;
mod random;
mod session;
mod store;
mod tables;
mod turn;

pub use database::{Database, Kind, Trace};
pub use faults::Faults;
pub use link::Link;
pub use open::Machine;
pub use random::Random;
pub use tables::REFUSED_TYPE;
