//! The header of an event: the exact bytes that are stored, hashed and never encoded again
//! (formats.md, Event).

mod parse;

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

pub(crate) use parse::{parse, place};

use crate::{
    append::{Append, AppendError, Cause, NewEvent},
    clock::Timestamp,
    limits::{
        APPEND_BYTES_MAX, APPEND_CONDITIONS_MAX, APPEND_EVENTS_MAX, APPEND_STREAMS_MAX,
        EVENT_SECTIONS_MAX, NAME_BYTES_MAX, within,
    },
    stream::Version,
};

/// What the header of an event says.
#[derive(Debug, Clone, Deserialize)]
pub struct Header<'a> {
    /// The event's id.
    pub id: Uuid,
    /// Its stream.
    pub stream: &'a str,
    /// Its version in the stream.
    pub version: Version,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: &'a str,
    /// The number of its shape.
    pub schema: u32,
    /// When it was appended.
    pub at: Timestamp,
    /// Who did it.
    pub actor: &'a str,
    /// For whom.
    #[serde(default)]
    pub acting_for: Option<&'a str>,
    /// The id of the first command of the chain.
    #[serde(default)]
    pub correlation: Option<Uuid>,
    /// The id of the event or command that led to this one.
    #[serde(default)]
    pub causation: Option<Uuid>,
    /// The version of the policy in force.
    #[serde(default)]
    pub policy: Option<u32>,
    /// The open data: a JSON object, byte for byte.
    #[serde(borrow, deserialize_with = "parse::raw")]
    pub data: &'a str,
    /// The sealed sections, in the order in which their bytes are stored.
    #[serde(borrow, default)]
    pub sealed: Vec<SealedRef<'a>>,
}

/// What the header says of a sealed section.
#[derive(Debug, Clone, Deserialize)]
pub struct SealedRef<'a> {
    /// The name of the section.
    pub section: &'a str,
    /// The id of the key that opens it: `<subject>/<class>/<n>`.
    pub key: &'a str,
    /// Base64 of `HMAC-SHA256(salt, plaintext)`.
    pub commitment: &'a str,
}

/// The bytes are not those of a header. They were written by something else, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("the header of the event at position {position} cannot be read: {source}")]
pub struct HeaderError {
    /// Where the event stands.
    pub position: crate::stream::Position,
    /// What the reader found.
    pub source: serde_json::Error,
}

/// A sealed section as the header lists it, before it is written down.
pub(crate) struct Sealing {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) commitment: String,
}

/// A header but for the two things that only the writer knows: version and time.
#[derive(Debug)]
pub(crate) struct OpenHeader {
    start: String,
    middle: String,
    end: String,
}

impl OpenHeader {
    /// Writes down all that is known before the event has its place.
    ///
    /// INVARIANT: `event` and `cause` have passed [`check`], so that names need no escaping.
    pub(crate) fn new(event: &NewEvent, cause: &Cause, sealed: &[Sealing]) -> Self {
        use std::fmt::Write as _;
        let start = format!(
            r#"{{"id":"{}","stream":"{}","version":"#,
            event.id, event.stream
        );
        let middle = format!(
            r#","type":"{}","schema":{},"at":""#,
            event.event_type, event.schema
        );
        let mut end = String::with_capacity(160 + event.data.len() + sealed.len() * 200);
        // Writing to a String cannot fail.
        let _ = write!(end, r#"","actor":"{}""#, cause.actor);
        if let Some(acting_for) = &cause.acting_for {
            let _ = write!(end, r#","acting_for":"{acting_for}""#);
        }
        if let Some(correlation) = cause.correlation {
            let _ = write!(end, r#","correlation":"{correlation}""#);
        }
        if let Some(causation) = cause.causation {
            let _ = write!(end, r#","causation":"{causation}""#);
        }
        if let Some(policy) = cause.policy {
            let _ = write!(end, r#","policy":{policy}"#);
        }
        end.push_str(r#","data":"#);
        end.push_str(&event.data);
        for (
            index,
            Sealing {
                section,
                key,
                commitment,
            },
        ) in sealed.iter().enumerate()
        {
            end.push_str(if index == 0 { r#","sealed":["# } else { "," });
            let _ = write!(
                end,
                r#"{{"section":"{section}","key":"{key}","commitment":"{commitment}"}}"#
            );
        }
        end.push_str(if sealed.is_empty() { "}" } else { "]}" });
        Self { start, middle, end }
    }

    /// The bytes of the header, now that the event has its place.
    pub(crate) fn complete(&self, version: Version, at: &str) -> String {
        let mut text = String::with_capacity(self.len_max());
        text.push_str(&self.start);
        text.push_str(&version.to_string());
        text.push_str(&self.middle);
        text.push_str(at);
        text.push_str(&self.end);
        text
    }

    /// The most bytes that [`OpenHeader::complete`] can come to.
    pub(crate) fn len_max(&self) -> usize {
        self.start.len() + self.middle.len() + self.end.len() + 20 + 27
    }
}

/// Refuses an append whose names, data or counts are not what the format allows.
pub(crate) fn check(append: &Append) -> Result<(), AppendError> {
    let Append {
        cause,
        events,
        conditions,
        ..
    } = append;
    if events.is_empty() {
        return Err(AppendError::Invalid("it has no event".into()));
    }
    within("events of an append:", events.len(), APPEND_EVENTS_MAX)?;
    let written = events.iter().map(|event| &event.stream);
    let relied_on = conditions.iter().map(|condition| &condition.stream);
    let streams: HashSet<_> = written.chain(relied_on).collect();
    within("streams of an append:", streams.len(), APPEND_STREAMS_MAX)?;
    within(
        "conditions of an append:",
        conditions.len(),
        APPEND_CONDITIONS_MAX,
    )?;
    name("actor", &cause.actor, b"-_./")?;
    if let Some(acting_for) = &cause.acting_for {
        name("acting_for", acting_for, b"-_./")?;
    }
    let mut bytes = 0;
    for event in events {
        name("event type", &event.event_type, b"")?;
        data(&event.data)?;
        within(
            "sections of an event:",
            event.sealed.len(),
            EVENT_SECTIONS_MAX,
        )?;
        bytes += event.data.len();
        for section in &event.sealed {
            name("section", &section.section, b"_")?;
            name("subject", &section.subject, b"-_.")?;
            name("class", &section.class, b"_")?;
            bytes += section.plaintext.len();
        }
    }
    within("bytes of an append:", bytes, APPEND_BYTES_MAX)?;
    Ok(())
}

/// A name goes into the header as it stands, so it may hold nothing that JSON would escape.
fn name(what: &str, text: &str, also: &[u8]) -> Result<(), AppendError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
    if !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(good) {
        return Ok(());
    }
    Err(AppendError::Invalid(format!(
        "{what} {text:?} is not 1 to {NAME_BYTES_MAX} plain letters"
    )))
}

/// Open data is kept byte for byte, so it has to be one line of JSON that is an object.
fn data(text: &str) -> Result<(), AppendError> {
    let one_line = !text.bytes().any(|byte| byte < b' ');
    if one_line && text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
        return Ok(());
    }
    Err(AppendError::Invalid(
        "data is not a JSON object on one line".into(),
    ))
}

/// How [`Timestamp`] goes into a header.
pub(crate) fn written(at: Timestamp) -> String {
    at.to_string()
}
