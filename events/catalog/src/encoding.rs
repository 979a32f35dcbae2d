//! Between events and bytes, without knowing where the bytes are kept.

/// An event as the log takes it: open data, and sections that are to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Name of the event's type.
    pub event_type: &'static str,
    /// Schema number of the type.
    pub schema: u32,
    /// The open data: a JSON object.
    pub data: String,
    /// The sections, in the order of declaration.
    pub sections: Vec<Section>,
}

/// Plaintext that must be sealed before it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// Name of the section, unique in its event.
    pub name: &'static str,
    /// Whose key seals it: `member-<uuid>`.
    pub subject: String,
    /// Code of the key's retention class, see [`crate::KeyClass`].
    pub class: &'static str,
    /// A UTF-8 JSON object with the section's fields.
    pub plaintext: Vec<u8>,
}

impl std::fmt::Debug for Section {
    /// Leaves the plaintext out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Section")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// What became of a stored section.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opened<'a> {
    /// Its plaintext.
    Plain(&'a [u8]),
    /// Its key was destroyed.
    Erased,
}

impl std::fmt::Debug for Opened<'_> {
    /// Leaves the plaintext out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(…)",
            Self::Erased => "Erased",
        })
    }
}

/// An event could not be written as JSON. No value that the domain accepts leads here.
#[derive(Debug, thiserror::Error)]
#[error("{part} cannot be written as JSON")]
pub struct EncodeError {
    /// `data`, or the name of a section.
    pub part: &'static str,
    /// What the serializer said.
    pub source: serde_json::Error,
}

/// Stored bytes are not an event that this release knows. A view stops at it, loudly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No such type: written by a newer release, or not by Meguri at all.
    #[error("no event type {event_type:?} is known to this release")]
    UnknownType {
        /// The type's name.
        event_type: String,
    },
    /// The type is known, this schema number is not: written by a newer release.
    #[error("schema {schema} of {event_type} is not known to this release")]
    UnknownSchema {
        /// The type's name.
        event_type: String,
        /// The number found.
        schema: u32,
    },
    /// The bytes do not have the shape that type and schema number promise.
    #[error("{part} of {event_type} (schema {schema}) is malformed: {reason}")]
    Malformed {
        /// The type's name.
        event_type: String,
        /// Its schema number.
        schema: u32,
        /// `data`, or the name of a section.
        part: &'static str,
        /// What is wrong; never shows what a section held.
        reason: String,
    },
    /// A section that every event of the type has is not there.
    #[error("{event_type} (schema {schema}) lacks its section {section}")]
    MissingSection {
        /// The type's name.
        event_type: String,
        /// Its schema number.
        schema: u32,
        /// The section's name.
        section: &'static str,
    },
}

/// The parts of an event as they were stored, to be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) schema: u32,
    pub(crate) data: &'a str,
    pub(crate) sections: &'a [(&'a str, Opened<'a>)],
}

impl<'a> Stored<'a> {
    /// The section of this name, if it was stored.
    pub(crate) fn section(&self, name: &str) -> Option<Opened<'a>> {
        self.sections
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, opened)| *opened)
    }

    pub(crate) fn missing(&self, section: &'static str) -> DecodeError {
        let event_type = self.event_type.to_owned();
        DecodeError::MissingSection {
            event_type,
            schema: self.schema,
            section,
        }
    }

    pub(crate) fn unknown_schema(&self) -> DecodeError {
        DecodeError::UnknownSchema {
            event_type: self.event_type.to_owned(),
            schema: self.schema,
        }
    }

    pub(crate) fn malformed_data(&self, error: &serde_json::Error) -> DecodeError {
        self.malformed("data", error.to_string())
    }

    /// Says where and of what kind the fault is: the serializer's own words may quote the text.
    pub(crate) fn malformed_section(
        &self,
        section: &'static str,
        error: &serde_json::Error,
    ) -> DecodeError {
        let reason = format!("{:?} error at column {}", error.classify(), error.column());
        self.malformed(section, reason)
    }

    fn malformed(&self, part: &'static str, reason: String) -> DecodeError {
        let event_type = self.event_type.to_owned();
        DecodeError::Malformed {
            event_type,
            schema: self.schema,
            part,
            reason,
        }
    }
}
