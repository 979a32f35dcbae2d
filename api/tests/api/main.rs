//! The reading routes over a real log and real views, in process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod access;
mod accesses;
mod audit;
mod block;
mod document;
mod evidence;
mod freshness;
mod house;
mod log;
mod matches;
mod past;
mod reading;
mod search;
mod story;
mod stream;
