//! The page of the API: the `OpenAPI` document for people, Japanese first.

mod schema;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::Value;

use schema::{Prose, Schema, TypeOf};

/// Where the page is served.
pub const PAGE_PATH: &str = "/api";

/// The page has no script and loads nothing, so a browser need not allow it either.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Methods in the order in which a reader looks for them.
const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

/// The vendor extension in which a route carries its summary in Japanese.
const SUMMARY_JA: &str = "x-summary-ja";

/// The route that serves the page of this document.
pub fn reference(document: &Value) -> Router {
    let page = Bytes::from(render(document));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    Router::new().route(
        PAGE_PATH,
        get(async move || (headers, page).into_response()),
    )
}

fn render(document: &Value) -> String {
    let page = Reference::of(document).render();
    page.expect("INVARIANT: a page is written to a text, which takes everything")
}

/// The page.
#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'a> {
    title: &'a str,
    version: &'a str,
    description: Prose<'a>,
    tags: Vec<Tag<'a>>,
    schemas: Vec<Schema<'a>>,
}

/// A group of routes.
struct Tag<'a> {
    name: &'a str,
    /// Its title in Japanese and in English.
    title: Option<(&'a str, &'a str)>,
    operations: Vec<Operation<'a>>,
}

/// One route of the document.
struct Operation<'a> {
    tag: &'a str,
    anchor: String,
    method: String,
    path: &'a str,
    summary_ja: Option<&'a str>,
    summary_en: Option<&'a str>,
    description: Option<Prose<'a>>,
    /// What may be sent to authenticate, each as names that go together.
    security: Option<Vec<String>>,
    parameters: Option<Vec<Parameter<'a>>>,
    /// Media type and shape.
    bodies: Vec<(&'a str, TypeOf<'a>)>,
    responses: Vec<Response<'a>>,
}

struct Parameter<'a> {
    name: &'a str,
    required: bool,
    place: &'a str,
    shape: TypeOf<'a>,
    meaning: Prose<'a>,
}

struct Response<'a> {
    status: &'a str,
    contents: Vec<(&'a str, TypeOf<'a>)>,
    meaning: Prose<'a>,
}

impl<'a> Reference<'a> {
    fn of(document: &'a Value) -> Self {
        let info = &document["info"];
        Self {
            title: info["title"].as_str().unwrap_or("API"),
            version: info["version"].as_str().unwrap_or_default(),
            description: Prose::of(&info["description"]),
            tags: tags(document),
            schemas: entries(&document["components"]["schemas"])
                .map(|(name, schema)| Schema::of(name, schema))
                .collect(),
        }
    }
}

/// Every tag in the order of the document, then those that only routes mention.
fn tags(document: &Value) -> Vec<Tag<'_>> {
    let described = document["tags"].as_array().into_iter().flatten();
    let described = described.filter_map(|tag| {
        // The description of a tag is "日本語 / English".
        let title = tag["description"].as_str();
        let title = title.and_then(|text| text.split_once(" / "));
        Some((tag["name"].as_str()?, title))
    });
    let mut tags: Vec<Tag<'_>> = described
        .map(|(name, title)| Tag {
            name,
            title,
            operations: Vec::new(),
        })
        .collect();
    for operation in operations(document) {
        match tags.iter_mut().find(|tag| tag.name == operation.tag) {
            Some(tag) => tag.operations.push(operation),
            None => tags.push(Tag {
                name: operation.tag,
                title: None,
                operations: vec![operation],
            }),
        }
    }
    tags.retain(|tag| !tag.operations.is_empty());
    tags
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    entries(&document["paths"]).flat_map(|(path, item)| {
        let methods = METHODS.iter();
        methods.filter_map(move |method| Some(Operation::of(method, path, item.get(method)?)))
    })
}

impl<'a> Operation<'a> {
    fn of(method: &str, path: &'a str, value: &'a Value) -> Self {
        let parameters = value["parameters"].as_array();
        let security = value["security"].as_array();
        Self {
            tag: value["tags"][0].as_str().unwrap_or("other"),
            anchor: method.to_owned() + &schema::slug(path),
            method: method.to_uppercase(),
            path,
            summary_ja: value[SUMMARY_JA].as_str(),
            summary_en: value["summary"].as_str(),
            description: value["description"].as_str().map(Prose::new),
            security: security.map(|all| all.iter().map(together).collect()),
            parameters: parameters.map(|all| all.iter().map(Parameter::of).collect()),
            bodies: contents(&value["requestBody"]),
            responses: entries(&value["responses"])
                .map(|(status, response)| Response::of(status, response))
                .collect(),
        }
    }
}

/// The names of what has to be sent together; none where nothing has to be.
fn together(requirement: &Value) -> String {
    let names: Vec<&str> = entries(requirement).map(|(name, _)| name).collect();
    names.join(" + ")
}

impl<'a> Parameter<'a> {
    fn of(parameter: &'a Value) -> Self {
        Self {
            name: parameter["name"].as_str().unwrap_or_default(),
            required: parameter["required"].as_bool().unwrap_or(false),
            place: parameter["in"].as_str().unwrap_or_default(),
            shape: TypeOf::of(&parameter["schema"]),
            meaning: schema::meaning(parameter),
        }
    }
}

impl<'a> Response<'a> {
    fn of(status: &'a str, response: &'a Value) -> Self {
        Self {
            status,
            contents: contents(response),
            meaning: Prose::of(&response["description"]),
        }
    }
}

fn contents(of: &Value) -> Vec<(&str, TypeOf<'_>)> {
    let contents = entries(&of["content"]);
    let shapes = contents.map(|(media, content)| (media, TypeOf::of(&content["schema"])));
    shapes.collect()
}

/// The fields of an object; none of anything else.
fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::render;

    #[test]
    fn nothing_in_the_document_becomes_markup() {
        // Everything that others write tries to become markup.
        let evil = "<script>alert(\"'&\")</script>";
        let operation = json!({
            "summary": evil, "description": evil, "tags": ["posts"],
            "parameters": [{"name": evil, "description": evil, "schema": {"type": evil}}],
            "responses": {"200": {"description": evil}},
        });
        let page = render(&json!({"paths": {"/api/\"><b>": {"get": operation}}}));
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\"><b>"), "{page}");
        let escaped = "&lt;script&gt;alert(&quot;&#39;&amp;&quot;)";
        assert!(page.contains(&format!("<p>{escaped}")), "{page}");
        assert!(page.contains(&format!("<td>{escaped}")), "{page}");
    }
}
