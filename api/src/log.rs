//! The log itself, for auditors: headers exactly as they are stored, one event a line.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_http::{Auditor, Problem, Query, ReadProblems};
use meguri_read_api::log::LogPart;
use meguri_read_api::{Freshness, ReadApi};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::mark_position;
use crate::query;

/// Media type of the answer: one JSON object a line.
const NDJSON: &str = "application/x-ndjson";

/// Which part of the log is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only events after this position; 0 starts at the first.
    #[serde(default, deserialize_with = "query::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    after: Option<u64>,
    /// At most so many events; without it, all up to the head of the log.
    #[serde(default, deserialize_with = "query::whole")]
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
    #[serde(default, deserialize_with = "query::whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    min_position: Option<u64>,
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
    State(read): State<ReadApi>,
    Auditor(viewer): Auditor,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    let part = LogPart {
        after: query.after.unwrap_or(0),
        limit: query.limit,
        types: query.types,
        stream: query.stream,
        proofs: query.proofs,
    };
    let fresh = Freshness::at_least(query.min_position);
    let lines = read.log(&viewer, &part, fresh).await?;
    let mut response = Body::from_stream(lines.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    mark_position(headers, lines.position.get());
    Ok(response)
}
