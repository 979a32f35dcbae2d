//! The routes that write, as clients see them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod api;
mod block;
mod credentials;
mod description;
mod erasure;
mod guessing;
mod http;
mod member;
mod registration;
mod vocabulary;
