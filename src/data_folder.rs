//! Whether the data folder is still where it was when the server began: what is written by its path
//! would otherwise be written beside another log, or where nothing belongs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_supervision::beat_within;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The loop that looks is heard of within this time.
const HEARD_WITHIN: Duration = Duration::from_mins(1);

/// The folder is not where it was.
#[derive(Debug, thiserror::Error)]
#[error(
    "the data folder {} was moved away or replaced: start again with `--data` where it is now",
    .0.display()
)]
pub(crate) struct Moved(PathBuf);

/// A folder that was found at a path.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    known: (u64, u64),
}

impl DataFolder {
    /// The one at this path.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        // A working directory that is left does not change what is meant.
        let path = std::path::absolute(path)?;
        let known = number(&fs::metadata(&path)?);
        Ok(Self { path, known })
    }

    fn is_elsewhere(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(found) => number(&found) != self.known,
            // What else stands in the way of a look is no move.
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Looks until it is told to stop.
    ///
    /// # Errors
    /// [`Moved`]: nothing more may be written by its path.
    pub(crate) async fn watch(self, stop: CancellationToken) -> Result<(), Moved> {
        loop {
            beat_within(HEARD_WITHIN);
            let rest = stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY));
            if rest.await.is_none() {
                return Ok(());
            }
            if self.is_elsewhere() {
                return Err(Moved(self.path));
            }
        }
    }
}

fn number(folder: &fs::Metadata) -> (u64, u64) {
    (folder.dev(), folder.ino())
}
