//! Redactions: which rows may be missing, because what would have made them was redacted.

use std::collections::HashMap;

use meguri_log::{Filter, Log, Position};

use crate::folding::facts::{Deletion, Facts};

/// Events that are looked through at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// The streams of which an event was redacted: the id in their names, and where the first of those
/// events stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions(HashMap<String, Position>);

impl Redactions {
    /// All that the log says. Where it cannot be read none is known: the view then stops, and is
    /// tried again.
    pub async fn of(log: &Log, facts: &dyn Facts) -> Self {
        read(log, facts).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "it cannot be told what was redacted");
            Self::default()
        })
    }

    /// Whether an event at this position may find no row of this key: it names what such a stream
    /// is about, a member, a post, an exchange or a pair of members, and the redacted event came
    /// before.
    pub fn explain(&self, key: &str, position: Position) -> bool {
        let named = |id: &str| id.split('_').all(|part| key.contains(part));
        let mut streams = self.0.iter();
        streams.any(|(id, redacted)| *redacted < position && named(id))
    }
}

async fn read(
    log: &Log,
    facts: &dyn Facts,
) -> Result<Redactions, Box<dyn std::error::Error + Send + Sync>> {
    let types = facts.deletion_types().iter();
    let filter = types
        .copied()
        .try_fold(Filter::default(), Filter::event_type)?;
    let (mut after, mut first) = (Position::ZERO, HashMap::new());
    loop {
        let block = log.read_all(after, &filter, EVENTS_AT_ONCE).await?;
        for recorded in &block.events {
            let Some(said) = recorded.header().transpose()? else {
                continue;
            };
            // It is told in the stream of the event that was redacted.
            if let Some((_, id)) = said.stream.split_once('-')
                && let Deletion::Event { position, .. } = facts.deletion(&said)?
            {
                let first = first.entry(id.to_owned()).or_insert(position);
                *first = position.min(*first);
            }
        }
        if block.up_to <= after {
            return Ok(Redactions(first));
        }
        after = block.up_to;
    }
}
