//! The parties of an exchange, as its first event says: without asking a view.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use meguri_events::{Event, ExchangeEvent, ExchangeId, MemberId, Opened};
use meguri_log::{Log, ReadError, Recorded, StreamName, StreamRange, Version};

/// Exchanges whose parties are remembered. Parties never change, so nothing here grows old.
const EXCHANGES_REMEMBERED_MAX: usize = 50_000;

/// The two members of an exchange; nobody where its opening was redacted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PartiesOf(Option<[MemberId; 2]>);

impl PartiesOf {
    /// Whether this member is one of them.
    pub(crate) fn includes(self, member: MemberId) -> bool {
        self.0.is_some_and(|both| both.contains(&member))
    }
}

/// Remembers who is party to which exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parties(Arc<Mutex<HashMap<ExchangeId, PartiesOf>>>);

impl Parties {
    /// The parties of an exchange.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn of(&self, log: &Log, exchange: ExchangeId) -> Result<PartiesOf, ReadError> {
        if let Some(known) = self.lock().get(&exchange) {
            return Ok(*known);
        }
        let parties = read(log, exchange).await?;
        let mut known = self.lock();
        if known.len() >= EXCHANGES_REMEMBERED_MAX {
            // Reading one again costs one indexed read; keeping count of use would cost every read.
            known.clear();
        }
        known.insert(exchange, parties);
        Ok(parties)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ExchangeId, PartiesOf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(log: &Log, exchange: ExchangeId) -> Result<PartiesOf, ReadError> {
    let stream = StreamName::new(exchange.stream())
        .map_err(|error| ReadError::Damaged(error.to_string()))?;
    let first = StreamRange {
        limit: 1,
        ..StreamRange::forward_from(Version::new(1))
    };
    let events = log.read_stream(&stream, first).await?;
    match events.first() {
        Some(opening) => opened_by(opening),
        None => Ok(PartiesOf::default()),
    }
}

fn opened_by(opening: &Recorded) -> Result<PartiesOf, ReadError> {
    let Some(header) = opening.header() else {
        return Ok(PartiesOf::default());
    };
    let header = header?;
    // Only open data is wanted; nothing is unsealed for it.
    let sealed: Vec<_> = header
        .sealed
        .iter()
        .map(|section| (section.section, Opened::Erased))
        .collect();
    let event = Event::decode(header.event_type, header.schema, header.data, &sealed)
        .map_err(|error| ReadError::Damaged(error.to_string()))?;
    Ok(PartiesOf(match event {
        Event::Exchange(ExchangeEvent::ExchangeRequested(opening)) => {
            Some([opening.requester, opening.owner])
        }
        Event::Exchange(ExchangeEvent::ExchangeApplied(opening)) => {
            Some([opening.applicant, opening.poster])
        }
        Event::Exchange(_)
        | Event::Post(_)
        | Event::Member(_)
        | Event::Claim(_)
        | Event::Access(_)
        | Event::Redaction(_)
        | Event::Vocabulary(_)
        | Event::Block(_)
        | Event::Match(_) => None,
    }))
}
