//! A log that was exported with its proofs: checked line by line, however long it is.

use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use meguri_evidence::{ExportCheck, LINE_BYTES_MAX, Report};
use meguri_proofs::VerifierKey;

use super::files;

/// Checks a file whose first byte is that of a line; none where it is something else.
pub(super) fn check(path: &Path, key: Option<&VerifierKey>) -> Result<Option<Report>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let Some(mut file) = files::open(path)? else {
        return Ok(None);
    };
    let mut first = [0];
    if file.read(&mut first).map_err(said)? == 0 || first != *b"{" {
        return Ok(None);
    }
    file.rewind().map_err(said)?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let longest = LINE_BYTES_MAX as u64 + 1;
        let length = (&mut lines).take(longest).read_until(b'\n', line);
        match length.map_err(said)? {
            length if length > LINE_BYTES_MAX => {
                Err(format!("{}: a line is too long", path.display()))
            }
            length => Ok(length > 0),
        }
    };
    next(&mut line)?;
    let mut check = match ExportCheck::begin(&line, key) {
        Ok(check) => check,
        Err(report) => return Ok(Some(*report)),
    };
    while next(&mut line)? {
        check.line(&line);
    }
    Ok(Some(check.finish()))
}
