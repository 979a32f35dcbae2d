//! Emptying what nobody can open any more: the sealed bytes of events whose keys are all destroyed.

use std::collections::HashSet;

use crate::{header::parse, log::Log, read::ReadError, stream::Position, vault::VaultError};

/// Positions that one statement looks through.
const POSITIONS_AT_ONCE: u64 = 50_000;

/// Why not everything was emptied. It can be done again.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The vault cannot be asked which keys are destroyed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Log {
    /// Empties the sealed bytes of every event that has a section of this person and all of whose
    /// keys are destroyed. Headers, entries and proofs stay as they are, and what such an event
    /// sealed is read as erased before and after. Answers how many events had any.
    ///
    /// # Errors
    /// [`EraseError`]; some may be emptied.
    pub async fn empty_erased(&self, subject: &str) -> Result<u64, EraseError> {
        let head = self.head().await?.position.get();
        // As a header lists a key; a subject needs no escaping.
        let (needle, mut emptied) = (format!(r#""key":"{subject}/"#), 0);
        for after in (0..head).step_by(usize::try_from(POSITIONS_AT_ONCE).unwrap_or(usize::MAX)) {
            let up_to = Position::new(head.min(after + POSITIONS_AT_ONCE));
            let after = Position::new(after);
            let found = self.store().sealed_like(&needle, after, up_to).await;
            let found = found.map_err(ReadError::from)?;
            let positions = self.all_destroyed(&found).await?;
            if !positions.is_empty() {
                let written = self.store().empty_sealed(&positions).await;
                emptied += written.map_err(ReadError::from)?;
            }
        }
        Ok(emptied)
    }

    /// Empties an event: header, blind and sealed bytes. Its place and its entry stay, and with
    /// them every proof. Answers whether there was anything left to empty.
    ///
    /// Append what says so first: an event that was emptied and is not spoken of is a finding of
    /// every audit.
    ///
    /// # Errors
    /// [`ReadError`]; it can be done again.
    pub async fn empty_event(&self, position: Position) -> Result<bool, ReadError> {
        Ok(self.store().empty_event(position).await?)
    }

    /// Which of these events, given by position and header, nobody can open any section of.
    async fn all_destroyed(
        &self,
        found: &[(Position, String)],
    ) -> Result<Vec<Position>, EraseError> {
        let mut events = Vec::with_capacity(found.len());
        for (position, text) in found {
            // What cannot be read stays as it is, and is found by an audit.
            if let Ok(header) = parse(text, *position) {
                let keys: Vec<&str> = header.sealed.iter().map(|listed| listed.key).collect();
                events.push((*position, keys));
            }
        }
        let ids: HashSet<&str> = events.iter().flat_map(|(_, keys)| keys).copied().collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let destroyed = self.vault().destroyed(&ids).await?;
        let all = |keys: &[&str]| keys.iter().all(|key| destroyed.contains(*key));
        let events = events.iter().filter(|(_, keys)| all(keys));
        Ok(events.map(|(position, _)| *position).collect())
    }
}
