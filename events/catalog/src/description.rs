//! What events look like, told for people and for review.

use serde::Serialize;

/// What an event looks like: committed as `catalog.json`, so that a change of shape is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Name of the type.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// Schema number.
    pub schema: u32,
    /// What it tells.
    pub meaning: String,
    /// Fields of the open data.
    pub open: Vec<OpenField>,
    /// Sealed sections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedSection>,
}

/// A field of an event's open data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenField {
    /// Its name.
    pub name: &'static str,
    /// What its values look like.
    pub shape: String,
    /// What it tells.
    pub meaning: String,
}

/// A sealed section of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedSection {
    /// Its name.
    pub name: &'static str,
    /// Retention class of the key.
    pub class: &'static str,
    /// The open field that names the member whose key seals it.
    pub subject: &'static str,
    /// Whether it may be absent.
    pub optional: bool,
    /// The fields of its plaintext and what their values look like; written as an object.
    #[serde(serialize_with = "as_object")]
    pub fields: Vec<(&'static str, &'static str)>,
    /// What it tells.
    pub meaning: String,
}

fn as_object<S: serde::Serializer>(
    fields: &[(&'static str, &'static str)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().copied())
}
