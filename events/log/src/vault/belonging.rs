//! Which log a vault belongs to: it remembers the first entry, which never changes, whatever is
//! erased or redacted.

use super::{Vault, VaultError};
use crate::{recorded::Entry, store::Store, stream::Position};

/// Under this name the vault remembers the first entry of its log.
const FIRST_ENTRY: &str = "first_entry";

/// What a vault says of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belonging {
    /// It is its own, or the first that it sees.
    Own,
    /// It is empty, and its own was not.
    Emptied,
    /// It is another one.
    Other,
}

impl Vault {
    /// Whether this is the log that it has held the keys of; one that it sees first is from now on.
    pub(crate) async fn belongs_to(&self, store: &dyn Store) -> Result<Belonging, VaultError> {
        let known = self.0.database.meta(FIRST_ENTRY).await?;
        let first = first_entry(store).await?;
        Ok(match (known, first) {
            (Some(_), None) => Belonging::Emptied,
            (Some(known), Some(first)) if known != first => Belonging::Other,
            (Some(_), Some(_)) | (None, None) => Belonging::Own,
            (None, Some(first)) => {
                self.0.database.meta_once(FIRST_ENTRY, &first).await?;
                Belonging::Own
            }
        })
    }
}

async fn first_entry(store: &dyn Store) -> Result<Option<Entry>, VaultError> {
    let entries = store.read_entries(Position::ZERO, Position::new(1)).await;
    let entries = entries.map_err(|error| VaultError::Unavailable(error.to_string()))?;
    Ok(entries.first().copied())
}
