//! What a header says, as far as a bundle is checked by it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::json;

/// The longest header that is read, in bytes: no log takes a longer event.
pub(crate) const HEADER_BYTES_MAX: usize = 64 << 10;
/// The most sections that an event may list.
const SECTIONS_MAX: usize = 16;

/// What the header of an event says; what else stands there is of no matter here. Its data is read
/// again where it is needed, so that a whole bundle of them takes little memory.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) version: u64,
    pub(crate) at: String,
    pub(crate) causation: Option<String>,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) redaction: Option<Redaction>,
}

/// A sealed section, as a header lists it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) commitment: String,
}

/// What the event that tells of a redaction says.
#[derive(Debug, Clone)]
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
    /// Reads a header; none where the bytes are not one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = read(bytes)?;
        text(&header, "actor")?;
        optional(&header, "acting_for").ok()?;
        let sealed = match header.get("sealed") {
            None => Vec::new(),
            Some(listed) => {
                let listed = listed.as_array()?.iter().map(Sealed::of);
                listed.collect::<Option<_>>()?
            }
        };
        if sealed.len() > SECTIONS_MAX {
            return None;
        }
        let mut read = Self {
            id: text(&header, "id")?,
            stream: text(&header, "stream")?,
            version: header.get("version")?.as_u64()?,
            at: text(&header, "at")?,
            causation: optional(&header, "causation").ok()?,
            sealed,
            redaction: None,
        };
        let redaction = Redaction::of(&header);
        // It says so of its own stream, and after that.
        read.redaction =
            redaction.filter(|it| it.stream == read.stream && it.version < read.version);
        Some(read)
    }
}

impl Sealed {
    fn of(listed: &Value) -> Option<Self> {
        Some(Self {
            section: text(listed, "section")?,
            key: text(listed, "key")?,
            commitment: text(listed, "commitment")?,
        })
    }
}

impl Redaction {
    /// What this header says of a redacted event; none where it is of another type.
    fn of(header: &Value) -> Option<Self> {
        if header.get("type")? != "EventRedacted" {
            return None;
        }
        let data = header.get("data")?;
        Some(Self {
            position: data.get("position")?.as_u64()?,
            stream: text(data, "stream")?,
            version: data.get("version")?.as_u64()?,
            entry: text(data, "entry")?,
            order: text(data, "order")?,
        })
    }
}

fn read(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > HEADER_BYTES_MAX {
        return None;
    }
    let header = json::read(bytes)?;
    header.get("data")?.is_object().then_some(header)
}

fn text(of: &Value, field: &str) -> Option<String> {
    of.get(field)?.as_str().map(str::to_owned)
}

/// A text that may be missing.
fn optional(of: &Value, field: &str) -> Result<Option<String>, NotText> {
    match of.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(str::to_owned).map(Some).ok_or(NotText),
    }
}

/// Something other than a text stands where only a text may.
struct NotText;

/// Every text that the header of an event has: in its data, however deep, and as who did it or for
/// whom.
pub(crate) fn names(header: &[u8]) -> HashSet<String> {
    let Some(header) = read(header) else {
        return HashSet::new();
    };
    let mut found = data_texts(&header);
    found.extend(
        ["actor", "acting_for"]
            .iter()
            .filter_map(|it| text(&header, it)),
    );
    found
}

fn data_texts(header: &Value) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut values: Vec<&Value> = header.get("data").into_iter().collect();
    while let Some(value) = values.pop() {
        match value {
            Value::String(text) => {
                found.insert(text.clone());
            }
            Value::Array(inner) => values.extend(inner),
            Value::Object(inner) => values.extend(inner.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// Which keys an event says were destroyed.
///
/// A key `<subject>/<class>/<n>` was where the data has its id, or both the subject and
/// `<class>/<m>` with m not below n: the key of that number and all before it.
///
/// That is what makes it one of the erasures that a bundle holds.
#[derive(Debug)]
pub struct ErasedKeys {
    texts: HashSet<String>,
    /// The last number of each class that is named.
    last: HashMap<String, u64>,
}

impl ErasedKeys {
    /// What this header says.
    pub fn of(header: &[u8]) -> Self {
        let texts = read(header).as_ref().map(data_texts).unwrap_or_default();
        let mut last = HashMap::new();
        for text in &texts {
            if let Some((class, number)) = text.rsplit_once('/')
                && let Some(number) = self::number(number)
            {
                let known = last.entry(class.to_owned()).or_default();
                *known = number.max(*known);
            }
        }
        Self { texts, last }
    }

    /// Is this key among them?
    pub fn has(&self, key: &str) -> bool {
        let mut parts = key.rsplitn(3, '/');
        let (number, class) = (parts.next().and_then(number), parts.next());
        let (Some(number), Some(class), Some(subject)) = (number, class, parts.next()) else {
            return false;
        };
        let covered = || self.last.get(class).is_some_and(|last| *last >= number);
        self.texts.contains(key) || self.texts.contains(subject) && covered()
    }
}

/// The number of a key: decimal, without zeros before it.
fn number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (number > 0 && text == u64::to_string(&number)).then_some(number)
}
