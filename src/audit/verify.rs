//! `meguri audit verify`: a bundle of evidence, or a published log, checked without any database.

mod published;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use meguri_evidence::{Expected, Files, Report, SUMS, Verdict, verify};
use meguri_proofs::VerifierKey;

use crate::command_line::VerifyArgs;
use crate::failure::{Failure, to_stdout};
use published::Place;

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
    let text = match std::fs::read_to_string(given) {
        Ok(text) => text,
        Err(_) => given.to_owned(),
    };
    text.trim().parse().map_err(Failure::Key)
}

async fn look(args: &VerifyArgs, key: Option<&VerifierKey>) -> Result<Report, Failure> {
    let what = args.what.as_str();
    if what.starts_with("https://") {
        return Err(Failure::NoTls);
    }
    if what.starts_with("http://") {
        return published::check(Place::http(what)?, key).await;
    }
    let path = Path::new(what);
    let is_log = path.join("checkpoint").exists() && !path.join(SUMS).exists();
    if path.is_dir() && is_log {
        return published::check(Place::Folder(path.to_owned()), key).await;
    }
    let files = if path.is_dir() {
        folder(path)
    } else {
        match std::fs::read(path) {
            Ok(zip) => Files::from_zip(&zip).map_err(|error| error.to_string()),
            Err(error) => Err(format!("{what}: {error}")),
        }
    };
    let stream = args.of.as_deref();
    Ok(match files {
        Ok(files) => verify(&files, Expected { key, stream }),
        Err(error) => Report::unreadable(error),
    })
}

/// The files of an unpacked bundle.
fn folder(root: &Path) -> Result<Files, String> {
    let mut files = Files::default();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let said = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(said)? {
            let path = entry.map_err(said)?.path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
                continue;
            }
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(format!("{}: {error}", path.display())),
            };
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            files.add(name, bytes).map_err(|error| error.to_string())?;
        }
    }
    Ok(files)
}
