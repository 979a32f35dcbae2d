//! The path and the query of an address, whose failures are problem details.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::input::{OneText, Pairs};
use crate::{Problem, kinds};

/// The path's parameter; an id that is none is an address where nothing is (404).
///
/// A number has one writing: `+4` and `04` are other addresses than `4`. So has an id: in capitals,
/// or without its hyphens, it is another address.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = RawPathParams::from_request_parts(parts, state).await;
        let found = match &found {
            Ok(found) => found.iter().next(),
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
                return Err(Problem::new(kinds::NOT_FOUND));
            }
            Err(_) => None,
        };
        let Some((_, value)) = found else {
            tracing::error!("a route does not fit its handler");
            return Err(Problem::new(kinds::INTERNAL));
        };
        let read = T::deserialize(OneText(value.to_owned()));
        read.map(Self).map_err(|_| Problem::new(kinds::NOT_FOUND))
    }
}

/// The query's parameters: each once, by its name, and none that the route does not know where
/// its type says `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = Pairs::of(parts.uri.query().unwrap_or_default()).and_then(T::deserialize);
        read.map(Self).map_err(|error| error.of_query())
    }
}
