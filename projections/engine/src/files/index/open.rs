//! Opening an index: what is there of it is used if it is of these rows, and thrown away if not.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use meguri_log::Position;
use meguri_search::{Analyzer, Index, IndexError};
use serde::{Deserialize, Serialize};

use crate::files::{certificate::Certificate, error::IndexTrouble};

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
pub(super) struct IndexOpening {
    pub(super) folder: PathBuf,
    pub(super) fingerprint: String,
    pub(super) analyzer: Analyzer,
    pub(super) rows: Certificate,
    /// Nobody has changed its files since they were left.
    pub(super) as_left: bool,
}

impl IndexOpening {
    /// The index, and its position if it is of these rows; an empty one otherwise.
    ///
    /// # Errors
    /// [`IndexTrouble`] where the folder cannot be used, or somebody else does not let go of it.
    pub(super) async fn open(&self) -> Result<(Index, Option<Position>), IndexTrouble> {
        let mut tries = 1;
        loop {
            let opening = self.clone();
            let opened = tokio::task::spawn_blocking(move || opening.open_or_make()).await;
            let opened = match opened {
                Ok(opened) => opened,
                // What reads it may trip over what is damaged: it is made anew.
                Err(_) => self.clone().make().await,
            };
            match opened {
                Err(IndexTrouble::Index(IndexError::InUse { .. })) if tries < OPEN_TRIES => {}
                opened => return opened,
            }
            tries += 1;
            tokio::time::sleep(OPEN_AGAIN).await;
        }
    }

    /// An empty one in the place of whatever is there.
    async fn make(self) -> Result<(Index, Option<Position>), IndexTrouble> {
        let made = tokio::task::spawn_blocking(move || {
            remove(&self.folder)?;
            Ok((Index::open(&self.folder, self.analyzer)?, None))
        });
        made.await
            .map_err(|error| IndexTrouble::BrokenOff(error.to_string()))?
    }

    fn open_or_make(self) -> Result<(Index, Option<Position>), IndexTrouble> {
        let is_new = self.rows.position() == Position::ZERO && is_empty(&self.folder);
        match Index::open(&self.folder, self.analyzer.clone()) {
            Ok(index) => {
                let whole = self.as_left || index.check().is_ok();
                if let Some(position) = self.is_of_these_rows(&index).filter(|_| whole) {
                    return Ok((index, Some(position)));
                }
                if is_new {
                    return Ok((index, None));
                }
                let folder = self.folder.display();
                tracing::warn!(%folder, whole, "an index is not of these rows, and is made anew");
            }
            Err(error @ IndexError::InUse { .. }) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "an index is made anew"),
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

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(!folder.exists(), |mut entries| entries.next().is_none())
}

pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(folder),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
