//! One event after the other: positions, versions, times and causes.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use uuid::Uuid;

use super::{
    Audit,
    closed::Closed,
    event::{Checked, Said},
    finding::{Finding, FindingKind, Place},
};
use crate::{append::AppendedEvent, clock::Timestamp, store::Head, stream::Position};

/// What is known of the events that came before.
pub(super) struct Chain {
    head: Head,
    position: Position,
    /// The last event's id and time, where it has a header.
    last: Option<(Uuid, Timestamp)>,
    at: Option<Timestamp>,
    /// The last version of every stream, by a hash of its name.
    versions: HashMap<u64, i64>,
    /// Every event by the random half of its id: where it stands, and a hash of what it says of
    /// itself.
    ids: HashMap<u64, (Position, u64)>,
    /// The streams that tell who somebody is, by hashes of their names.
    identities: HashSet<u64>,
    /// The events without a header: the hashes of their streams, and their versions.
    emptied: HashMap<Position, (u64, i64)>,
    streams: RandomState,
    /// Causes that no event has had, and where they were named first.
    unknown: HashMap<Uuid, Position>,
    closed: Closed,
}

impl Chain {
    pub(super) fn new(head: Head, streams: RandomState) -> Self {
        Self {
            head,
            position: Position::ZERO,
            last: None,
            at: None,
            versions: HashMap::new(),
            ids: HashMap::new(),
            identities: HashSet::new(),
            emptied: HashMap::new(),
            streams,
            unknown: HashMap::new(),
            closed: Closed::default(),
        }
    }

    /// How far the log goes that is audited.
    pub(super) fn end(&self) -> Position {
        self.head.position
    }

    /// Whether an event is as it is remembered, or was emptied since and may have been so.
    pub(super) fn has(&self, event: &AppendedEvent, at: Timestamp) -> bool {
        let stream = self.streams.hash_one(event.stream.as_str().as_bytes());
        let standing = (stream, event.version.to_sql());
        if let Some(emptied) = self.emptied.get(&event.position) {
            return *emptied == standing;
        }
        let described = (event.position, self.described(standing, event.id, at));
        self.ids.get(&random_half(event.id)) == Some(&described)
    }

    fn described(&self, standing: (u64, i64), id: Uuid, at: Timestamp) -> u64 {
        self.streams.hash_one((standing, id, at.micros()))
    }

    /// The last version of a stream that tells who somebody is, once.
    pub(super) fn take_identity(&mut self, stream: &[u8]) -> Option<i64> {
        let stream = self.streams.hash_one(stream);
        self.identities.remove(&stream);
        self.versions.get(&stream).copied()
    }

    /// How many of these streams were not taken.
    pub(super) fn identities(&self) -> usize {
        self.identities.len()
    }

    /// Every event up to here has come.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Compares the next event with those before it.
    pub(super) fn take(&mut self, event: Checked, audit: &mut Audit<'_>) {
        audit.audited.events += 1;
        audit.audited.opened += event.opened;
        audit.audited.unopened += event.unopened;
        for finding in event.findings {
            audit.found(finding);
        }
        let position = event.position;
        self.gap(position, audit);
        self.version(position, event.stream, event.version, audit);
        if event.is_identity {
            self.identities.insert(event.stream);
        }
        for key in event.closed {
            self.closed.section(key, position);
        }
        if let Some(event) = event.redacted {
            self.closed.event(event);
        }
        self.last = event.said.as_ref().map(|said| (said.id, said.at));
        let standing = (event.stream, event.version);
        match event.said {
            Some(said) => self.said(position, standing, said, audit),
            None => {
                self.emptied.insert(position, standing);
            }
        }
    }

    fn gap(&mut self, position: Position, audit: &mut Audit<'_>) {
        let expected = self.position.next();
        if position != expected {
            let last = Position::new(position.get().saturating_sub(1));
            let place = Place::Events(expected, last);
            audit.found(Finding::new(place, FindingKind::Position, "missing"));
        }
        self.position = position;
    }

    fn version(&mut self, at: Position, stream: u64, version: i64, audit: &mut Audit<'_>) {
        let last = self.versions.entry(stream).or_default();
        if version != *last + 1 {
            let reason = format!("its version is {version} where {} comes next", *last + 1);
            audit.found(Finding::at(at, FindingKind::Version, reason));
        }
        *last = version;
    }

    fn said(
        &mut self,
        position: Position,
        standing: (u64, i64),
        said: Said,
        audit: &mut Audit<'_>,
    ) {
        if self.at.is_some_and(|before| said.at < before) {
            let reason = "its time is before that of the event before it";
            audit.found(Finding::at(position, FindingKind::Time, reason));
        }
        self.at = Some(said.at);
        let described = (position, self.described(standing, said.id, said.at));
        if let Some((first, _)) = self.ids.insert(random_half(said.id), described) {
            let reason = format!("it has the id of position {first}");
            audit.found(Finding::at(position, FindingKind::Id, reason));
        }
        if let Some(causation) = said.causation
            // The first command of a chain is no event.
            && said.correlation != Some(causation)
            && !self.ids.contains_key(&random_half(causation))
        {
            self.unknown.entry(causation).or_insert(position);
        }
        for keys in said.erases {
            self.closed.erasure(keys, position);
        }
        if let Some(event) = said.redacts {
            self.closed.redaction(event, position);
        }
    }

    /// Compares the end with what the log remembers of it, and settles what was left open.
    pub(super) fn finish(self, audit: &mut Audit<'_>) {
        let Self { head, position, .. } = self;
        if head.position != position {
            let place = Place::Events(position.next(), head.position);
            audit.found(Finding::new(place, FindingKind::Position, "missing"));
        }
        let wrong = match self.last {
            Some((id, at)) => (id, at) != (head.tail, head.at),
            None => position == Position::ZERO && !head.tail.is_nil(),
        };
        if wrong && head.position == position {
            let reason = "it is not the last event's id and time";
            audit.found(Finding::new(Place::Head, FindingKind::Head, reason));
        }
        // What led to an event may have been redacted since, and its id with it.
        if self.unknown.len() > self.closed.redacted() {
            for (cause, position) in self.unknown {
                let reason = format!("{cause}, which led to it, is no earlier event");
                audit.found(Finding::at(position, FindingKind::Cause, reason));
            }
        }
        self.closed.finish(audit);
    }
}

/// The half of an id that is random (RFC 9562, section 5.7); no log is so long that two agree.
fn random_half(id: Uuid) -> u64 {
    id.as_u64_pair().1
}
