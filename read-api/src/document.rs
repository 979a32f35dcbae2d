//! The description of the API: `OpenAPI` 3.1 for programs, a plain page for people.

mod page;
mod schema;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Required};

/// Where the document is served.
pub const DOCUMENT_PATH: &str = "/api/openapi.json";

/// Where the page is served.
pub const PAGE_PATH: &str = "/api";

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

/// The routes that serve the description of all routes.
///
/// `merged` is what the routers of both sides have collected; what they say of themselves (title,
/// tags, how to authenticate) is completed here.
///
/// # Errors
/// `serde_json::Error` where the document cannot be written as JSON, which no document is known to
/// cause.
pub fn document(merged: OpenApi) -> Result<Router, serde_json::Error> {
    let completed = completed(merged);
    let json = Bytes::from(serde_json::to_vec(&completed)?);
    let page = Bytes::from(page::render(&serde_json::to_value(&completed)?));
    Ok(Router::new()
        .route(
            DOCUMENT_PATH,
            get(async move || served(json, "application/json", None)),
        )
        .route(
            PAGE_PATH,
            get(async move || served(page, "text/html; charset=utf-8", Some(POLICY))),
        ))
}

/// The page has no script and loads nothing, so a browser need not allow it either.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

fn served(body: Bytes, content_type: &'static str, policy: Option<&'static str>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let sniffing = HeaderName::from_static("x-content-type-options");
    headers.insert(sniffing, HeaderValue::from_static("nosniff"));
    if let Some(policy) = policy {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        );
    }
    response
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
    use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
    use utoipa::openapi::{PathsBuilder, ResponseBuilder};

    /// A document in which everything that others write tries to become markup.
    fn hostile() -> OpenApi {
        let evil = "<script>alert(\"'&\")</script>";
        let parameter = ParameterBuilder::new()
            .name(evil)
            .description(Some(evil))
            .build();
        let response = ResponseBuilder::new().description(evil).build();
        let operation = OperationBuilder::new()
            .summary(Some(evil))
            .description(Some(evil))
            .tag("posts")
            .parameter(parameter)
            .response("200", response)
            .build();
        let item = PathItem::new(HttpMethod::Get, operation);
        let mut document = OpenApi::default();
        document.paths = PathsBuilder::new().path("/api/\"><b>", item).build();
        document
    }

    #[test]
    fn nothing_in_the_document_becomes_markup() {
        let document = serde_json::to_value(completed(hostile())).unwrap();
        let page = page::render(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"><b>"), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(&quot;&#39;&amp;&quot;)"),
            "{page}"
        );
    }

    #[test]
    fn the_document_is_openapi_3_1_and_tells_how_to_authenticate() {
        let document = serde_json::to_value(completed(OpenApi::default())).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(schemes["bearer"]["scheme"], "bearer");
        assert_eq!(schemes["auditor"]["scheme"], "bearer");
    }
}
