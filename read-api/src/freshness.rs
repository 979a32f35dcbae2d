//! Reading one's own writes: `min_position`, and what every answer says of how far it has seen.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_http::{Json, Problem, kinds};
use meguri_log::Position;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::IntoParams;

/// Longest wait for a position that has not arrived yet.
pub const MIN_POSITION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Answer header: the position up to which the answer has seen the log.
pub const POSITION_HEADER: &str = "meguri-position";

/// Largest position that JSON numbers carry exactly in every language: 2^53 - 1.
pub(crate) const POSITION_MAX: u64 = (1 << 53) - 1;

/// The query of a route that takes nothing else.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MinPosition {
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub(crate) min_position: Option<u64>,
}

/// Reads a whole number of a query. `285.0` is one too: JSON Schema does not tell it from `285`.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            digits
        }
        Some(_) | None => &text,
    };
    match digits.parse() {
        Ok(number) if number <= POSITION_MAX && !digits.starts_with('+') => Ok(Some(number)),
        Ok(_) | Err(_) => Err(de::Error::custom(format_args!(
            "expected a whole number from 0 to {POSITION_MAX}"
        ))),
    }
}

/// The answer when a position did not arrive in time: 503 with the position that was reached.
pub(crate) fn not_yet(asked: Position, reached: Position) -> Problem {
    Problem::new(kinds::NOT_YET)
        .detail(
            format!("位置 {asked} はまだ反映されていません（現在 {reached}）"),
            format!("Position {asked} has not arrived yet; reached {reached}"),
        )
        .with("position", reached.get())
        .retry_after(1)
}

/// An answer that says how far it has seen the log, and which version of a stream it shows.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    pub(crate) body: T,
    pub(crate) position: Position,
    /// Version of the one stream that the body shows, for `ETag`.
    pub(crate) version: Option<u64>,
}

impl<T> Seen<T> {
    /// An answer from many streams, or from none.
    pub(crate) fn at(position: Position, body: T) -> Self {
        Self {
            body,
            position,
            version: None,
        }
    }

    /// An answer that shows one stream at this version.
    pub(crate) fn versioned(position: Position, version: u64, body: T) -> Self {
        Self {
            body,
            position,
            version: Some(version),
        }
    }
}

impl<T: Serialize> IntoResponse for Seen<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        let headers = response.headers_mut();
        mark_position(headers, self.position);
        if let Some(version) = self.version
            && let Ok(tag) = HeaderValue::from_str(&meguri_http::IfMatch::etag(version))
        {
            headers.insert(header::ETAG, tag);
        }
        // Who may see an answer depends on the token; no cache in between may keep it.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        headers.insert(header::VARY, HeaderValue::from_static("authorization"));
        response
    }
}

/// Writes `Meguri-Position`.
pub(crate) fn mark_position(headers: &mut axum::http::HeaderMap, position: Position) {
    headers.insert(
        HeaderName::from_static(POSITION_HEADER),
        HeaderValue::from(position.get()),
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[derive(Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "whole")]
        min_position: Option<u64>,
    }

    fn asked(query: &str) -> Result<Option<u64>, u16> {
        let uri = format!("/?{query}").parse().unwrap();
        axum::extract::Query::<Asked>::try_from_uri(&uri)
            .map(|query| query.0.min_position)
            .map_err(|rejection| rejection.status().as_u16())
    }

    #[test]
    fn a_position_is_a_whole_number_however_json_writes_it() {
        assert_eq!(asked(""), Ok(None));
        assert_eq!(asked("min_position=285"), Ok(Some(285)));
        assert_eq!(asked("min_position=285.0"), Ok(Some(285)));
        for bad in ["", "-1", "+1", "1.5", "1.", "x", "9007199254740992"] {
            assert_eq!(asked(&format!("min_position={bad}")), Err(400), "{bad}");
        }
    }
}
