//! Every rule of mutual help, as sentences. The end of a test's name is the number of its rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod blocking;
mod claims;
mod completing;
mod coverage;
mod evaluating;
mod folds;
mod histories;
mod leaving;
mod matching;
mod members;
mod negotiating;
mod neutral;
mod opening;
mod policies;
mod posts;
mod random_commands;
mod refusals;
mod scenario;
mod scene;
mod texts;
mod thanking;
mod vocabulary;
