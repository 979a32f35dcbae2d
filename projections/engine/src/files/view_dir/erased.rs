//! What is left of a view's folders after an erasure: the live one, and a note that says so.

use std::{fs, io};

use meguri_log::Position;

use super::{Current, ViewDir};
use crate::files::{build_lock, note};

/// The file that says up to which erasure nothing of what is erased is left.
const ERASED: &str = "erased";

impl ViewDir {
    /// Removes every folder but the live one and those in which somebody is building: there is no
    /// way back behind an erasure.
    pub fn forget_others(&self) -> io::Result<()> {
        let Current { live, previous } = self.current();
        if previous.is_some() {
            self.point_to(&Current {
                live: live.clone(),
                previous: None,
            })?;
        }
        for folder in self.folders()? {
            let path = self.dir.join(&folder);
            if folder != live && !build_lock::is_being_built(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Removes every folder: nothing of any is left.
    pub fn discard_all(&self) -> io::Result<()> {
        for folder in self.folders()? {
            self.discard(&folder)?;
        }
        Ok(())
    }

    /// Up to which erasure this view holds nothing of what is erased, in no file.
    pub fn erased_up_to(&self) -> Position {
        note::position(&self.dir.join(ERASED))
    }

    /// Writes that down.
    pub fn note_erased(&self, up_to: Position) -> io::Result<()> {
        note::keep_position(&self.dir.join(ERASED), up_to)
    }
}
