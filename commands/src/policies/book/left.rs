//! How the book was left: the sum of its file, written down when it is closed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Whether the file is, byte for byte, as it was left. The note is used up: whoever opens the book
/// writes to it.
pub(super) fn is_as_left(book: &Path) -> bool {
    let note = note(book);
    let said = fs::read_to_string(&note).unwrap_or_default();
    let gone = fs::remove_file(&note).is_ok();
    let journal = fs::metadata(beside(book, "-wal")).is_ok_and(|found| found.len() > 0);
    gone && !journal && sum(book).is_some_and(|sum| sum == said.trim())
}

/// Writes it down. Where that fails, the next who opens the book folds it anew.
pub(super) fn leave(book: &Path) {
    // Another process may still have it open.
    let journal = fs::metadata(beside(book, "-wal")).is_ok_and(|found| found.len() > 0);
    if let Some(sum) = sum(book).filter(|_| !journal)
        && let Err(error) = fs::write(note(book), sum)
    {
        tracing::debug!(%error, "the book of the policies is folded anew at the next start");
    }
}

fn sum(book: &Path) -> Option<String> {
    let bytes = fs::read(book).ok()?;
    Some(hex::encode(Sha256::digest(bytes)))
}

fn note(book: &Path) -> PathBuf {
    beside(book, ".left")
}

fn beside(book: &Path, what: &str) -> PathBuf {
    let mut name: OsString = book.as_os_str().to_owned();
    name.push(what);
    PathBuf::from(name)
}
