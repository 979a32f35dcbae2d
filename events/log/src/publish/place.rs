//! Where a log is, written down beside it: a copy of it, or one that was restored, finds there
//! where the first one was, and does not sign before it is known that the first has signed nothing
//! since.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    PublishOptions,
    outside::{CheckpointKeeper, lock_path, replace_with},
};
use crate::{log::Log, store::StoreError, waiting::off_the_runtime};

/// Where the number of this machine is.
const MACHINE_ID: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// Bytes of its digest that are written down: the number itself is meant for nobody else.
const HOST_BYTES: usize = 8;

/// Where the database of a log is, as its backend sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatabasePlace {
    /// What a copy of the database does not share with it.
    pub(crate) identity: String,
    /// How it is reached.
    pub(crate) address: String,
    /// Whether processes in other folders have the same database.
    pub(crate) is_shared: bool,
}

/// What is written down in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    /// The machine, if it has a number.
    host: Option<String>,
    folder: PathBuf,
    log: String,
    /// The file itself: one that was put back over it has the numbers of another one.
    inode: Option<u64>,
    born: Option<u64>,
    /// The last note that was signed when it was written: an older log that is put back beside it
    /// is found out by it.
    #[serde(default)]
    last: Option<String>,
    /// What guarded each signature elsewhere, a locked file or a keeper: a copy that has the same
    /// sees what the other signs.
    #[serde(default)]
    elsewhere: Vec<String>,
}

/// Is the log where it was?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody has copied, moved or restored it.
    Unchanged,
    /// Somebody has, or it cannot be told.
    Moved {
        /// Where it was, if that is known.
        was: Option<String>,
        /// Where it is.
        is: String,
        /// Whether the same files and keepers elsewhere guard it that guarded it there.
        shares_files: bool,
    },
}

/// The file that says where a log is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    locks: Vec<PathBuf>,
    keepers: Vec<Arc<dyn CheckpointKeeper>>,
}

impl Place {
    /// The file, and what else is guarded elsewhere.
    pub(super) fn new(options: &PublishOptions) -> Self {
        let locks = options.elsewhere.iter().map(|path| lock_path(path));
        Self {
            path: options.place.clone(),
            locks: locks.collect(),
            keepers: options.keepers.clone(),
        }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether the database is where its log was made.
    pub(super) async fn is_that_of(&self, log: &Log) -> Result<bool, StoreError> {
        let kept = log.published().kept_place().await?;
        Ok(kept == Some(log.published().place().await?.identity))
    }

    /// Compares where the log is with what is written down of that, in the file and the database.
    pub(super) async fn standing(&self, log: &Log) -> Result<Standing, String> {
        let failed = |error: StoreError| error.to_string();
        let database = log.published().place().await.map_err(failed)?;
        let kept = log.published().kept_place().await.map_err(failed)?;
        let said = |error: io::Error| format!("{}: {error}", self.path.display());
        let (written, own) = self.read().map_err(said)?;
        let last = written.as_ref().and_then(|written| written.last.clone());
        let mut is = self.written(&database, own.as_ref(), last).map_err(said)?;
        let locked = written.as_ref().map(|was| was.elsewhere.clone());
        let locked = locked.unwrap_or_default();
        let shares_files = !locked.is_empty() && locked == is.elsewhere;
        // Others may be named at any time.
        is.elsewhere = locked;
        let in_database = kept.as_deref() == Some(&database.identity);
        let in_file = match &written {
            // Whoever has the same database may have any folder.
            Some(written) if database.is_shared => written.log == is.log,
            None if database.is_shared => true,
            written => written.as_ref() == Some(&is),
        };
        if in_database && in_file {
            return Ok(Standing::Unchanged);
        }
        let was = written.map(|was| was.to_string());
        Ok(Standing::Moved {
            was: was.or(kept),
            is: is.to_string(),
            shares_files,
        })
    }

    /// The last note that was signed when it was written down where the log is, and the file that
    /// holds it.
    pub(super) fn last(&self) -> Result<Option<(PathBuf, String)>, String> {
        let read = self.read();
        let (written, _) = read.map_err(|error| format!("{}: {error}", self.path.display()))?;
        let last = written.and_then(|written| written.last);
        Ok(last.map(|last| (self.path.clone(), last)))
    }

    /// Writes down where the log is now, and what was signed of it last.
    pub(super) async fn write(&self, log: &Log, last: Option<String>) -> Result<(), String> {
        let failed = |error: StoreError| error.to_string();
        let database = log.published().place().await.map_err(failed)?;
        let kept = log.published().kept_place().await.map_err(failed)?;
        if kept.as_deref() != Some(&database.identity) {
            let keeping = log.published().keep_place(&database.identity).await;
            keeping.map_err(failed)?;
        }
        let this = self.clone();
        let written = off_the_runtime(move || this.replace(&database, last));
        let written = written.await.map_err(|error| error.to_string())?;
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn replace(&self, database: &DatabasePlace, last: Option<String>) -> io::Result<()> {
        replace_with(&self.path, |own| {
            let written = self.written(database, Some(own), last)?;
            serde_json::to_vec(&written).map_err(io::Error::other)
        })
    }

    /// Whatever guards each signature elsewhere.
    fn guards(&self) -> Vec<String> {
        let files = self.locks.iter().filter_map(|path| identity(path));
        let keepers = self.keepers.iter().filter(|keeper| keeper.is_guarded());
        files
            .chain(keepers.map(|keeper| keeper.address()))
            .collect()
    }

    /// What there is, with the file that it was read from.
    fn read(&self) -> io::Result<(Option<Written>, Option<fs::Metadata>)> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, None)),
            Err(error) => return Err(error),
        };
        // One that cannot be read says nothing.
        let written = serde_json::from_slice(&text).ok();
        Ok((written, Some(fs::metadata(&self.path)?)))
    }

    fn written(
        &self,
        database: &DatabasePlace,
        own: Option<&fs::Metadata>,
        last: Option<String>,
    ) -> io::Result<Written> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Ok(Written {
            host: host(),
            folder: folder.canonicalize()?,
            log: database.address.clone(),
            inode: own.and_then(inode),
            born: own.and_then(born),
            last,
            elsewhere: self.guards(),
        })
    }
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.as_deref().unwrap_or("unknown");
        let (log, folder) = (&self.log, self.folder.display());
        write!(f, "{log}, used from {folder} on the machine {host}")
    }
}

/// A file that is there, by its path, its number on the disk and the machine.
fn identity(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let inode = inode(&fs::metadata(&path).ok()?)?;
    let (path, host) = (path.display(), host().unwrap_or_default());
    Some(format!("{path}, file {inode} on the machine {host}"))
}

/// The number of this machine, in short.
pub(crate) fn host() -> Option<String> {
    let mut read = MACHINE_ID.iter().filter_map(|path| fs::read(path).ok());
    let number = read.find(|number| !number.trim_ascii().is_empty())?;
    let digest = Sha256::new()
        .chain_update(b"meguri host\n")
        .chain_update(number.trim_ascii())
        .finalize();
    Some(hex::encode(&digest[..HOST_BYTES]))
}

/// The number of a file on its disk.
pub(crate) fn inode(file: &fs::Metadata) -> Option<u64> {
    #[cfg(unix)]
    let inode = Some(std::os::unix::fs::MetadataExt::ino(file));
    #[cfg(not(unix))]
    let inode = None;
    inode
}

/// When a file was made, in microseconds since 1970, where the disk tells that.
fn born(file: &fs::Metadata) -> Option<u64> {
    let born = file.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(born.as_micros()).ok()
}
