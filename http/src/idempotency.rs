//! `Idempotency-Key`: a repeated request answers as the first did and does nothing twice.

use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts};
use axum::http::Method;
use axum::http::request::Parts;
use meguri_commands::RequestDigest;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Problem, kinds};

/// Longest `Idempotency-Key`, in characters.
pub const CLIENT_KEY_CHARS_MAX: usize = 200;

const HEADER: &str = "idempotency-key";

/// The header, for the API description.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyHeader {
    /// 1 to 200 visible ASCII characters chosen by the client. A request repeated under the same
    /// key within 30 days answers as the first did and does nothing again; another request under
    /// the same key is refused (422).
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$"
    )]
    pub key: Option<String>,
}

/// What a client sent as `Idempotency-Key`, with the route and address it was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    method: Method,
    route: String,
    path: String,
}

impl IdempotencyKey {
    /// The hashes for this request of this actor. `body` is written again as JSON, so that white
    /// space and the order of fields do not matter; what must not be hashed, skips serialising.
    pub fn digest(&self, actor: &str, body: &impl Serialize) -> RequestDigest {
        let mut key = Sha256::new();
        for part in [actor, self.method.as_str(), &self.route, &self.key] {
            framed(&mut key, part.as_bytes());
        }
        let mut request = Sha256::new();
        framed(&mut request, self.method.as_str().as_bytes());
        framed(&mut request, self.path.as_bytes());
        let body = serde_json::to_vec(body);
        let body = body.expect("INVARIANT: it was read from JSON, so it can be written as JSON");
        framed(&mut request, &body);
        RequestDigest {
            key: key.finalize().into(),
            request: request.finalize().into(),
        }
    }
}

/// Length first, so that no two lists of parts give the same bytes.
fn framed(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part);
}

impl<S: Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let visible = |text: &&str| {
            (1..=CLIENT_KEY_CHARS_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let Some(key) = value
            .to_str()
            .ok()
            .filter(visible)
            .filter(|_| values.next().is_none())
        else {
            return Err(Problem::new(kinds::BAD_REQUEST).detail(
                "Idempotency-Key は 1～200 文字の印字可能な ASCII 文字で、一つだけ送ってください",
                "Send one Idempotency-Key of 1 to 200 visible ASCII characters",
            ));
        };
        let path = parts.uri.path().to_owned();
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map_or_else(|| path.clone(), |matched| matched.as_str().to_owned());
        Ok(Some(Self {
            key: key.to_owned(),
            method: parts.method.clone(),
            route,
            path,
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await?
            .ok_or_else(|| {
                Problem::new(kinds::BAD_REQUEST).detail(
                    "Idempotency-Key が必要です",
                    "An Idempotency-Key is needed here",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::Request;

    async fn key_of(path: &str, keys: &[&str]) -> Result<Option<IdempotencyKey>, Problem> {
        let mut request = Request::post(path);
        for key in keys {
            request = request.header(HEADER, *key);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        <IdempotencyKey as OptionalFromRequestParts<()>>::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_key_has_1_to_200_visible_characters() {
        assert_eq!(key_of("/a", &[]).await.unwrap(), None);
        assert!(key_of("/a", &[&"k".repeat(200)]).await.unwrap().is_some());
        for refused in ["", "two words", &"k".repeat(201), "鍵"] {
            assert_eq!(
                key_of("/a", &[refused]).await.unwrap_err().status(),
                400,
                "{refused}"
            );
        }
        assert_eq!(
            key_of("/a", &["one", "two"]).await.unwrap_err().status(),
            400
        );
    }

    #[tokio::test]
    async fn actor_and_key_name_the_request_and_its_content_tells_it_from_others() {
        let key = key_of("/a", &["k"]).await.unwrap().unwrap();
        let first = key.digest("member-1", &"words");
        assert_eq!(first, key.digest("member-1", &"words"));
        assert_ne!(first.key, key.digest("member-2", &"words").key);
        assert_eq!(first.key, key.digest("member-1", &"other").key);
        assert_ne!(first.request, key.digest("member-1", &"other").request);
    }
}
