//! Which log a vault belongs to: it remembers the first entry, which never changes, whatever is
//! erased or redacted.

use super::{Vault, VaultError};
use crate::{
    read::Filter,
    recorded::Entry,
    seal,
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
    /// It is another one.
    Other,
}

/// Why a vault could not say whose it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BelongingError {
    /// The log was not read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The vault was not read.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Whether the first entry is what it is made of. One that is not, or is not there, is damage that
/// the audit finds, and says nothing of another log.
async fn is_of_its_event(first: &Entry, store: &dyn Store) -> Result<bool, StoreError> {
    let position = Position::new(1);
    let all = Filter::default();
    let events = store.read_block(Position::ZERO, position, &all, 1).await?;
    let blinds = store.read_blinds(&[position]).await?;
    let header = events.first().and_then(|event| event.header_text());
    let made = header.zip(blinds.get(&position));
    Ok(made.is_some_and(|(header, blind)| seal::entry(blind, header.as_bytes()) == *first))
}

impl Vault {
    /// Whether this is the log that it has held the keys of; one that it sees first is from now on.
    pub(crate) async fn belongs_to(&self, store: &dyn Store) -> Result<Belonging, BelongingError> {
        let known = self.0.database.meta(FIRST_ENTRY).await?;
        let head = store.head().await?;
        if head.position == Position::ZERO {
            return Ok(match known {
                Some(_) => Belonging::Emptied,
                None => Belonging::Own,
            });
        }
        let entries = store.read_entries(Position::ZERO, Position::new(1)).await?;
        match (known, entries.first()) {
            (None, Some(first)) => {
                self.0.database.meta_once(FIRST_ENTRY, first).await?;
            }
            (Some(known), Some(first)) if known.as_slice() != first.as_slice() => {
                if is_of_its_event(first, store).await? {
                    return Ok(Belonging::Other);
                }
            }
            (_, _) => {}
        }
        Ok(Belonging::Own)
    }
}
