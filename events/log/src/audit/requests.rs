//! What is remembered of requests, so that none is carried out twice: whoever repeats one is told
//! of events that are there as it says.

use std::pin::pin;

use futures::{StreamExt as _, stream};

use super::{
    Audit, AuditError,
    chain::Chain,
    finding::{Finding, FindingKind, Place},
    store::StoredOutcomes,
};
use crate::{append::Appended, log::Log, read::ReadError, remembered, stream::Position};

/// Requests that are read at once.
const REQUESTS_AT_ONCE: u32 = 1_000;
/// Pages of them that are parsed at once.
const PAGES_AT_ONCE: usize = 3;

/// Compares what is remembered of every request with the events, once all of them have come.
pub(super) async fn check(
    log: &Log,
    chain: &Chain,
    audit: &mut Audit<'_>,
) -> Result<(), AuditError> {
    let pages = stream::try_unfold(Vec::new(), |after| next(log, after));
    // While some are read, others are parsed and these are compared.
    let pages = pages.map(|page| async {
        let (page, head) = page?;
        let parsed = tokio::task::spawn_blocking(move || parse(&page.lines));
        let parsed = parsed.await;
        let parsed = parsed.map_err(|error| AuditError::BrokeOff(error.to_string()))?;
        Ok::<_, AuditError>((parsed, head))
    });
    let (mut pages, mut looked_at) = (pin!(pages.buffered(PAGES_AT_ONCE)), 0_u64);
    while let Some(page) = pages.next().await {
        let (rows, head) = page?;
        for row in rows {
            looked_at += 1;
            match row {
                Ok(row) => compare(&row, chain, head, audit),
                Err(error) => {
                    let kind = FindingKind::Outcome;
                    let reason = format!("number {looked_at} by key cannot be read: {error}");
                    audit.found(Finding::new(Place::Requests, kind, reason));
                }
            }
        }
    }
    Ok(())
}

/// Some that are remembered, and the head of the log after that.
type Page = (StoredOutcomes, Position);

async fn next(log: &Log, after: Vec<u8>) -> Result<Option<(Page, Vec<u8>)>, AuditError> {
    let read = log.audited().audit_outcomes(&after, REQUESTS_AT_ONCE).await;
    let Some(read) = read.map_err(ReadError::from)? else {
        return Ok(None);
    };
    // INVARIANT: read after the outcomes, which are written together with their events.
    let head = log.store().head().await.map_err(ReadError::from)?.position;
    let last = read.last_key.clone();
    Ok(Some(((read, head), last)))
}

/// What is remembered of one request.
struct Row {
    outcome: Appended,
    /// Whether all of it is as it was written.
    fits: bool,
}

/// Reads rows, each a line.
fn parse(lines: &[u8]) -> Vec<Result<Row, String>> {
    let lines = lines.split(|byte| *byte == b'\n');
    let rows = lines.map(|line| Row::read(line).map_err(|error| error.to_string()));
    rows.collect()
}

impl Row {
    fn read(line: &[u8]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let mut next = || parts.next().ok_or("a part is missing");
        let (key, request) = (hex::decode(next()?)?, hex::decode(next()?)?);
        let expires_at = Some(str::from_utf8(next()?)?).filter(|text| !text.is_empty());
        let expires_at = expires_at.map(str::parse).transpose()?;
        let (outcome, fits) = remembered::read(next()?, &key, &request, expires_at)?;
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
        let reason = "what is remembered of the request that led up to here was changed";
        audit.found(Finding::at(outcome.position, FindingKind::Outcome, reason));
    }
}
