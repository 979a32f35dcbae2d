//! A deterministic simulation of the log and of what follows it, and the check of what they did.
//!
//! One seed is one world: several processes, each with a log of its own on one database in memory
//! (`meguri_log::simulation`), who uses them, and what befalls them. All of it runs on one thread
//! under paused time, so that a seed gives the same run whenever it is run.

pub mod history;
pub mod publisher;
#[cfg(feature = "views")]
pub mod views;

mod client;
mod clock;
mod follow;
mod machine;
mod plan;
mod recorder;
mod run;
mod trouble;
mod world;

pub use run::{Run, Simulator, Wrong};
