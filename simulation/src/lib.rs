//! A deterministic simulation of the log and of what follows it, and the check of what they did.

pub mod history;
pub mod publisher;
pub mod views;
