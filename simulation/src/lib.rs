//! A deterministic simulation of the log and of what follows it, and the check of what they did.
//!
//! One seed is one world: several processes, each with a log of its own on one database in memory
//! (`meguri_log::simulation`), who uses them, and what befalls them. The seed also says what runs
//! beside the log ([`WorldKind`]). All of it runs on one thread under paused time, so that a seed
//! gives the same run whenever it is run.

pub mod history;

mod client;
mod clock;
#[cfg(any(feature = "views", feature = "policies"))]
mod encoded;
mod follow;
mod kind;
mod machine;
mod plan;
#[cfg(feature = "policies")]
mod policies;
mod publisher;
mod recorder;
mod run;
mod trouble;
#[cfg(feature = "views")]
mod views;
mod world;

pub use kind::{UnknownKind, WorldKind};
pub use run::{Outcome, Run, Simulator, Wrong};
