//! Redactions: whether an event may lack what it rests on.

use meguri_log::{Filter, Log, Position};

/// Events that are looked through at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// Whether any event before this one was redacted. Where the log cannot be read, none is known to
/// be: the view then stops, and is tried again.
pub(crate) async fn any_before(log: &Log, position: Position) -> bool {
    match first(log).await {
        Ok(first) => first.is_some_and(|redacted| redacted < position),
        Err(error) => {
            tracing::warn!(%error, "it cannot be told what was redacted");
            false
        }
    }
}

/// The first event that was redacted, in the order of the log.
async fn first(log: &Log) -> Result<Option<Position>, Box<dyn std::error::Error + Send + Sync>> {
    let filter = Filter::default().event_type("EventRedacted")?;
    let (mut after, mut first) = (Position::ZERO, None::<Position>);
    loop {
        let block = log.read_all(after, &filter, EVENTS_AT_ONCE).await?;
        for recorded in &block.events {
            let said = recorded.header().transpose()?;
            let data: Option<Said> = said.map(|it| serde_json::from_str(it.data)).transpose()?;
            let redacted = data.map(|said| Position::new(said.position));
            first = match (first, redacted) {
                (Some(known), Some(found)) => Some(known.min(found)),
                (known, found) => known.or(found),
            };
        }
        if block.up_to <= after {
            return Ok(first);
        }
        after = block.up_to;
    }
}

/// What matters here of the event that says it.
#[derive(serde::Deserialize)]
struct Said {
    position: u64,
}
