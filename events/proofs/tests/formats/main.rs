//! What anyone may expect of the log's tree, its proofs and its signatures, as sentences.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod building;
mod bundles;
mod checkpoints;
mod consistency;
mod cosignatures;
mod entries;
mod inclusion;
mod keys;
mod notes;
mod oracle;
mod paths;
mod roots;
mod tiles;
mod witnesses;
