//! `Prefer: wait=included`: a command is answered when its event is under a signed checkpoint, with
//! the proof.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use meguri_read_api::ReadApi;
use serde_json::{Map, Value};

/// The preference as it is asked for and answered (RFC 7240).
const PREFERENCE: &str = "wait=included";
/// The header of a request that has preferences.
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The header of an answer that has followed one.
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Longest answer of a command, in bytes; all are far shorter.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Wraps the routes that write.
///
/// What a request asks for by `Prefer: wait=included` is added to its answer as `included`, and
/// said in `Preference-Applied`. Where no checkpoint comes in time, the answer has neither: what
/// was done is done all the same.
pub(crate) async fn included(
    State(read): State<ReadApi>,
    request: Request,
    next: Next,
) -> Response {
    let wanted = prefers_included(request.headers());
    let response = next.run(request).await;
    if !wanted || !response.status().is_success() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    let Some(answer) = with_proof(&read, &bytes).await else {
        return Response::from_parts(head, Body::from(bytes));
    };
    head.headers.remove(header::CONTENT_LENGTH);
    let applied = HeaderValue::from_static(PREFERENCE);
    head.headers.insert(APPLIED, applied);
    Response::from_parts(head, Body::from(answer))
}

/// The answer with the proof of its event in it, as soon as there is one.
async fn with_proof(read: &ReadApi, answer: &[u8]) -> Option<Vec<u8>> {
    let mut answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    let proof = read.included(answer.get("position")?.as_u64()?).await?;
    answer.insert("included".into(), serde_json::to_value(proof).ok()?);
    serde_json::to_vec(&answer).ok()
}

/// Is it among the preferences of a request?
fn prefers_included(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).into_iter();
    let preferences = values.filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|preferences| preferences.split(','))
        .any(is_included)
}

/// One preference: a name and perhaps a value, which may be quoted, and parameters behind it.
fn is_included(preference: &str) -> bool {
    let (preference, _) = preference.split_once(';').unwrap_or((preference, ""));
    let Some((name, value)) = preference.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("wait") && value.trim().trim_matches('"') == "included"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preference_is_found_among_others_however_it_is_written() {
        let asks = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            prefers_included(&headers)
        };
        for preferred in [
            "wait=included",
            "Wait = \"included\"",
            "respond-async, wait=included; x=1",
        ] {
            assert!(asks(preferred), "{preferred}");
        }
        for other in ["", "wait", "wait=10", "included", "await=included"] {
            assert!(!asks(other), "{other}");
        }
    }
}
