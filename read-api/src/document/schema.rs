//! JSON schemas as a reader's tables: names, types, what is required.

use crate::html::Html;
use serde_json::Value;

const REFERENCE: &str = "#/components/schemas/";

/// Marks a field or parameter that must be present.
pub(super) fn required_mark(html: &mut Html, required: bool) {
    if required {
        html.raw(" <em>必須 <span lang=\"en\">required</span></em>");
    }
}

/// Writes a schema's type on one line, with links to named schemas.
pub(super) fn type_of(html: &mut Html, schema: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches(REFERENCE);
        html.raw("<a href=\"#schema-")
            .slug(name)
            .raw("\">")
            .text(name)
            .raw("</a>");
        return;
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[word].as_array() {
            let link = if word == "allOf" { " + " } else { " | " };
            join(html, choices, link, type_of);
            return;
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        join(html, values, " | ", literal);
        return;
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => {
            html.raw("array of ");
            type_of(html, &schema["items"]);
        }
        Value::String(name) => {
            html.text(name);
            limits(html, schema);
        }
        Value::Array(names) => {
            join(html, names, " | ", |html, name| {
                html.text(name.as_str().unwrap_or_default());
            });
            limits(html, schema);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            html.raw("any");
        }
    }
}

/// What a parameter or property says of itself, or its schema in its place.
pub(super) fn meaning(described: &Value) -> &str {
    let own = described["description"].as_str();
    own.or_else(|| described["schema"]["description"].as_str())
        .unwrap_or_default()
}

fn literal(html: &mut Html, value: &Value) {
    html.raw("<code>").text(&value.to_string()).raw("</code>");
}

fn join(html: &mut Html, values: &[Value], link: &'static str, write: impl Fn(&mut Html, &Value)) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            html.raw(link);
        }
        write(html, value);
    }
}

fn limits(html: &mut Html, schema: &Value) {
    const LIMITS: [(&str, &str); 8] = [
        ("format", ""),
        ("minimum", "≥ "),
        ("maximum", "≤ "),
        ("minLength", "min. length "),
        ("maxLength", "max. length "),
        ("maxItems", "max. items "),
        ("pattern", "pattern "),
        ("default", "default "),
    ];
    for (field, label) in LIMITS {
        match &schema[field] {
            Value::Null => {}
            Value::String(text) => {
                html.raw(", ").text(label).text(text);
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                html.raw(", ").text(label).text(&schema[field].to_string());
            }
        }
    }
}

/// Writes every named schema of the document.
pub(super) fn all(html: &mut Html, schemas: &Value) {
    html.raw("<section id=\"schemas\">\n<h2>データの形 <span lang=\"en\">Schemas</span></h2>\n");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        html.raw("<article id=\"schema-")
            .slug(name)
            .raw("\">\n<h3><code>")
            .text(name);
        html.raw("</code></h3>\n<div lang=\"en\">");
        html.prose(schema["description"].as_str().unwrap_or_default())
            .raw("</div>\n");
        // What is put together of several schemas shows its own part as a table.
        let parts = schema["allOf"]
            .as_array()
            .map_or(std::slice::from_ref(schema), |parts| parts);
        for part in parts {
            if part["properties"].is_object() {
                properties(html, part);
            } else {
                html.raw("<p>");
                type_of(html, part);
                html.raw("</p>\n");
            }
        }
        html.raw("</article>\n");
    }
    html.raw("</section>\n");
}

fn properties(html: &mut Html, schema: &Value) {
    let required = schema["required"].as_array();
    html.raw("<table>\n<tr><th>名前 <span lang=\"en\">Name</span></th>")
        .raw("<th>型 <span lang=\"en\">Type</span></th>")
        .raw("<th>説明 <span lang=\"en\">Meaning</span></th></tr>\n");
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        html.raw("<tr><td><code>").text(name).raw("</code>");
        let named = |names: &Vec<Value>| names.iter().any(|one| one.as_str() == Some(name));
        required_mark(html, required.is_some_and(named));
        html.raw("</td><td>");
        type_of(html, property);
        html.raw("</td><td lang=\"en\">")
            .prose(property["description"].as_str().unwrap_or_default())
            .raw("</td></tr>\n");
    }
    html.raw("</table>\n");
}
