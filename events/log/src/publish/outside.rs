//! What keeps the last checkpoint apart from the database, each note replaced as a whole: a file
//! beside the log, and files and keepers elsewhere that no restored backup brings back.

use std::{
    fmt,
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use super::{PublishOptions, refusal::KeptIn};
use crate::waiting::off_the_runtime;

/// How long another process may sign while this one waits.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often one looks whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Something elsewhere that keeps the last checkpoint and is no file of this machine, such as a
/// bucket. Every call is bounded in time.
#[async_trait]
pub trait CheckpointKeeper: Send + Sync + fmt::Debug + 'static {
    /// Where it keeps it, for people.
    fn address(&self) -> String;

    /// Whether it is known to refuse a note that would replace another one than was read: then
    /// copies of a log that share it never sign two trees of one size. Known once it was read.
    fn is_guarded(&self) -> bool;

    /// The note that it keeps; none where there is none yet.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    async fn read(&self) -> Result<Option<Vec<u8>>, String>;

    /// Replaces the note that was read or written last by this one.
    ///
    /// # Errors
    /// Why it is not kept, in words: also because somebody else has replaced that note since.
    async fn write(&self, note: &str) -> Result<(), String>;
}

/// The last checkpoint outside of the database.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    beside: PathBuf,
    elsewhere: Vec<PathBuf>,
    keepers: Vec<Arc<dyn CheckpointKeeper>>,
}

/// The right to sign what the files elsewhere will hold: two copies of a log that share such a file
/// sign one after the other, and the second one sees what the first has signed.
#[derive(Debug)]
pub(super) struct SigningTurn {
    _locks: Vec<File>,
}

impl Outside {
    pub(super) fn new(options: &PublishOptions) -> Self {
        Self {
            beside: options.outside.clone(),
            elsewhere: options.elsewhere.clone(),
            keepers: options.keepers.clone(),
        }
    }

    /// Whether there is a note anywhere.
    pub(super) async fn is_anywhere(&self) -> Result<bool, String> {
        if self.paths().iter().any(|path| path.exists()) {
            return Ok(true);
        }
        for keeper in &self.keepers {
            if keeper.read().await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What each of them holds, if it is there.
    pub(super) async fn read(&self) -> Result<Vec<(KeptIn, Option<Vec<u8>>)>, String> {
        let paths = self.paths();
        let reading = off_the_runtime(move || {
            let read = paths.into_iter().map(|path| match fs::read(&path) {
                Ok(note) => Ok((KeptIn::File(path), Some(note))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok((KeptIn::File(path), None)),
                Err(error) => Err(told(&path, &error)),
            });
            read.collect()
        });
        let read: Result<Vec<_>, String> = reading.await.map_err(|error| error.to_string())?;
        let mut found = read?;
        for keeper in &self.keepers {
            let note = keeper.read().await?;
            found.push((KeptIn::Elsewhere(keeper.address()), note));
        }
        Ok(found)
    }

    /// Replaces the note everywhere, so that after a crash there is the old one or the new one.
    pub(super) async fn write(&self, note: &str) -> Result<(), String> {
        for keeper in &self.keepers {
            keeper.write(note).await?;
        }
        let (paths, note) = (self.paths(), note.to_owned());
        // Done to its end even where nobody waits for it any more.
        let written = off_the_runtime(move || {
            // Elsewhere first: what is beside the log never knows more than those.
            for path in paths.iter().rev() {
                replace(path, note.as_bytes()).map_err(|error| told(path, &error))?;
            }
            Ok(())
        });
        written.await.map_err(|error| error.to_string())?
    }

    /// Waits until no other copy of the log signs.
    pub(super) async fn turn(&self) -> Result<SigningTurn, String> {
        let mut locks = Vec::new();
        for path in &self.elsewhere {
            let path = lock_path(path);
            let mut options = File::options();
            let options = options.write(true).create(true).truncate(false);
            let lock = options.open(&path).map_err(|error| told(&path, &error))?;
            let begun = tokio::time::Instant::now();
            loop {
                match lock.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::WouldBlock) if begun.elapsed() < TURN_WAIT_MAX => {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    Err(TryLockError::WouldBlock) => {
                        return Err(format!("{}: another process holds it", path.display()));
                    }
                    Err(TryLockError::Error(error)) => return Err(told(&path, &error)),
                }
            }
            locks.push(lock);
        }
        Ok(SigningTurn { _locks: locks })
    }

    fn paths(&self) -> Vec<PathBuf> {
        let elsewhere = self.elsewhere.iter().cloned();
        std::iter::once(self.beside.clone())
            .chain(elsewhere)
            .collect()
    }
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The file that is locked while another one is read and written.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Replaces a file as a whole, durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |_| Ok(bytes.to_vec()))
}

/// As [`replace`], where what is written depends on the file that it is written into.
pub(super) fn replace_with(
    path: &Path,
    bytes: impl FnOnce(&fs::Metadata) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    // By its process: two that start at once do not write into one file.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = File::create(&beside)?;
    let bytes = bytes(&file.metadata()?)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
