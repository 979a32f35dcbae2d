//! The log of several processes under faults that are real, and the check of what it did.
//!
//! [`Fleet`] runs processes of writers, each of which records what it asks and what it is answered
//! ([`load`]); a test makes the faults, a [`Proxy`] some of them; [`judge()`] holds everything that
//! was recorded against the log.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has to stop"
)]

mod chance;
mod fleet;
pub mod high_availability;
mod judge;
pub mod load;
mod proxy;
mod record;

pub use chance::Chance;
pub use fleet::Fleet;
pub use judge::{judge, unknown};
pub use proxy::{Counts, Proxy};
