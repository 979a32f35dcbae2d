//! What it takes to show to others that an event was recorded: its blind, and the salt of each
//! section that is to be opened to them (formats.md, Evidence bundle).

use crate::{
    log::Log,
    read::ReadError,
    recorded::Recorded,
    seal::{OpenSealError, Opener},
    stream::Position,
};

/// A sealed section, opened to be shown to others.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownSection {
    /// What was typed: the UTF-8 JSON object of the section's fields.
    pub plaintext: Vec<u8>,
    /// What the header's commitment was made with. It is secret as long as the plaintext is: who
    /// has it can guess.
    pub salt: [u8; 32],
}

impl std::fmt::Debug for ShownSection {
    /// Does not show what was typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownSection").finish_non_exhaustive()
    }
}

impl Log {
    /// The random bytes under which the headers of these events were hashed, in the order of
    /// `positions`; none for an event that was redacted, or is not there.
    ///
    /// They belong to who may read the headers: who has one can guess at the header behind an
    /// entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn blinds(&self, positions: &[Position]) -> Result<Vec<Option<[u8; 32]>>, ReadError> {
        let found = self.store().read_blinds(positions).await?;
        let blind = |position| found.get(position).copied();
        Ok(positions.iter().map(blind).collect())
    }

    /// A section of an event with what it takes to show it to others; none where the event has no
    /// such section, where it was redacted, and where the key was destroyed.
    ///
    /// # Errors
    /// [`OpenSealError`].
    pub async fn show_section(
        &self,
        event: &Recorded,
        section: &str,
    ) -> Result<Option<ShownSection>, OpenSealError> {
        let Some(header) = event.header() else {
            return Ok(None);
        };
        let header = header.map_err(|error| OpenSealError::Header(error.to_string()))?;
        let listed = header.sealed.iter().find(|it| it.section == section);
        let Some(listed) = listed else {
            return Ok(None);
        };
        if event.sealed_bytes().is_empty() {
            self.vault().doubt(&[listed.key]);
        }
        let keys = self.vault().keys(&[listed.key]).await?;
        let Some(key) = keys.first() else {
            return Ok(None);
        };
        let (position, sealed) = (event.position(), event.sealed_bytes());
        Opener::default().evidence(position, &header, sealed, section, key)
    }
}
