//! What nobody can open or read any more, and the events that account for it.

use std::collections::{BTreeMap, HashMap};

use super::{
    Audit,
    accounts::{ErasedKeys, RedactedEvent},
    finding::{Finding, FindingKind},
};
use crate::stream::Position;

/// What was closed or redacted, and what was said of it, until the whole log has been heard.
#[derive(Default)]
pub(super) struct Closed {
    /// Where sections are closed, by their keys.
    sections: HashMap<String, Vec<Position>>,
    /// What was erased of a person and class: where it is said, and up to which key.
    erased: HashMap<(String, String), Vec<(Position, u32)>>,
    /// Events without a header.
    redacted: BTreeMap<Position, RedactedEvent>,
    /// What is said to be redacted, and where that is said.
    said: BTreeMap<Position, (Position, RedactedEvent)>,
}

impl Closed {
    pub(super) fn section(&mut self, key: String, position: Position) {
        self.sections.entry(key).or_default().push(position);
    }

    pub(super) fn erasure(&mut self, keys: ErasedKeys, said_at: Position) {
        let owner = (keys.subject, keys.class);
        let said = self.erased.entry(owner).or_default();
        said.push((said_at, keys.last));
    }

    pub(super) fn event(&mut self, event: RedactedEvent) {
        self.redacted.insert(event.position, event);
    }

    pub(super) fn redaction(&mut self, event: RedactedEvent, said_at: Position) {
        self.said.insert(event.position, (said_at, event));
    }

    /// How many events have no header.
    pub(super) fn redacted(&self) -> usize {
        self.redacted.len()
    }

    /// Finds what is closed and unaccounted for.
    pub(super) fn finish(mut self, audit: &mut Audit<'_>) {
        for (key, positions) in std::mem::take(&mut self.sections) {
            for position in positions {
                if self.covers(&key, position) {
                    audit.audited.erased += 1;
                } else {
                    let reason = format!("nothing opens {key}, and no erasure covers it");
                    audit.found(Finding::at(position, FindingKind::Closed, reason));
                }
            }
        }
        for (position, event) in &self.redacted {
            let said = self.said.get(position);
            if said.is_some_and(|(at, said)| at > position && said == event) {
                audit.audited.redacted += 1;
            } else {
                let reason = "it was emptied, and no later event describes it as redacted";
                audit.found(Finding::at(*position, FindingKind::Redaction, reason));
            }
        }
        for (position, (said_at, _)) in &self.said {
            if !self.redacted.contains_key(position) {
                let reason = format!("position {said_at} says that it is redacted, and it is not");
                audit.found(Finding::at(*position, FindingKind::Redaction, reason));
            }
        }
    }

    /// Whether what was sealed under this key at that position is said to be erased later.
    fn covers(&self, key: &str, position: Position) -> bool {
        let mut parts = key.rsplitn(3, '/');
        let number = parts.next().and_then(|number| number.parse().ok());
        let (Some(number), Some(class), Some(subject)) = (number, parts.next(), parts.next())
        else {
            return false;
        };
        let said = self.erased.get(&(subject.to_owned(), class.to_owned()));
        let number: u32 = number;
        said.is_some_and(|said| {
            let mut said = said.iter();
            said.any(|(at, last)| *at > position && *last >= number)
        })
    }
}
