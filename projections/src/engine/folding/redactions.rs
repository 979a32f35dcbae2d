//! Redactions: which rows may be missing, because what would have made them was redacted.

use std::collections::HashMap;

use meguri_log::{Filter, Log, Position};

/// Events that are looked through at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// The streams of which an event was redacted: the id in their names, and where the first of those
/// events stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Redactions(HashMap<String, Position>);

impl Redactions {
    /// All that the log says. Where it cannot be read none is known: the view then stops, and is
    /// tried again.
    pub(crate) async fn of(log: &Log) -> Self {
        read(log).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "it cannot be told what was redacted");
            Self::default()
        })
    }

    /// Whether an event at this position may find no row of this key: it names what such a stream
    /// is about, a member, a post, an exchange or a pair of members, and the redacted event came
    /// before.
    pub(crate) fn explain(&self, key: &str, position: Position) -> bool {
        let named = |id: &str| id.split('_').all(|part| key.contains(part));
        let mut streams = self.0.iter();
        streams.any(|(id, redacted)| *redacted < position && named(id))
    }
}

async fn read(log: &Log) -> Result<Redactions, Box<dyn std::error::Error + Send + Sync>> {
    let filter = Filter::default().event_type("EventRedacted")?;
    let (mut after, mut first) = (Position::ZERO, HashMap::new());
    loop {
        let block = log.read_all(after, &filter, EVENTS_AT_ONCE).await?;
        for recorded in &block.events {
            let Some(said) = recorded.header().transpose()? else {
                continue;
            };
            // It is told in the stream of the event that was redacted.
            let Some((_, id)) = said.stream.split_once('-') else {
                continue;
            };
            let Said { position } = serde_json::from_str(said.data)?;
            let redacted = Position::new(position);
            let first = first.entry(id.to_owned()).or_insert(redacted);
            *first = redacted.min(*first);
        }
        if block.up_to <= after {
            return Ok(Redactions(first));
        }
        after = block.up_to;
    }
}

/// What matters here of the event that says it.
#[derive(serde::Deserialize)]
struct Said {
    position: u64,
}
