//! Whether a file is as this process left it: somebody else's hand in it is noticed before anything
//! is read, at the cost of looking at its size and time.
//!
//! It is no proof. What turns by itself on a disk changes no time; that is found by who reads the
//! file from end to end ([`crate::running::checking`]).

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::files::note;

/// The note beside the database that says how the files were left.
const LEFT: &str = "left";

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    written: i128,
    inode: u64,
}

impl Stamp {
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let nanos = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        Ok(Self {
            bytes: found.len(),
            written: nanos,
            inode: found.ino(),
        })
    }

    pub fn is_shorter_than(&self, other: &Self) -> bool {
        self.bytes < other.bytes
    }
}

/// A file that this process alone writes.
#[derive(Debug)]
pub struct Seal {
    path: PathBuf,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    /// How the file was when it was last ours alone.
    stamp: Option<Stamp>,
    /// How many of us write to it now.
    writers: u32,
}

/// Writes to the file; what it changes is ours.
#[derive(Debug)]
pub struct Writing<'a>(&'a Seal);

impl Seal {
    pub fn new(path: PathBuf) -> Self {
        let noted = Mutex::default();
        Self { path, noted }
    }

    /// From now on the file is watched, as it is.
    pub fn put(&self) {
        self.noted().stamp = Stamp::of(&self.path).ok();
    }

    /// Until this is dropped, changes of the file are our own.
    pub fn writing(&self) -> Writing<'_> {
        self.noted().writers += 1;
        Writing(self)
    }

    /// Whether nobody else has written to the file, as far as can be seen from outside.
    pub fn is_whole(&self) -> bool {
        let noted = self.noted();
        let Some(stamp) = noted.stamp.filter(|_| noted.writers == 0) else {
            return true;
        };
        match Stamp::of(&self.path) {
            Ok(now) => now == stamp,
            // What is open is still what it was.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Whether another file is in the place of the one that is open.
    pub fn is_another(&self) -> bool {
        let was = self.noted().stamp.map(|stamp| stamp.inode);
        let now = Stamp::of(&self.path).ok().map(|stamp| stamp.inode);
        was.is_some() && was != now
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut noted = self.0.noted();
        noted.writers -= 1;
        if noted.stamp.is_some() {
            noted.stamp = Stamp::of(&self.0.path).ok();
        }
    }
}

/// All files of a folder at rest, by their paths in it.
type Left = BTreeMap<String, Stamp>;

/// Writes down how the files in this folder are left, so that the next who opens them need not
/// read them from end to end.
pub fn leave(folder: &Path) -> io::Result<()> {
    let text = serde_json::to_string(&files(folder)?)?;
    note::keep(&folder.join(LEFT), &text)
}

/// Whether the files in this folder are as they were left. The note is used up.
pub fn is_as_left(folder: &Path) -> bool {
    let path = folder.join(LEFT);
    let left = note::kept(&path).and_then(|text| serde_json::from_str::<Left>(&text).ok());
    // What is opened is written to: what was said holds no longer.
    let gone = fs::remove_file(&path);
    gone.is_ok() && left.is_some() && left == files(folder).ok()
}

fn files(folder: &Path) -> io::Result<Left> {
    let (mut found, mut open) = (Left::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path);
            let (name, stamp) = (name.to_string_lossy().into_owned(), Stamp::of(&path)?);
            // Whoever closes the database last may leave them empty, or not at all.
            let passes = name.ends_with("-shm") || (name.ends_with("-wal") && stamp.bytes == 0);
            if name != LEFT && !passes {
                found.insert(name, stamp);
            }
        }
    }
    Ok(found)
}
