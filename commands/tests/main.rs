//! The write side as its users see it: by its methods, and through crashes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod block;
mod concurrency;
mod credentials;
mod erasure;
mod matching;
mod outage;
mod policies;
mod redaction;
mod refusals;
mod registration;
mod repeats;
