//! Evidence: what one stream of an append-only log says, for anyone to check who has the log's key.
#![doc = include_str!("../README.md")]

mod bundle;
mod event;
mod exported;
mod files;
mod finding;
mod form;
mod json;
mod names;
mod published;
mod readme;
mod relation;
mod verify;
mod zip;

pub use bundle::{Disclosed, Evidence, Kept, Proven};
pub use event::ErasedKeys;
pub use exported::{ExportCheck, Exported, LINE_BYTES_MAX, first_line};
pub use files::{BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, ERASURES_MAX, Files, NotABundle};
pub use finding::{Code, Finding, Report, Told, Verdict};
pub use names::{FOLDERS, SUMS};
pub use published::Check;
pub use verify::{Expected, verify, verify_beside, verify_zip};
pub use zip::{Packer, Zip};

/// The program inside every bundle that checks it: Python's standard library and `openssl` only.
pub const VERIFY_PY: &str = include_str!("verify.py");
