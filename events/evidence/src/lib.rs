//! Evidence: what one stream of an append-only log says, for anyone to check who has the log's key.
#![doc = include_str!("../README.md")]

mod bundle;
mod event;
mod files;
mod finding;
mod form;
mod names;
mod published;
mod readme;
mod relation;
mod verify;

pub use bundle::{Disclosed, Evidence, Kept, Proven};
pub use event::erases;
pub use files::{BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, Files, NotABundle};
pub use finding::{Code, Finding, Report, Told, Verdict};
pub use names::SUMS;
pub use published::Check;
pub use verify::{Expected, verify};

/// The program inside every bundle that checks it: Python's standard library and `openssl` only.
pub const VERIFY_PY: &str = include_str!("verify.py");
