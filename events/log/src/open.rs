//! Opening what is sealed, for whole blocks of events at a time.

use crate::{
    header::Header,
    log::Log,
    recorded::Recorded,
    seal::{OpenSealError, Opener, Section},
    vault::{FoundKey, VaultError},
};

/// An event with what its header says and what its sections hold.
#[derive(Debug, Clone)]
pub struct OpenedEvent<'a> {
    /// What the header says.
    pub header: Header<'a>,
    /// The sealed sections, in the order in which the header lists them.
    pub sections: Vec<Section>,
}

/// Events being opened, in their order: each when it is asked for, so that a block of them is never
/// in memory twice.
pub struct OpenedEvents<'a> {
    events: std::slice::Iter<'a, Recorded>,
    /// INVARIANT: one for each section of each header that was read.
    keys: Vec<FoundKey>,
    used: usize,
    opener: Opener,
}

impl std::fmt::Debug for OpenedEvents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedEvents")
            .field("left", &self.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Iterator for OpenedEvents<'a> {
    type Item = Result<Option<OpenedEvent<'a>>, OpenSealError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.events.next()?;
        let header = match event.header() {
            None => return Some(Ok(None)),
            Some(Err(error)) => return Some(Err(OpenSealError::Header(error.to_string()))),
            Some(Ok(header)) => header,
        };
        let first = self.used;
        self.used += header.sealed.len();
        let keys = &self.keys[first..self.used];
        let sealed = event.sealed_bytes();
        let sections = self.opener.open(event.position(), &header, sealed, keys);
        Some(sections.map(|sections| Some(OpenedEvent { header, sections })))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}

impl ExactSizeIterator for OpenedEvents<'_> {}

impl Log {
    /// Reads the headers of events and opens their sections: one answer for each event, in their
    /// order; none for one that was redacted.
    ///
    /// The answer for an event is [`OpenSealError`] where its header cannot be read, or where one
    /// of its sections does not open though its key exists. Others are not touched by that.
    ///
    /// # Errors
    /// [`VaultError`] where the vault could not be asked: nothing was opened; try again later.
    pub async fn open_events<'a>(
        &self,
        events: &'a [Recorded],
    ) -> Result<OpenedEvents<'a>, VaultError> {
        let (mut ids, mut emptied) = (Vec::new(), Vec::new());
        for event in events {
            // Reading a header twice costs less than keeping those of a block.
            if let Some(Ok(header)) = event.header() {
                let keys = header.sealed.iter().map(|listed| listed.key);
                if event.sealed_bytes().is_empty() {
                    emptied.extend(keys.clone());
                }
                ids.extend(keys);
            }
        }
        self.vault().doubt(&emptied);
        Ok(OpenedEvents {
            events: events.iter(),
            keys: self.vault().keys(&ids).await?,
            used: 0,
            opener: Opener::default(),
        })
    }
}
