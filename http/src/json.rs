//! A JSON body, whose failures are problem details.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::head::is_json;
use crate::input::read_json;
use crate::{Problem, kinds};

/// A JSON body, read or written.
///
/// Reading: the content type has to be JSON (415), the body no larger than the limit (413), valid
/// JSON (400) and of the right shape (422): an array is no object, no name stands in an object
/// twice, nothing is there that the route does not take. A whole number may be written `285.0` or
/// `2.85e2`: JSON does not tell it from `285`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(kinds::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unread_body(&rejection))?;
        read_json(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    /// `None` when there is neither a content type nor a body, and for `null`.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let empty = headers
            .get(header::CONTENT_LENGTH)
            .map_or(!headers.contains_key(header::TRANSFER_ENCODING), |length| {
                length == "0"
            });
        if empty && !headers.contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        let Json(body) = <Json<Option<T>> as FromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(Self))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn unread_body(rejection: &BytesRejection) -> Problem {
    if let BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) = rejection {
        return Problem::new(kinds::TOO_LARGE);
    }
    Problem::new(kinds::BAD_REQUEST).detail(
        "本文を最後まで受け取れませんでした",
        "The body could not be received to its end",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::body::Body;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Body1 {
        terms_version: u32,
        #[serde(default)]
        lat: Option<f64>,
    }

    async fn sent(content_type: &str, body: &'static str) -> Result<Body1, (u16, String)> {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap();
        match <Json<Body1> as FromRequest<()>>::from_request(request, &()).await {
            Ok(Json(body)) => Ok(body),
            Err(problem) => Err((problem.status().as_u16(), problem.code().to_owned())),
        }
    }

    #[tokio::test]
    async fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let read = sent("application/json", r#"{"terms_version":285.0,"lat":35.0}"#).await;
        assert_eq!(
            read,
            Ok(Body1 {
                terms_version: 285,
                lat: Some(35.0)
            })
        );
        let read = sent("application/json", r#"{"terms_version":2.85e2,"lat":35.5}"#).await;
        assert_eq!(
            read,
            Ok(Body1 {
                terms_version: 285,
                lat: Some(35.5)
            })
        );
        let refused = sent("application/json", r#"{"terms_version":285.5}"#).await;
        assert_eq!(refused, Err((422, "invalid-body".to_owned())));
        let refused = sent("application/json", r#"{"terms_version":-1.0}"#).await;
        assert_eq!(refused, Err((422, "invalid-body".to_owned())));
    }

    #[tokio::test]
    async fn a_body_that_may_be_left_out_may_be_null_too() {
        for (content_type, body) in [(None, ""), (Some("application/json"), "null")] {
            let mut request = Request::builder();
            if let Some(content_type) = content_type {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            let request = request.body(Body::from(body)).unwrap();
            let read = <Json<Body1> as OptionalFromRequest<()>>::from_request(request, &()).await;
            assert!(read.unwrap().is_none(), "{body}");
        }
    }

    #[tokio::test]
    async fn each_failure_of_a_body_has_its_own_problem() {
        for (content_type, body, status, code) in [
            ("text/plain", "{}", 415, "unsupported-media-type"),
            ("application/json", "{", 400, "bad-request"),
            ("application/json", "{}", 422, "invalid-body"),
            (
                "application/json",
                r#"{"terms_version":1,"x":1}"#,
                422,
                "invalid-body",
            ),
        ] {
            assert_eq!(
                sent(content_type, body).await,
                Err((status, code.to_owned())),
                "{body}"
            );
        }
        assert!(
            sent("application/json; charset=utf-8", r#"{"terms_version":1}"#)
                .await
                .is_ok()
        );
    }
}
