//! Which folders are being built in: such a folder is nobody else's to remove.

use std::{fs::File, io, path::Path};

/// A file in a folder until it is live, locked by the process that builds.
const BUILDING: &str = "building";

/// Marks a folder as one that is being built in.
pub fn put(folder: &Path) -> io::Result<File> {
    let mark = File::create(folder.join(BUILDING))?;
    // Refused where this process has it already.
    let _ = mark.try_lock();
    Ok(mark)
}

/// Whether a process is building in this folder.
pub fn is_being_built(folder: &Path) -> bool {
    let mark = File::open(folder.join(BUILDING));
    mark.is_ok_and(|mark| mark.try_lock().is_err())
}

/// Whether this folder was begun and is not live yet.
pub fn is_on(folder: &Path) -> bool {
    folder.join(BUILDING).exists()
}

/// Takes the mark away: the folder is live.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(BUILDING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
