//! The catalog as others see it: fixtures of every event, its description, its edges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod codes;
mod description;
mod edges;
mod fixtures;
mod samples;
