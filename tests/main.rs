//! The tests of the whole product, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod architecture;
mod browser;
mod exchange;
mod faults;
mod sources;
mod stories;
mod support;
mod tidy;
