//! The human page of the API: the `OpenAPI` document as plain HTML, Japanese first.

use super::schema;
use crate::html::Html;
use serde_json::Value;

/// Methods in the order in which a reader looks for them.
const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

/// The vendor extension in which a route carries its summary in Japanese.
const SUMMARY_JA: &str = "x-summary-ja";

/// One route of the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    value: &'a Value,
}

impl<'a> Operation<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.value[field].as_str()
    }

    fn tag(&self) -> &'a str {
        self.value["tags"][0].as_str().unwrap_or("other")
    }

    fn write_anchor(&self, html: &mut Html) {
        html.text(self.method).slug(self.path);
    }
}

/// Renders the whole page from the document's JSON.
pub(super) fn render(document: &Value) -> String {
    let operations = operations(document);
    let tags = tags(document, &operations);
    let mut html = Html::default();
    head(&mut html, document);
    html.raw("<nav aria-label=\"目次 / Contents\">\n");
    for tag in &tags {
        contents(&mut html, tag, &operations);
    }
    html.raw("<p><a href=\"#schemas\">データの形 <span lang=\"en\">Schemas</span></a></p></nav>\n");
    for tag in &tags {
        html.raw("<section>\n<h2>");
        tag_title(&mut html, tag);
        html.raw("</h2>\n");
        for operation in operations
            .iter()
            .filter(|operation| operation.tag() == tag.name)
        {
            section(&mut html, operation);
        }
        html.raw("</section>\n");
    }
    schema::all(&mut html, &document["components"]["schemas"]);
    html.raw("</main>\n</body>\n</html>\n");
    html.finish()
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| {
                let value = item.get(method)?;
                Some(Operation {
                    method,
                    path,
                    value,
                })
            })
        })
        .collect()
}

/// A group of routes, with its title in both languages.
struct Tag<'a> {
    name: &'a str,
    description: Option<&'a str>,
}

/// Every tag in the order of the document, then those that only routes mention.
fn tags<'a>(document: &'a Value, operations: &[Operation<'a>]) -> Vec<Tag<'a>> {
    let mut tags: Vec<Tag<'a>> = document["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| {
            let name = tag["name"].as_str()?;
            Some(Tag {
                name,
                description: tag["description"].as_str(),
            })
        })
        .collect();
    for operation in operations {
        if !tags.iter().any(|tag| tag.name == operation.tag()) {
            tags.push(Tag {
                name: operation.tag(),
                description: None,
            });
        }
    }
    tags.retain(|tag| {
        operations
            .iter()
            .any(|operation| operation.tag() == tag.name)
    });
    tags
}

fn tag_title(html: &mut Html, tag: &Tag<'_>) {
    // The description of a tag is "日本語 / English".
    match tag.description.and_then(|text| text.split_once(" / ")) {
        Some((ja, en)) => {
            html.text(ja)
                .raw(" <span lang=\"en\">")
                .text(en)
                .raw("</span>");
        }
        None => {
            html.text(tag.name);
        }
    }
}

fn head(html: &mut Html, document: &Value) {
    let info = &document["info"];
    let title = info["title"].as_str().unwrap_or("API");
    html.raw("<!doctype html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>")
        .text(title)
        .raw("</title>\n<style>\n")
        .raw(include_str!("page.css"))
        .raw("</style>\n</head>\n<body>\n<main>\n<h1>")
        .text(title)
        .raw(" <small>")
        .text(info["version"].as_str().unwrap_or_default())
        .raw("</small></h1>\n")
        .raw(include_str!("introduction.html"))
        .raw("<div lang=\"en\">")
        .prose(info["description"].as_str().unwrap_or_default())
        .raw("</div>\n");
}

fn contents(html: &mut Html, tag: &Tag<'_>, operations: &[Operation<'_>]) {
    html.raw("<h2>");
    tag_title(html, tag);
    html.raw("</h2>\n<ul>\n");
    for operation in operations
        .iter()
        .filter(|operation| operation.tag() == tag.name)
    {
        html.raw("<li><a href=\"#");
        operation.write_anchor(html);
        html.raw("\"><code>");
        html.text(&operation.method.to_uppercase())
            .raw(" ")
            .text(operation.path);
        html.raw("</code></a> ");
        summary(html, operation);
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
}

fn summary(html: &mut Html, operation: &Operation<'_>) {
    if let Some(ja) = operation.text(SUMMARY_JA) {
        html.text(ja).raw(" ");
    }
    if let Some(en) = operation.text("summary") {
        html.raw("<span lang=\"en\">").text(en).raw("</span>");
    }
}

fn section(html: &mut Html, operation: &Operation<'_>) {
    html.raw("<article id=\"");
    operation.write_anchor(html);
    html.raw("\">\n<h3><code>");
    html.text(&operation.method.to_uppercase())
        .raw(" ")
        .text(operation.path);
    html.raw("</code></h3>\n<p>");
    summary(html, operation);
    html.raw("</p>\n");
    if let Some(description) = operation.text("description") {
        html.raw("<div lang=\"en\">")
            .prose(description)
            .raw("</div>\n");
    }
    security(html, operation);
    parameters(html, operation);
    body(html, operation);
    responses(html, operation);
    html.raw("</article>\n");
}

fn security(html: &mut Html, operation: &Operation<'_>) {
    let Some(requirements) = operation.value["security"].as_array() else {
        return;
    };
    html.raw("<p>認証 <span lang=\"en\">Authentication</span>: ");
    for (index, requirement) in requirements.iter().enumerate() {
        if index > 0 {
            html.raw(" · ");
        }
        let names: Vec<&str> = requirement
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        if names.is_empty() {
            html.raw("不要 <span lang=\"en\">none</span>");
        } else {
            html.raw("<code>").text(&names.join(" + ")).raw("</code>");
        }
    }
    html.raw("</p>\n");
}

fn parameters(html: &mut Html, operation: &Operation<'_>) {
    let Some(parameters) = operation.value["parameters"].as_array() else {
        return;
    };
    html.raw("<table>\n<caption>パラメーター <span lang=\"en\">Parameters</span></caption>\n")
        .raw("<tr><th>名前 <span lang=\"en\">Name</span></th>")
        .raw("<th>場所 <span lang=\"en\">In</span></th>")
        .raw("<th>型 <span lang=\"en\">Type</span></th>")
        .raw("<th>説明 <span lang=\"en\">Meaning</span></th></tr>\n");
    for parameter in parameters {
        html.raw("<tr><td><code>")
            .text(parameter["name"].as_str().unwrap_or_default())
            .raw("</code>");
        schema::required_mark(html, parameter["required"].as_bool().unwrap_or(false));
        html.raw("</td><td>")
            .text(parameter["in"].as_str().unwrap_or_default())
            .raw("</td><td>");
        schema::type_of(html, &parameter["schema"]);
        html.raw("</td><td lang=\"en\">")
            .prose(schema::meaning(parameter))
            .raw("</td></tr>\n");
    }
    html.raw("</table>\n");
}

fn body(html: &mut Html, operation: &Operation<'_>) {
    let content = &operation.value["requestBody"]["content"];
    for (media, value) in content.as_object().into_iter().flatten() {
        html.raw("<p>本文 <span lang=\"en\">Body</span>: <code>")
            .text(media)
            .raw("</code> ");
        schema::type_of(html, &value["schema"]);
        html.raw("</p>\n");
    }
}

fn responses(html: &mut Html, operation: &Operation<'_>) {
    html.raw("<table>\n<caption>応答 <span lang=\"en\">Answers</span></caption>\n")
        .raw("<tr><th>状態 <span lang=\"en\">Status</span></th>")
        .raw("<th>内容 <span lang=\"en\">Content</span></th>")
        .raw("<th>説明 <span lang=\"en\">Meaning</span></th></tr>\n");
    for (status, response) in operation.value["responses"]
        .as_object()
        .into_iter()
        .flatten()
    {
        html.raw("<tr><td><code>")
            .text(status)
            .raw("</code></td><td>");
        for (media, content) in response["content"].as_object().into_iter().flatten() {
            html.raw("<code>").text(media).raw("</code> ");
            schema::type_of(html, &content["schema"]);
        }
        html.raw("</td><td lang=\"en\">")
            .prose(response["description"].as_str().unwrap_or_default())
            .raw("</td></tr>\n");
    }
    html.raw("</table>\n");
}
