//! JSON schemas as a reader's tables: names, types, what is required.

use askama::Template;
use serde_json::Value;

use super::entries;

const REFERENCE: &str = "#/components/schemas/";

/// Text in which blank lines part paragraphs and `backquotes` mark code. As a template of its own
/// it is escaped already where another shows it.
#[derive(Template)]
#[template(path = "reference/prose.html")]
pub(super) struct Prose<'a> {
    /// Paragraphs of pieces, each with whether it is code.
    paragraphs: Vec<Vec<(bool, &'a str)>>,
}

impl<'a> Prose<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let paragraphs = text.split("\n\n").filter(|part| !part.trim().is_empty());
        let pieces = |paragraph: &'a str| {
            let pieces = paragraph.split('`').enumerate();
            let pieces = pieces.map(|(index, piece)| (index % 2 == 1, piece));
            pieces.collect()
        };
        Self {
            paragraphs: paragraphs.map(pieces).collect(),
        }
    }

    /// The text that a field of the document holds, if any.
    pub(super) fn of(field: &'a Value) -> Self {
        Self::new(field.as_str().unwrap_or_default())
    }
}

/// A schema's type on one line, with links to named schemas. As a template of its own it is escaped
/// already where another shows it.
#[derive(Template)]
#[template(path = "reference/type.html")]
pub(super) struct TypeOf<'a> {
    shape: Shape<'a>,
}

enum Shape<'a> {
    /// A named schema.
    Named { name: &'a str, anchor: String },
    /// Several, and what stands between them.
    Several(&'static str, Vec<TypeOf<'a>>),
    /// One of these values.
    Values(Vec<String>),
    /// An array of such.
    Array(Box<TypeOf<'a>>),
    /// Types by their names, and their limits.
    Plain(Vec<&'a str>, String),
    /// Anything.
    Any,
}

impl<'a> TypeOf<'a> {
    pub(super) fn of(schema: &'a Value) -> Self {
        let shape = Self::shape(schema);
        Self { shape }
    }

    fn shape(schema: &'a Value) -> Shape<'a> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches(REFERENCE);
            let anchor = slug(name);
            return Shape::Named { name, anchor };
        }
        for (word, link) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " + ")] {
            if let Some(choices) = schema[word].as_array() {
                return Shape::Several(link, choices.iter().map(Self::of).collect());
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            return Shape::Values(values.iter().map(Value::to_string).collect());
        }
        match &schema["type"] {
            Value::String(name) if name == "array" => {
                Shape::Array(Box::new(Self::of(&schema["items"])))
            }
            Value::String(name) => Shape::Plain(vec![name], limits(schema)),
            Value::Array(names) => {
                let names = names.iter().map(|name| name.as_str().unwrap_or_default());
                Shape::Plain(names.collect(), limits(schema))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Shape::Any,
        }
    }
}

fn limits(schema: &Value) -> String {
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
    let limits = LIMITS.iter().filter_map(|(field, label)| {
        let value = match &schema[field] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        };
        Some(format!(", {label}{value}"))
    });
    limits.collect()
}

/// What a parameter or property says of itself, or its schema in its place.
pub(super) fn meaning(described: &Value) -> Prose<'_> {
    let own = described["description"].as_str();
    let own = own.or_else(|| described["schema"]["description"].as_str());
    Prose::new(own.unwrap_or_default())
}

/// An anchor: letters, digits and hyphens.
pub(super) fn slug(text: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

/// A named schema.
pub(super) struct Schema<'a> {
    pub(super) name: &'a str,
    pub(super) anchor: String,
    pub(super) meaning: Prose<'a>,
    /// What is put together of several schemas shows its own part as a table.
    pub(super) parts: Vec<Part<'a>>,
}

/// A part of a schema: a table of properties, or a type.
pub(super) enum Part<'a> {
    Properties(Vec<Property<'a>>),
    Type(TypeOf<'a>),
}

pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    pub(super) required: bool,
    pub(super) shape: TypeOf<'a>,
    pub(super) meaning: Prose<'a>,
}

impl<'a> Schema<'a> {
    pub(super) fn of(name: &'a str, schema: &'a Value) -> Self {
        let parts = schema["allOf"].as_array();
        let parts = parts.map_or(std::slice::from_ref(schema), Vec::as_slice);
        Self {
            name,
            anchor: slug(name),
            meaning: Prose::of(&schema["description"]),
            parts: parts.iter().map(Part::of).collect(),
        }
    }
}

impl<'a> Part<'a> {
    fn of(schema: &'a Value) -> Self {
        if !schema["properties"].is_object() {
            return Self::Type(TypeOf::of(schema));
        }
        let required = schema["required"].as_array();
        let is_required = |name| required.is_some_and(|names| names.iter().any(|it| it == name));
        let properties = entries(&schema["properties"]).map(|(name, property)| Property {
            name,
            required: is_required(name),
            shape: TypeOf::of(property),
            meaning: Prose::of(&property["description"]),
        });
        Self::Properties(properties.collect())
    }
}
