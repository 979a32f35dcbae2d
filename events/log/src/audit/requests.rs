//! What is remembered of requests, so that none is carried out twice: whoever repeats one is told
//! of events that are there as it says.

use super::{
    Audit, AuditError,
    chain::Chain,
    finding::{Finding, FindingKind, Place},
};
use crate::{log::Log, read::ReadError, remembered::Remembered, stream::Position};

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
        for line in read.lines.split(|byte| *byte == b'\n') {
            looked_at += 1;
            match Row::read(line) {
                Ok(row) => compare(&row, chain, head, audit),
                Err(error) => {
                    let kind = FindingKind::Outcome;
                    let reason = format!("number {looked_at} by key cannot be read: {error}");
                    audit.found(Finding::new(Place::Requests, kind, reason));
                }
            }
        }
    }
}

/// What is remembered of one request.
struct Row {
    outcome: Remembered,
    /// Whether the rest of the row is what was written with the outcome.
    fits: bool,
}

impl Row {
    fn read(line: &[u8]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let mut next = || parts.next().ok_or("a part is missing");
        let (key, request) = (hex::decode(next()?)?, hex::decode(next()?)?);
        let expires_at = Some(str::from_utf8(next()?)?).filter(|text| !text.is_empty());
        let expires_at = expires_at.map(str::parse).transpose()?;
        let outcome = Remembered::read(next()?)?;
        let fits = outcome.fits(&key, &request, expires_at);
        Ok(Self { outcome, fits })
    }
}

/// Names the first event that is not as the request is remembered.
fn compare(row: &Row, chain: &Chain, head: Position, audit: &mut Audit<'_>) {
    let outcome = &row.outcome;
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
        return;
    }
    if !row.fits {
        let reason = "the request that led up to here is remembered under another key, digest or \
                      term than it was";
        audit.found(Finding::at(outcome.position, FindingKind::Outcome, reason));
    }
}
