//! Which moment an answer shows: `min_position`, `as_of`, and what it says of how far it has seen.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_engine::AsOf;
use meguri_http::{Json, Problem, Sentence, kinds};
use meguri_log::{Position, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::IntoParams;

use crate::codes;

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

/// The query of a route that shows views and takes nothing else.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct When {
    /// Wait, up to 5 seconds, until this position can be seen.
    #[serde(default, deserialize_with = "whole")]
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub(crate) min_position: Option<u64>,
    /// As it was at this position of the log, or at this time; not with `min_position`.
    #[serde(default, deserialize_with = "as_of")]
    #[param(schema_with = codes::as_of)]
    pub(crate) as_of: Option<AsOf>,
}

/// Reads a whole number of a query. `285.0` is one too: JSON Schema does not tell it from `285`.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    whole_number(&text).map(Some).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            format!("0から{POSITION_MAX}までの整数で指定してください"),
            format!("expected a whole number from 0 to {POSITION_MAX}"),
        ))
    })
}

/// A whole number in its one writing: neither a sign nor zeros before it.
fn whole_number(text: &str) -> Option<u64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            digits
        }
        Some(_) | None => text,
    };
    let number: u64 = digits.parse().ok()?;
    (number <= POSITION_MAX && number.to_string() == digits).then_some(number)
}

/// Reads a moment of a query: a position, or a time.
pub(crate) fn as_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AsOf>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    if let Some(position) = whole_number(&text) {
        return Ok(Some(AsOf::Position(Position::new(position))));
    }
    time(&text).map(|at| Some(AsOf::Time(at))).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            "記録の位置か、2026-11-21T16:02:03+09:00 のような日時で指定してください",
            "expected a position, or a time such as 2026-11-21T16:02:03+09:00",
        ))
    })
}

/// Reads a time of a query.
pub(crate) fn since<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    time(&text).map(Some).ok_or_else(|| {
        de::Error::custom(Sentence::new(
            "2026-11-21T16:02:03+09:00 のような日時で指定してください",
            "expected a time such as 2026-11-21T16:02:03+09:00",
        ))
    })
}

/// A time in RFC 3339. The `+` of its offset has become a space where it was not encoded; no time
/// has a space there.
fn time(text: &str) -> Option<Timestamp> {
    const OFFSET: usize = "+09:00".len();
    let sign = text.len().checked_sub(OFFSET)?;
    if text.as_bytes().get(sign) == Some(&b' ') {
        let (at, offset) = text.split_at_checked(sign)?;
        return format!("{at}+{}", offset.trim_start()).parse().ok();
    }
    text.parse().ok()
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
        #[serde(default, deserialize_with = "as_of")]
        as_of: Option<AsOf>,
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

    #[test]
    fn a_moment_is_a_position_or_a_time_however_its_plus_came_through() {
        let asked = |text: &str| {
            let uri = format!("/?as_of={text}").parse().unwrap();
            let asked = axum::extract::Query::<Asked>::try_from_uri(&uri);
            asked.ok().and_then(|query| query.0.as_of)
        };
        let position = AsOf::Position(Position::new(285));
        assert_eq!(asked("285"), Some(position));
        assert_eq!(asked("285.0"), Some(position));
        let time = AsOf::Time("2026-11-21T07:02:03Z".parse().unwrap());
        for same in [
            "07:02:03Z",
            "16:02:03%2B09:00",
            "16:02:03+09:00",
            "06:02:03-01:00",
        ] {
            assert_eq!(asked(&format!("2026-11-21T{same}")), Some(time), "{same}");
        }
        for bad in [
            "",
            "-1",
            "+1",
            "yesterday",
            "2026-11-21",
            "9007199254740992",
        ] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
