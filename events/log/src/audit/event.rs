//! One event by itself: its header, its columns, its entry and what is sealed in it.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    accounts::{Accounts, ErasedKeys, RedactedEvent},
    finding::{Finding, FindingKind},
    store::StoredRow,
};
use crate::{
    clock::Timestamp,
    header::{self, Header},
    identity,
    recorded::Entry,
    seal::{self, Inspected, Opener},
    stream::{Position, Version},
    vault::FoundKey,
};

/// What is left to compare of an event with all others.
pub(super) struct Checked {
    pub(super) position: Position,
    /// A hash of the name of its stream.
    pub(super) stream: u64,
    pub(super) version: i64,
    /// Whether that stream tells who somebody is.
    pub(super) is_identity: bool,
    /// As it is stored; none where it is of another length.
    pub(super) entry: Option<Entry>,
    /// What the header says of itself; none where there is none.
    pub(super) said: Option<Said>,
    /// Sections that open.
    pub(super) opened: u64,
    /// Sections that nobody looked at.
    pub(super) unopened: u64,
    /// The keys of sections that do not open, for their keys are gone.
    pub(super) closed: Vec<String>,
    /// As it has to be described by a later event; where it lacks its header.
    pub(super) redacted: Option<RedactedEvent>,
    pub(super) findings: Vec<Finding>,
}

/// What the header of an event says of other events.
pub(super) struct Said {
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    pub(super) correlation: Option<Uuid>,
    pub(super) causation: Option<Uuid>,
    pub(super) erases: Vec<ErasedKeys>,
    pub(super) redacts: Option<RedactedEvent>,
}

/// The header of an event, or why it has none; nothing where it was emptied.
pub(super) fn header(row: &StoredRow) -> Option<Result<Header<'_>, String>> {
    let bytes = row.header.as_deref()?;
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string());
    Some(text.and_then(|text| {
        let header = header::parse(text, row.position);
        header.map_err(|error| error.source.to_string())
    }))
}

/// What all events are checked with.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) accounts: Arc<dyn Accounts>,
    /// Names of streams are compared by a hash that nobody can foresee.
    pub(super) streams: RandomState,
}

/// Checks one event by itself, with the keys of its sections.
pub(super) fn check(
    row: &StoredRow,
    header: Option<&Result<Header<'_>, String>>,
    keys: Option<&[FoundKey]>,
    common: &Common,
    opener: &mut Opener,
) -> Checked {
    let entry = Entry::try_from(row.entry.as_slice()).ok();
    let mut checked = Checked {
        position: row.position,
        stream: common.streams.hash_one(&row.stream),
        version: row.version,
        is_identity: identity::is_named(&row.stream),
        entry,
        said: None,
        opened: 0,
        unopened: 0,
        closed: Vec::new(),
        redacted: None,
        findings: Vec::new(),
    };
    match header {
        Some(Ok(header)) => {
            checked.columns(row, header, common);
            checked.entry(row);
            match keys {
                Some(keys) => checked.sections(row, header, keys, opener),
                None => checked.unopened = header.sealed.len() as u64,
            }
            checked.hear(header, &*common.accounts);
        }
        Some(Err(reason)) => {
            checked.find(FindingKind::Header, format!("its header is none: {reason}"));
            checked.entry(row);
        }
        None => checked.emptied(row),
    }
    checked
}

impl Checked {
    fn find(&mut self, kind: FindingKind, reason: impl Into<String>) {
        self.findings.push(Finding::at(self.position, kind, reason));
    }

    /// The columns say what the header says, by which the event is bound.
    fn columns(&mut self, row: &StoredRow, header: &Header<'_>, common: &Common) {
        let version = i64::try_from(header.version.get()).unwrap_or(i64::MAX);
        let columns = [
            ("stream", row.stream == header.stream.as_bytes()),
            ("version", row.version == version),
            ("type", row.event_type == header.event_type.as_bytes()),
        ];
        for (column, same) in columns {
            if !same {
                let reason = format!("its column {column} is not what its header says");
                self.find(FindingKind::Column, reason);
            }
        }
        // What is said by what is hashed goes on, so that one wrong column is one finding.
        self.stream = common.streams.hash_one(header.stream.as_bytes());
        self.version = version;
        self.is_identity = identity::is_named(header.stream.as_bytes());
    }

    /// The entry is made of the header.
    fn entry(&mut self, row: &StoredRow) {
        let blind = row.blind.as_deref().map(<&[u8; 32]>::try_from);
        let reason = match (self.entry, blind, &row.header) {
            (None, _, _) => "its entry is not 33 bytes",
            (_, None | Some(Err(_)), _) => "its blind is not 32 bytes",
            (Some(entry), Some(Ok(blind)), Some(header)) if entry == seal::entry(blind, header) => {
                return;
            }
            (Some(_), Some(Ok(_)), _) => "its entry is not that of its header",
        };
        self.find(FindingKind::Entry, reason);
    }

    fn sections(
        &mut self,
        row: &StoredRow,
        header: &Header<'_>,
        keys: &[FoundKey],
        opener: &mut Opener,
    ) {
        let stored = row.sealed.as_deref();
        let (sections, left) = opener.inspect(header, stored.unwrap_or_default(), keys);
        for (listed, inspected) in header.sealed.iter().zip(sections) {
            let section = listed.section;
            match inspected {
                Inspected::Opens => self.opened += 1,
                Inspected::Closed => self.closed.push(listed.key.to_owned()),
                Inspected::KeyDamaged => {
                    let reason = format!("the key {} of {section} does not unwrap", listed.key);
                    self.find(FindingKind::Section, reason);
                }
                Inspected::Damaged => {
                    let reason = format!("its section {section} is not what its header commits to");
                    self.find(FindingKind::Section, reason);
                }
            }
        }
        if left > 0 {
            let reason = format!("{left} bytes are stored beyond its sealed sections");
            self.find(FindingKind::Section, reason);
        }
    }

    fn hear(&mut self, header: &Header<'_>, accounts: &dyn Accounts) {
        self.said = Some(Said {
            id: header.id,
            at: header.at,
            correlation: header.correlation,
            causation: header.causation,
            erases: accounts.erased(header),
            redacts: accounts.redacted(header),
        });
    }

    /// Without a header there is neither blind nor anything sealed, and a later event says so.
    fn emptied(&mut self, row: &StoredRow) {
        if row.blind.is_some() || row.sealed.is_some() {
            self.find(FindingKind::Header, "its header is missing");
        }
        let Ok(version) = Version::from_sql(row.version) else {
            self.find(
                FindingKind::Header,
                "its header is missing, and it has no version",
            );
            return;
        };
        match self.entry {
            Some(entry) => {
                self.redacted = Some(RedactedEvent {
                    position: row.position,
                    stream: String::from_utf8_lossy(&row.stream).into_owned(),
                    version,
                    event_type: String::from_utf8_lossy(&row.event_type).into_owned(),
                    entry,
                });
            }
            None => self.find(FindingKind::Entry, "its entry is not 33 bytes"),
        }
    }
}
