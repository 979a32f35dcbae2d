//! What a header says, as far as a bundle is checked by it.

use serde::Deserialize;
use serde_json::Value;

/// What the header of an event says; what else stands there is of no matter here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) version: u64,
    #[serde(rename = "type", default)]
    pub(crate) event_type: Value,
    pub(crate) at: String,
    pub(crate) actor: String,
    #[serde(default)]
    pub(crate) acting_for: Option<String>,
    #[serde(default)]
    pub(crate) causation: Option<String>,
    pub(crate) data: Value,
    #[serde(default)]
    pub(crate) sealed: Vec<Sealed>,
}

/// A sealed section, as a header lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) commitment: String,
}

impl Header {
    /// Reads a header; none where the bytes are not one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(bytes).ok()?;
        header.data.is_object().then_some(header)
    }

    /// Does it speak of this name: in its data, or as who did it or for whom?
    pub(crate) fn speaks_of(&self, name: &str) -> bool {
        self.actor == name || self.acting_for.as_deref() == Some(name) || says(&self.data, name)
    }

    /// Does it say that this key, `<subject>/<class>/<n>`, was destroyed?
    ///
    /// It does where its data has the key's id, or both the subject and `<class>/<m>` with m not
    /// below n: the key of that number and all before it.
    pub(crate) fn erases(&self, key: &str) -> bool {
        let mut parts = key.rsplitn(3, '/');
        let (number, class) = (parts.next().and_then(number), parts.next());
        let (Some(number), Some(class), Some(subject)) = (number, class, parts.next()) else {
            return false;
        };
        let up_to = |text: &str| {
            let last = text
                .strip_prefix(class)
                .and_then(|rest| rest.strip_prefix('/'));
            last.and_then(self::number)
                .is_some_and(|last| last >= number)
        };
        says(&self.data, key) || says(&self.data, subject) && any(&self.data, &up_to)
    }
}

/// What the event that tells of a redaction says.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Redaction {
    /// Where the redacted event stands.
    pub(crate) position: u64,
    /// Its stream.
    pub(crate) stream: String,
    /// Its version there.
    pub(crate) version: u64,
    /// Its entry, in hexadecimal.
    pub(crate) entry: String,
    /// The reference of the order.
    pub(crate) order: String,
}

impl Header {
    /// What it says of a redacted event; none where it is of another type, or does not stand in
    /// the stream of that event.
    pub(crate) fn redaction(&self) -> Option<Redaction> {
        if self.event_type != "EventRedacted" {
            return None;
        }
        let said: Redaction = serde_json::from_value(self.data.clone()).ok()?;
        (said.stream == self.stream && said.version < self.version).then_some(said)
    }
}

/// The number of a key: decimal, without zeros before it.
fn number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (number > 0 && text == u64::to_string(&number)).then_some(number)
}

/// Is this text one of the values, however deep?
fn says(value: &Value, text: &str) -> bool {
    any(value, &|found| found == text)
}

/// Is one of the texts among the values such, however deep?
fn any(value: &Value, is_such: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(found) => is_such(found),
        Value::Array(values) => values.iter().any(|value| any(value, is_such)),
        Value::Object(fields) => fields.values().any(|value| any(value, is_such)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Does the event with this header say that this key, `<subject>/<class>/<n>`, was destroyed?
///
/// That is what makes it one of the erasures that a bundle holds: its data has the key's id, or
/// both the subject and `<class>/<m>` with m not below n.
pub fn erases(header: &str, key: &str) -> bool {
    Header::parse(header.as_bytes()).is_some_and(|header| header.erases(key))
}
