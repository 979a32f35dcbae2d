//! Conditions a client puts on its request: `If-Match` with a stream version.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use crate::{Problem, kinds};

/// `If-Match`: the stream version the client last saw, as its `ETag` said (`"7"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub u64);

impl IfMatch {
    /// The `ETag` of a stream version.
    pub fn etag(version: u64) -> String {
        format!("\"{version}\"")
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    /// `None` when the header is not sent, or is `*` (any version will do).
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let version = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .and_then(|text| text.parse().ok());
        match version {
            Some(version) => Ok(Some(Self(version))),
            // A tag that was never given matches nothing.
            None => Err(Problem::new(kinds::PRECONDITION_FAILED).detail(
                "If-Match が ETag と一致しません",
                "If-Match is not an ETag of this server",
            )),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await?
            .ok_or_else(|| Problem::new(kinds::PRECONDITION_FAILED))
    }
}
