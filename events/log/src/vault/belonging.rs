//! Which log a vault belongs to: it remembers the first entry, which never changes, whatever is
//! erased or redacted.

use super::{Vault, VaultError};
use crate::{
    store::{Store, StoreError},
    stream::Position,
};

/// Under this name the vault remembers the first entry of its log.
const FIRST_ENTRY: &str = "first_entry";

/// What a vault says of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belonging {
    /// It is its own, or the first that it sees.
    Own,
    /// It is empty, and its own was not.
    Emptied,
}

impl Vault {
    /// Whether this is the log that it has held the keys of; one that it sees first is from now on.
    pub(crate) async fn belongs_to(&self, store: &dyn Store) -> Result<Belonging, VaultError> {
        let known = self.0.database.meta(FIRST_ENTRY).await?;
        let unavailable = |error: StoreError| VaultError::Unavailable(error.to_string());
        let head = store.head().await.map_err(unavailable)?;
        if head.position == Position::ZERO {
            return Ok(match known {
                Some(_) => Belonging::Emptied,
                None => Belonging::Own,
            });
        }
        // A first entry that is not there, or another one, is damage that the audit finds.
        let entries = store.read_entries(Position::ZERO, Position::new(1)).await;
        if let (None, Some(first)) = (known, entries.map_err(unavailable)?.first()) {
            self.0.database.meta_once(FIRST_ENTRY, first).await?;
        }
        Ok(Belonging::Own)
    }
}
