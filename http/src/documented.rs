//! The problems in the API's description: which statuses a route may answer with.

use std::collections::BTreeMap;

use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema};

use crate::{PROBLEM_MEDIA_TYPE, ProblemBody};

/// Name of the security scheme: an access token in `Authorization: Bearer`.
pub const BEARER: &str = "bearer";

/// An API description that holds what all routes refer to: start each router with it
/// (`OpenApiRouter::with_openapi`).
pub fn documented() -> OpenApi {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .schema("Problem", ProblemBody::schema())
        .security_scheme(BEARER, bearer)
        .build();
    OpenApiBuilder::new().components(Some(components)).build()
}

/// Problems any route may answer with.
#[derive(Debug, Clone, Copy)]
pub struct Problems;

/// Problems of a route that anyone may read, with a token or without one.
#[derive(Debug, Clone, Copy)]
pub struct PublicProblems;

/// Problems of a route on which members read what is theirs alone.
#[derive(Debug, Clone, Copy)]
pub struct MemberProblems;

/// Problems of a route that reads.
#[derive(Debug, Clone, Copy)]
pub struct ReadProblems;

/// Problems of a route that writes.
#[derive(Debug, Clone, Copy)]
pub struct WriteProblems;

const ALWAYS: &[(&str, &str)] = &[
    ("400", "The request cannot be read"),
    ("429", "Too many requests; see `Retry-After`"),
    ("500", "Something failed on the server"),
    (
        "503",
        "Busy, not available, or the outcome is unknown; try again with the same key",
    ),
];

const WITH_TOKEN: &[(&str, &str)] =
    &[("401", "An access token that is unknown, revoked or expired")];

const OF_MEMBERS: &[(&str, &str)] = &[
    (
        "401",
        "No access token, or one that is unknown, revoked or expired",
    ),
    ("403", "The token is not a member's"),
];

const READING: &[(&str, &str)] = &[
    (
        "401",
        "No access token, or one that is unknown, revoked or expired",
    ),
    ("403", "The caller may not do this"),
    (
        "404",
        "There is nothing here, or nothing the caller may know of",
    ),
];

const WRITING: &[(&str, &str)] = &[
    (
        "409",
        "Others changed the same thing at the same time, or a name is taken",
    ),
    ("412", "`If-Match` is not the current version"),
    ("413", "The body is too large"),
    (
        "415",
        "The body is not `application/json`, or it is encoded",
    ),
    (
        "422",
        "A rule does not allow this, or the body is not what the route takes",
    ),
];

type Responses = BTreeMap<String, RefOr<Response>>;

fn responses(lists: &[&[(&str, &str)]]) -> Responses {
    let one = |(status, description): &(&str, &str)| {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(*description)
            .content(PROBLEM_MEDIA_TYPE, content)
            .build();
        ((*status).to_owned(), RefOr::T(response))
    };
    lists.iter().flat_map(|list| list.iter().map(one)).collect()
}

impl IntoResponses for Problems {
    fn responses() -> Responses {
        responses(&[ALWAYS])
    }
}

impl IntoResponses for PublicProblems {
    fn responses() -> Responses {
        responses(&[ALWAYS, WITH_TOKEN])
    }
}

impl IntoResponses for MemberProblems {
    fn responses() -> Responses {
        responses(&[ALWAYS, OF_MEMBERS])
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> Responses {
        responses(&[ALWAYS, READING])
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> Responses {
        responses(&[ALWAYS, READING, WRITING])
    }
}
