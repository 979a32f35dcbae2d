//! Opening an index: what is there of it is used if it is of these rows, and thrown away if not.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use meguri_log::Position;
use meguri_search::{Analyzer, Index, IndexError};
use serde::{Deserialize, Serialize};

use super::IndexTrouble;
use crate::certificate::Certificate;

/// How often one tries to open what somebody else is just letting go, and how long one waits.
const OPEN_TRIES: u32 = 100;
const OPEN_AGAIN: Duration = Duration::from_millis(50);

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// That of the view.
    pub(super) fingerprint: String,
    /// It holds exactly the open posts of the rows as of here.
    pub(super) position: Position,
    /// Root of the tree that the rows had consumed there, base64.
    pub(super) root: String,
}

/// What it takes to open an index.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) folder: PathBuf,
    pub(super) fingerprint: String,
    pub(super) analyzer: Analyzer,
    pub(super) rows: Certificate,
}

impl Opening {
    /// The index, and its position if it is of these rows; an empty one otherwise.
    ///
    /// # Errors
    /// [`IndexTrouble`] where the folder cannot be used, or somebody else does not let go of it.
    pub(super) async fn open(&self) -> Result<(Index, Option<Position>), IndexTrouble> {
        let mut tries = 1;
        loop {
            let opening = self.clone();
            let opened = tokio::task::spawn_blocking(move || opening.open_or_make()).await;
            match opened.map_err(|error| IndexTrouble::BrokenOff(error.to_string()))? {
                Err(IndexTrouble::Index(IndexError::InUse { .. })) if tries < OPEN_TRIES => {}
                opened => return opened,
            }
            tries += 1;
            tokio::time::sleep(OPEN_AGAIN).await;
        }
    }

    fn open_or_make(self) -> Result<(Index, Option<Position>), IndexTrouble> {
        match Index::open(&self.folder, self.analyzer.clone()) {
            Ok(index) => {
                if let Some(position) = self.is_of_these_rows(&index) {
                    return Ok((index, Some(position)));
                }
            }
            Err(error @ IndexError::InUse { .. }) => return Err(error.into()),
            // It is made anew.
            Err(_) => {}
        }
        remove(&self.folder)?;
        Ok((Index::open(&self.folder, self.analyzer)?, None))
    }

    fn is_of_these_rows(&self, index: &Index) -> Option<Position> {
        let Payload {
            fingerprint,
            position,
            root,
        } = payload(index)?;
        let (here, ours) = (self.rows.position(), self.rows.frontier.root());
        let same_tree = position < here || (position == here && root == ours.to_string());
        (fingerprint == self.fingerprint && same_tree).then_some(position)
    }
}

/// What the last commit says of itself.
pub(super) fn payload(index: &Index) -> Option<Payload> {
    serde_json::from_str(&index.payload()?).ok()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
