//! Answers: what was done, and what is shown, with how far it has seen the log.

use axum::http::StatusCode;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use meguri_commands::Done;
use meguri_http::{IfMatch, Json};
use meguri_read_api::Seen;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What was done: which member, post or exchange, at which version and position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Id of the member, post or exchange.
    pub(crate) id: Uuid,
    /// Version of its stream; an `ETag` for `If-Match`.
    #[schema(minimum = 1)]
    version: u64,
    /// Position in the log: a read that is given it as `min_position` sees what was done.
    #[schema(minimum = 1)]
    pub(crate) position: u64,
}

/// What was done, as an answer.
pub(crate) struct Answer {
    status: StatusCode,
    done: Done,
}

impl Answer {
    /// Something new exists.
    pub(crate) fn created(done: Done) -> Self {
        Self {
            status: StatusCode::CREATED,
            done,
        }
    }

    /// Something that exists has changed, or is as it should be.
    pub(crate) fn changed(done: Done) -> Self {
        Self {
            status: StatusCode::OK,
            done,
        }
    }
}

impl From<&Done> for Accepted {
    fn from(done: &Done) -> Self {
        Self {
            id: done.id(),
            version: done.version.get(),
            position: done.position.get(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let accepted = Accepted::from(&self.done);
        let tag = HeaderValue::from_str(&IfMatch::etag(accepted.version)).ok();
        let mut response = (self.status, Json(accepted)).into_response();
        if let Some(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Answer header: the position up to which the answer has seen the log.
pub const POSITION_HEADER: &str = "meguri-position";

/// What is shown. It says how far it has seen the log, and which version of a stream it shows.
pub(crate) struct Shown<T>(pub(crate) Seen<T>);

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        let Self(seen) = self;
        let mut response = Json(seen.body).into_response();
        let headers = response.headers_mut();
        mark_position(headers, seen.position.get());
        if let Some(version) = seen.version
            && let Ok(tag) = HeaderValue::from_str(&IfMatch::etag(version))
        {
            headers.insert(header::ETAG, tag);
        }
        // The token decides who may see an answer; no cache in between may keep it.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        headers.insert(header::VARY, HeaderValue::from_static("authorization"));
        response
    }
}

/// Writes `Meguri-Position`.
pub(crate) fn mark_position(headers: &mut HeaderMap, position: u64) {
    headers.insert(
        HeaderName::from_static(POSITION_HEADER),
        HeaderValue::from(position),
    );
}
