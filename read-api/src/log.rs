//! The log itself, for auditors: headers exactly as they are stored, one event a line.

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use meguri_evidence::{Exported, first_line};
use meguri_http::{Auditor, Problem, Query, ReadProblems, kinds};
use meguri_log::{Block, Filter, Log, Position, PublishedError, StreamName};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::published::not_published;
use crate::views::log_unavailable;
use crate::{ReadApi, freshness};

/// Events that are in memory at once while an answer streams.
const BLOCK_EVENTS: usize = 1_000;

/// Media type of the answer: one JSON object a line.
const NDJSON: &str = "application/x-ndjson";

/// Which part of the log is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only events after this position; 0 starts at the first.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<u64>,
    /// At most so many events; without it, all up to the head of the log.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    limit: Option<u64>,
    /// Only events of these types, separated by commas, such as `ThanksSent,ExchangeCompleted`.
    #[serde(rename = "type")]
    #[param(pattern = "^[A-Za-z0-9]+(,[A-Za-z0-9]+)*$")]
    types: Option<String>,
    /// Only events of this stream, such as `exchange-0192f0c0-7c1e-7b0a-8d7e-2f4a5c6b7d8e`.
    #[param(pattern = "^[a-z]+-[A-Za-z0-9._-]+$", max_length = 128)]
    stream: Option<String>,
    /// With what proves the events by the last checkpoint, which ends the answer: `true`.
    #[serde(default)]
    proofs: bool,
    /// Wait, up to 5 seconds, until the log has reached this position.
    #[serde(default, deserialize_with = "freshness::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
}

impl LogQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        let mut filter = Filter::default();
        let types = self
            .types
            .as_deref()
            .into_iter()
            .flat_map(|types| types.split(','));
        for event_type in types {
            filter = filter
                .event_type(event_type)
                .map_err(|error| not_readable("type", &error))?;
        }
        if let Some(stream) = &self.stream {
            let stream =
                StreamName::new(stream.as_str()).map_err(|error| not_readable("stream", &error))?;
            filter = filter.stream(stream);
        }
        Ok(filter)
    }
}

fn not_readable(name: &str, error: &dyn std::error::Error) -> Problem {
    Problem::new(kinds::BAD_REQUEST).detail(
        format!("{name} に指定できない値です"),
        format!("{name} cannot be read: {error}"),
    )
}

/// Reads the log, one event a line.
///
/// Streams `{"position":n,"header":{…}}`, one event a line, in the order of the log. The bytes of
/// `header` are exactly those that were stored and hashed; `null` stands where a court order had
/// them redacted. What people typed is sealed and not part of a header. The answer ends at the
/// head of the log as of the request (`Meguri-Position`); an answer that ends in the middle of a
/// line was cut off by a failure: ask again `after` the last whole line.
///
/// With `proofs=true` the first line is the last signed checkpoint, every line says what its header
/// was hashed with (`blind`), and where not all events were asked for, each has its inclusion path
/// (`proof`): `meguri audit verify FILE --key KEY` checks that this is what was signed.
#[utoipa::path(
    get, path = "/log", tag = "audit", operation_id = "read_log",
    extensions(("x-summary-ja" = json!("記録を読む（監査人）"))),
    security(("auditor" = [])),
    params(LogQuery),
    responses(
        (status = 200, description = "The events that were asked for",
            content_type = "application/x-ndjson", body = String,
            headers(("meguri-position" = u64, description = "Head of the log at the request"))),
        ReadProblems,
    )
)]
pub(crate) async fn read_log(
    State(api): State<ReadApi>,
    auditor: Auditor,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter()?;
    let head = api.log_at_least(query.min_position).await?;
    let after = Position::new(query.after.unwrap_or(0));
    tracing::info!(auditor = auditor.subject, %after, head = %head, "the log is read");
    let mut reading = Reading {
        log: api.log.clone(),
        filter,
        after,
        until: head,
        left: query.limit.unwrap_or(u64::MAX),
        proofs: None,
        first_line: None,
    };
    if query.proofs {
        reading.prove(query.limit.is_some()).await?;
    }
    let mut response = Body::from_stream(reading.lines()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    freshness::mark_position(headers, head);
    Ok(response)
}

/// One answer on its way: holds one block at a time, however long the log is.
struct Reading {
    log: Log,
    filter: Filter,
    after: Position,
    until: Position,
    left: u64,
    proofs: Option<Proofs>,
    first_line: Option<String>,
}

/// How events are proven.
#[derive(Clone, Copy)]
enum Proofs {
    /// All of them together lead to the checkpoint.
    Together,
    /// Each by itself, in the tree of this size.
    Each(u64),
}

impl Reading {
    /// Ends at the last checkpoint, and proves everything by it.
    ///
    /// # Errors
    /// Where the log was never published.
    async fn prove(&mut self, is_limited: bool) -> Result<(), Problem> {
        let latest = self.log.latest_checkpoint().await;
        let latest = latest.map_err(|error| log_unavailable(&error))?;
        let never = || not_published(PublishedError::NotYet { published: 0 });
        let latest = latest.ok_or_else(never)?;
        let size = latest.tree.size;
        self.until = Position::new(size);
        if is_limited || !self.filter.is_everything() {
            self.first_line = Some(first_line(&latest.note, None));
            self.proofs = Some(Proofs::Each(size));
            return Ok(());
        }
        let before = self.log.frontier_at(self.after.min(self.until)).await;
        let before = before.map_err(|error| {
            tracing::error!(%error, "nothing is proven");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        })?;
        self.first_line = Some(first_line(&latest.note, Some(&before.to_bytes())));
        self.proofs = Some(Proofs::Together);
        Ok(())
    }

    fn lines(self) -> impl Stream<Item = Result<Bytes, BoxError>> {
        futures::stream::try_unfold(self, async |mut reading| {
            if let Some(line) = reading.first_line.take() {
                return Ok(Some((Bytes::from(line), reading)));
            }
            while reading.after < reading.until && reading.left > 0 {
                let limit = usize::try_from(reading.left).unwrap_or(BLOCK_EVENTS);
                let limit = limit.min(BLOCK_EVENTS);
                let block = reading
                    .log
                    .read_all(reading.after, &reading.filter, limit)
                    .await;
                let block = block.inspect_err(|error| tracing::error!(%error, "log read"))?;
                if block.up_to <= reading.after {
                    return Ok(None);
                }
                let text = match reading.proofs {
                    None => reading.take(&block),
                    Some(proofs) => {
                        let text = reading.take_proven(&block, proofs).await;
                        text.inspect_err(|error| tracing::error!(%error, "log proven"))?
                    }
                };
                if !text.is_empty() {
                    return Ok(Some((Bytes::from(text), reading)));
                }
            }
            Ok(None)
        })
    }

    /// The block as lines; moves on behind it.
    fn take(&mut self, block: &Block) -> String {
        let mut text = String::with_capacity(block.events.len() * 512);
        for event in block
            .events
            .iter()
            .take_while(|event| event.position() <= self.until)
        {
            text.push_str("{\"position\":");
            text.push_str(&event.position().to_string());
            text.push_str(",\"header\":");
            text.push_str(event.header_text().unwrap_or("null"));
            text.push_str("}\n");
            self.left = self.left.saturating_sub(1);
        }
        self.after = block.up_to;
        text
    }

    /// The block as lines with what proves them; moves on behind it.
    async fn take_proven(&mut self, block: &Block, proofs: Proofs) -> Result<String, BoxError> {
        let events = block.events.iter();
        let events = events.take_while(|event| event.position() <= self.until);
        let events: Vec<_> = events.collect();
        let positions: Vec<Position> = events.iter().map(|event| event.position()).collect();
        let blinds = self.log.blinds(&positions).await?;
        let mut text = String::with_capacity(events.len() * 600);
        for (event, blind) in events.iter().zip(&blinds) {
            let proof = match proofs {
                Proofs::Together => None,
                Proofs::Each(size) => Some(self.log.inclusion_proof(event.position(), size).await?),
            };
            let exported = Exported {
                position: event.position().get(),
                whole: event.header_text().zip(blind.as_ref()),
                entry: event.entry(),
                proof: proof.as_ref(),
            };
            text.push_str(&exported.line());
        }
        self.left = self.left.saturating_sub(events.len() as u64);
        self.after = block.up_to;
        Ok(text)
    }
}
