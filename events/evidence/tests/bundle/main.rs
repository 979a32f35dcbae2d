//! What a bundle proves, and what it does not: each tampering is found by both programs, with the
//! same words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod both;
mod bounds;
mod canonical;
mod exported;
mod packing;
mod published;
mod readers;
mod scene;
mod sound;
mod tampering;
mod words;
