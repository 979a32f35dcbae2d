//! What is remembered of requests, so that none is carried out twice: whoever repeats one is told
//! of events that are there as it says.

use super::{
    Audit, AuditError,
    chain::Chain,
    finding::{Finding, FindingKind, Place},
};
use crate::{append::Appended, log::Log, read::ReadError, stream::Position};

/// Requests that are read at once.
const REQUESTS_AT_ONCE: u32 = 1_000;

/// Compares what is remembered of every request with the events, once all of them have come.
pub(super) async fn check(
    log: &Log,
    chain: &Chain,
    audit: &mut Audit<'_>,
) -> Result<(), AuditError> {
    let (mut after, mut looked_at) = (Vec::new(), 0_u64);
    loop {
        let read = log.audited().audit_outcomes(&after, REQUESTS_AT_ONCE).await;
        let Some(read) = read.map_err(ReadError::from)? else {
            return Ok(());
        };
        // INVARIANT: read after the outcomes, which are written together with their events.
        let head = log.store().head().await.map_err(ReadError::from)?.position;
        after = read.last_key;
        for outcome in read.lines.split(|byte| *byte == b'\n') {
            looked_at += 1;
            match serde_json::from_slice(outcome) {
                Ok(outcome) => compare(&outcome, chain, head, audit),
                Err(error) => {
                    let kind = FindingKind::Outcome;
                    let reason = format!("number {looked_at} by key cannot be read: {error}");
                    audit.found(Finding::new(Place::Requests, kind, reason));
                }
            }
        }
    }
}

/// Names the first event that is not as the request is remembered.
fn compare(outcome: &Appended, chain: &Chain, head: Position, audit: &mut Audit<'_>) {
    let written_meanwhile = chain.end() < outcome.position && outcome.position <= head;
    if written_meanwhile {
        return;
    }
    let mut before = None;
    for event in &outcome.events {
        let follows = before.is_none_or(|before: Position| before.next() == event.position);
        if !follows || !chain.has(event, outcome.at) {
            let (stream, version) = (&event.stream, event.version);
            let reason = format!(
                "a request is remembered to have led to {stream} version {version}, {}, here",
                event.id
            );
            audit.found(Finding::at(event.position, FindingKind::Outcome, reason));
            return;
        }
        before = Some(event.position);
    }
    if before != Some(outcome.position) {
        let reason = "a request is remembered to have led up to here, and its events do not";
        audit.found(Finding::at(outcome.position, FindingKind::Outcome, reason));
    }
}
