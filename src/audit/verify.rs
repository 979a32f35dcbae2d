//! `meguri audit verify`: a bundle of evidence, or a published log, checked without any database.

mod exported;
mod files;
mod published;

use std::io::Write;
use std::path::Path;

use meguri_evidence::{
    BUNDLE_BYTES_MAX, Expected, Report, SUMS, Verdict, verify_beside, verify_zip,
};
use meguri_proofs::VerifierKey;

use crate::command_line::VerifyArgs;
use crate::failure::{Failure, to_stdout};
use published::Place;

/// The longest file with a key, in bytes.
const KEY_BYTES_MAX: usize = 64 << 10;

/// Says what was found, and fails unless all is sound.
pub(super) async fn run(args: &VerifyArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let key = args.key.as_deref().map(key).transpose()?;
    let report = look(args, key.as_ref()).await?;
    write!(out, "{report}").map_err(to_stdout)?;
    match report.verdict() {
        Verdict::Sound => Ok(()),
        verdict @ (Verdict::Findings | Verdict::CannotTell) => Err(Failure::NotSound(verdict)),
    }
}

/// The key that was given, or that is in the file that was given.
fn key(given: &str) -> Result<VerifierKey, Failure> {
    let text = match files::plain(Path::new(given), KEY_BYTES_MAX) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => given.to_owned(),
    };
    text.trim().parse().map_err(Failure::Key)
}

async fn look(args: &VerifyArgs, key: Option<&VerifierKey>) -> Result<Report, Failure> {
    let what = args.what.as_str();
    if what.starts_with("http://") || what.starts_with("https://") {
        return published::check(Place::http(what)?, key).await;
    }
    let path = Path::new(what);
    let has = |name: &str| path.join(name).exists();
    let is_bundle = has(SUMS) || has("verify.py");
    if path.is_dir() && has("checkpoint") && !is_bundle {
        return published::check(Place::Folder(path.to_owned()), key).await;
    }
    if !path.is_dir() {
        match exported::check(path, key) {
            Ok(None) => {}
            Ok(Some(report)) => return Ok(report),
            Err(error) => return Ok(Report::unreadable(error)),
        }
    }
    let stream = args.of.as_deref();
    let expected = Expected { key, stream };
    let report = if path.is_dir() {
        let read = files::folder(path);
        read.map(|(files, others)| verify_beside(&files, others, expected))
    } else {
        let read = files::plain(path, BUNDLE_BYTES_MAX);
        read.map(|zip| verify_zip(&zip, expected))
    };
    Ok(report.unwrap_or_else(Report::unreadable))
}
