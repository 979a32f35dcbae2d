//! The write side as its users see it: over HTTP, by its methods, and through crashes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[macro_use]
mod support;

mod api;
mod block;
mod concurrency;
mod credentials;
mod description;
mod erasure;
mod guessing;
mod matching;
mod member;
mod outage;
mod policies;
mod redaction;
mod refusals;
mod registration;
mod repeats;
mod vocabulary;
