//! The description of the API, as `OpenAPI` 3.1.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Required};

/// Where the document is served.
pub const DOCUMENT_PATH: &str = "/api/openapi.json";

const DESCRIPTION: &str = "Meguri (巡り) is a mutual-help exchange on an event log: every action \
is an append-only event, and every answer is read from a view that can be thrown away and rebuilt.

Every POST takes an `Idempotency-Key`: repeating a request under the same key does nothing twice. \
The answer to a write carries the `position` of what it wrote; a read that passes it back as \
`min_position` sees at least that; one with `as_of`, a position or a time, answers as it was then, \
under today's names and permissions. `ETag` and `If-Match` carry stream versions. Errors are \
`application/problem+json` (RFC 9457) with a stable `type`, in Japanese unless `Accept-Language` \
prefers English. A write that asks `Prefer: wait=included` is answered when its event is under a \
signed checkpoint, with the proof. H-numbers in descriptions are the rules of the product.";

/// Tags and their titles, "日本語 / English", in the order in which a reader needs them.
const TAGS: [(&str, &str); 8] = [
    ("members", "会員 / Members"),
    ("tokens", "アクセストークン / Access tokens"),
    ("posts", "コマリゴトとデキルコト / Needs and Offers"),
    ("exchanges", "交換 / Exchanges"),
    ("status", "状態とライブ更新 / Status and live updates"),
    ("audit", "監査 / Audit"),
    ("problems", "問題の種類 / Kinds of problem"),
    ("operations", "運用 / Operations"),
];

/// The whole document, and the route that serves it.
///
/// `merged` is what the routers of both sides have collected; what they say of themselves (title,
/// tags, how to authenticate) is completed here.
///
/// # Errors
/// `serde_json::Error` where the document cannot be written as JSON, which no document is known to
/// cause.
pub fn described(merged: OpenApi) -> Result<(Value, Router), serde_json::Error> {
    let completed = completed(merged);
    let json = Bytes::from(serde_json::to_vec(&completed)?);
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let served = get(async move || (headers, json).into_response());
    let document = serde_json::to_value(&completed)?;
    Ok((document, Router::new().route(DOCUMENT_PATH, served)))
}

fn completed(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Meguri API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new().name("MIT OR Apache-2.0").build(),
        ))
        .build();
    let tag = |(name, title): (&str, &str)| {
        TagBuilder::new()
            .name(name)
            .description(Some(title))
            .build()
    };
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.post, &mut item.put, &mut item.delete] {
            let parameters = operation
                .as_mut()
                .map(|it| it.parameters.get_or_insert_default());
            if let Some(parameters) = parameters {
                parameters.push(RefOr::T(prefer()));
            }
        }
    }
    document.tags = Some(TAGS.into_iter().map(tag).collect());
    let components = document.components.get_or_insert_with(Components::default);
    for (name, description) in [
        (
            "bearer",
            "A member's access token, as `POST /api/members` or `POST /api/tokens` answers",
        ),
        (
            "auditor",
            "An auditor's access token, as `meguri auditor add` prints",
        ),
    ] {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = scheme.description(Some(description)).build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    }
    document
}

/// The preference that every write takes.
fn prefer() -> Parameter {
    let text = Object::with_type(SchemaType::Type(Type::String));
    let description = "`wait=included`: answer when the event is under a signed checkpoint, at \
        most 10 seconds later, with the proof in `included`";
    ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_tells_how_to_authenticate() {
        let document = serde_json::to_value(completed(OpenApi::default())).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(schemes["bearer"]["scheme"], "bearer");
        assert_eq!(schemes["auditor"]["scheme"], "bearer");
    }
}
