//! What is left on a shelf after an erasure: the live folder, and a note that says so.

use std::{fs, io};

use meguri_log::Position;

use super::{Current, Shelf};
use crate::{mark, note};

/// The file that says up to which erasure nothing of what is erased is left.
const ERASED: &str = "erased";

impl Shelf {
    /// Removes every folder but the live one and those in which somebody is building: there is no
    /// way back behind an erasure.
    pub(crate) fn forget_others(&self) -> io::Result<()> {
        let Current { live, previous } = self.current();
        if previous.is_some() {
            self.point_to(&Current {
                live: live.clone(),
                previous: None,
            })?;
        }
        for folder in self.folders()? {
            let path = self.dir.join(&folder);
            if folder != live && !mark::is_being_built(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Removes every folder: nothing of any is left.
    pub(crate) fn discard_all(&self) -> io::Result<()> {
        for folder in self.folders()? {
            self.discard(&folder)?;
        }
        Ok(())
    }

    /// Up to which erasure this view holds nothing of what is erased, in no file.
    pub(crate) fn erased_up_to(&self) -> Position {
        note::position(&self.dir.join(ERASED))
    }

    /// Writes that down.
    pub(crate) fn note_erased(&self, up_to: Position) -> io::Result<()> {
        note::keep_position(&self.dir.join(ERASED), up_to)
    }
}
