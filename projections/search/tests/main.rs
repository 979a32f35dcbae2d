//! What the index promises to whoever keeps the documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod documents;
mod filters;
mod index;
mod ipadic;
mod purge;
mod retrieval;
mod words;
