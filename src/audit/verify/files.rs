//! Files that a stranger made: only plain ones are read, and no longer than they may be.

use std::collections::BTreeMap;
use std::fs::{DirEntry, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use meguri_evidence::{BUNDLE_FILES_MAX, FOLDERS, Files, NotABundle};
use rustix::fs::OFlags;

/// Reads a plain file of at most so many bytes.
///
/// # Errors
/// What to tell a person.
pub(super) fn plain(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let found = if_there(path, limit)?;
    found.ok_or_else(|| format!("{}: there is no such file", path.display()))
}

/// The same; none where there is no such file.
pub(super) fn if_there(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, String> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| said(path, &error))?;
    if bytes.len() > limit {
        return Err(NotABundle::TooLarge.to_string());
    }
    Ok(Some(bytes))
}

/// Opens a plain file; none where there is no such file.
pub(super) fn open(path: &Path) -> Result<Option<File>, String> {
    // A pipe that nobody writes to would be waited for as it is opened.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(said(path, &error)),
    };
    if file.metadata().is_ok_and(|it| it.is_file()) {
        Ok(Some(file))
    } else {
        Err(format!("{}: this is no plain file", path.display()))
    }
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The files of an unpacked bundle, and the names of what is no plain file, which is not opened.
pub(super) fn folder(root: &Path) -> Result<(Files, Vec<String>), String> {
    let mut entries: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut others = Vec::new();
    let of_bundles = FOLDERS.map(|name| Some(root.join(name)));
    for folder in [None].into_iter().chain(of_bundles) {
        let inner = folder.as_deref().unwrap_or(root);
        if folder.is_some() && !inner.symlink_metadata().is_ok_and(|it| it.is_dir()) {
            continue;
        }
        let said = |error: std::io::Error| format!("{}: {error}", inner.display());
        for entry in std::fs::read_dir(inner).map_err(said)? {
            let entry = entry.map_err(said)?;
            let (kind, name) = (entry.file_type().map_err(said)?, name(root, &entry));
            if kind.is_file() {
                entries.insert(name, entry.path());
            } else if !(kind.is_dir() && FOLDERS.contains(&name.as_str())) {
                others.push(name);
            }
            if entries.len() + others.len() > BUNDLE_FILES_MAX {
                return Err(NotABundle::TooLarge.to_string());
            }
        }
    }
    others.sort();
    let mut files = Files::default();
    for (name, path) in entries {
        let bytes = plain(&path, files.room_for(&name))?;
        files.add(name, bytes).map_err(|error| error.to_string())?;
    }
    Ok((files, others))
}

/// The name of a file in the bundle. What is not UTF-8 in it is shown as such, byte by byte.
fn name(root: &Path, entry: &DirEntry) -> String {
    let path = entry.path();
    let bytes = path.strip_prefix(root).unwrap_or(&path).as_os_str();
    let chunks = bytes.as_bytes().utf8_chunks();
    chunks.fold(String::new(), |name, chunk| {
        let unreadable = "\u{fffd}".repeat(chunk.invalid().len());
        name + chunk.valid() + &unreadable
    })
}
