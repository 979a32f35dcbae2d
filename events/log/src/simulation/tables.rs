//! What a database holds, with the way back to what it held before.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    publish::{SignedCheckpoint, store::FullTile},
    recorded,
    store::{Batch, Head, Heads, NewOutcome, StoreError},
    stream::{Position, StreamName, Version},
};

/// The type of events that the database does not take, as a real one does not take a text that its
/// encoding does not know.
pub const REFUSED_TYPE: &str = "Refused";

/// When the first event of a log may be appended at the earliest (migration 1).
const BEGINNING: i64 = -i64::MAX;

/// An event as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) stream: StreamName,
    pub(super) version: Version,
    pub(super) event_type: String,
    pub(super) header: Option<String>,
    pub(super) blind: Option<[u8; 32]>,
    pub(super) entry: recorded::Entry,
    pub(super) sealed: Vec<u8>,
}

/// What is remembered under a key.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) request: [u8; 32],
    pub(super) outcome: String,
    pub(super) expires_at: Option<Timestamp>,
}

/// The tables with one row, and those that only grow.
#[derive(Debug, Clone, Default)]
pub(super) struct Publishing {
    pub(super) verifier: Option<String>,
    pub(super) place: Option<String>,
    pub(super) vault_generation: i64,
    pub(super) signed: Option<String>,
}

/// A batch on its way into the database.
pub(super) struct Write {
    pub(super) known: Head,
    head: Head,
    rows: Vec<Arc<Row>>,
    outcomes: Vec<([u8; 32], Remembered)>,
}

/// What undoes one change.
enum Undo {
    Write {
        head: Head,
        events: usize,
        outcomes: Vec<([u8; 32], Option<Remembered>)>,
    },
    Outcomes(BTreeMap<[u8; 32], Remembered>),
    Events(Vec<Arc<Row>>),
    Publishing(Publishing),
    Checkpoint(u64),
    Tiles(Vec<(u8, u64)>),
}

pub(super) struct Tables {
    pub(super) head: Head,
    pub(super) events: Vec<Arc<Row>>,
    /// The positions of the events of each stream, by version.
    pub(super) streams: BTreeMap<StreamName, Vec<Position>>,
    pub(super) outcomes: BTreeMap<[u8; 32], Remembered>,
    /// Derived from the entries: an older state has those that it needs.
    pub(super) frontiers: BTreeMap<Position, Vec<u8>>,
    pub(super) publishing: Publishing,
    pub(super) checkpoints: BTreeMap<u64, SignedCheckpoint>,
    pub(super) tiles: BTreeMap<(u8, u64), FullTile>,
    changes: Vec<Undo>,
}

impl Write {
    pub(super) fn new(known: Head, batch: &Batch) -> Self {
        let rows = batch.events.iter().map(|event| {
            Arc::new(Row {
                position: event.position,
                stream: event.stream.clone(),
                version: event.version,
                event_type: event.event_type.clone(),
                header: Some(event.header.clone()),
                blind: Some(event.blind),
                entry: event.entry,
                sealed: event.sealed.clone(),
            })
        });
        let outcomes = batch.outcomes.iter().map(|outcome| {
            let NewOutcome {
                key,
                request,
                outcome,
                expires_at,
            } = outcome;
            let remembered = Remembered {
                request: *request,
                outcome: outcome.clone(),
                expires_at: *expires_at,
            };
            (*key, remembered)
        });
        Self {
            known,
            head: batch.head,
            rows: rows.collect(),
            outcomes: outcomes.collect(),
        }
    }

    /// Where the log is to end.
    pub(super) fn end(&self) -> Position {
        self.head.position
    }
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            head: Head {
                position: Position::ZERO,
                tail: Uuid::nil(),
                at: Timestamp::from_micros(BEGINNING),
            },
            events: Vec::new(),
            streams: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            frontiers: BTreeMap::new(),
            publishing: Publishing::default(),
            checkpoints: BTreeMap::new(),
            tiles: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// The same in another place: it does not fall back beyond where it was copied.
    pub(super) fn copy(&self) -> Self {
        Self {
            head: self.head,
            events: self.events.clone(),
            streams: self.streams.clone(),
            outcomes: self.outcomes.clone(),
            frontiers: self.frontiers.clone(),
            publishing: self.publishing.clone(),
            checkpoints: self.checkpoints.clone(),
            tiles: self.tiles.clone(),
            changes: Vec::new(),
        }
    }

    /// How many changes were made: a state can be named by it.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn version(&self, stream: &StreamName) -> Version {
        let events = self.streams.get(stream).map_or(0, Vec::len);
        Version::new(events as u64)
    }

    pub(super) fn heads(&self, streams: &[StreamName]) -> Heads {
        let heads = streams.iter().map(|it| (it.clone(), self.version(it)));
        heads.collect()
    }

    /// The events after one position, up to and including another.
    pub(super) fn range(&self, after: Position, up_to: Position) -> &[Arc<Row>] {
        let index = |position: Position| {
            let index = usize::try_from(position.get()).unwrap_or(usize::MAX);
            index.min(self.events.len())
        };
        let (from, to) = (index(after), index(up_to));
        &self.events[from.min(to)..to]
    }

    pub(super) fn event(&self, position: Position) -> Option<&Arc<Row>> {
        let before = position.before()?;
        self.range(before, position).first()
    }

    /// Writes a batch if the log still ends where it is known to end, and says whether it did.
    pub(super) fn write(&mut self, write: Write) -> Result<bool, StoreError> {
        let Self { head, events, .. } = &*self;
        if *head != write.known {
            return Ok(false);
        }
        for row in &write.rows {
            let taken = self.version(&row.stream) >= row.version;
            if taken || row.position.get() <= events.len() as u64 {
                return Err(StoreError::Refused("duplicate key value".into()));
            }
            if row.event_type == REFUSED_TYPE {
                return Err(StoreError::Refused("invalid byte sequence".into()));
            }
        }
        let mut replaced = Vec::with_capacity(write.outcomes.len());
        for (key, remembered) in write.outcomes {
            replaced.push((key, self.outcomes.insert(key, remembered)));
        }
        self.changes.push(Undo::Write {
            head: self.head,
            events: write.rows.len(),
            outcomes: replaced,
        });
        for row in write.rows {
            let positions = self.streams.entry(row.stream.clone()).or_default();
            positions.push(row.position);
            self.events.push(row);
        }
        self.head = write.head;
        Ok(true)
    }

    pub(super) fn forget_outcomes(&mut self, now: Timestamp) {
        let expired = |it: &Remembered| it.expires_at.is_some_and(|at| at < now);
        if self.outcomes.values().any(expired) {
            self.changes.push(Undo::Outcomes(self.outcomes.clone()));
            self.outcomes.retain(|_, remembered| !expired(remembered));
        }
    }

    /// Changes events in place, and says how many of them it did change.
    pub(super) fn empty(
        &mut self,
        positions: &[Position],
        change: impl Fn(&mut Row) -> bool,
    ) -> u64 {
        let mut before = Vec::new();
        for position in positions {
            let Some(row) = self.event(*position).cloned() else {
                continue;
            };
            let mut changed = Row::clone(&row);
            if change(&mut changed) {
                let index = self.events.iter().position(|it| Arc::ptr_eq(it, &row));
                let index = index.expect("INVARIANT: the row was just found");
                self.events[index] = Arc::new(changed);
                before.push(row);
            }
        }
        let count = before.len() as u64;
        if count > 0 {
            self.changes.push(Undo::Events(before));
        }
        count
    }

    pub(super) fn publish(&mut self, change: impl FnOnce(&mut Publishing)) {
        self.changes.push(Undo::Publishing(self.publishing.clone()));
        change(&mut self.publishing);
    }

    pub(super) fn keep_tiles(&mut self, tiles: &[FullTile]) -> u64 {
        let mut new = Vec::new();
        for full in tiles {
            let key = (full.tile.level(), full.tile.index());
            if let Entry::Vacant(free) = self.tiles.entry(key) {
                free.insert(full.clone());
                new.push(key);
            }
        }
        let count = new.len() as u64;
        self.changes.push(Undo::Tiles(new));
        count
    }

    pub(super) fn keep_checkpoint(&mut self, after: u64, checkpoint: &SignedCheckpoint) -> bool {
        let last = self.checkpoints.last_key_value();
        let is_next = last.map_or(0, |(size, _)| *size) == after;
        if is_next {
            let size = checkpoint.tree.size;
            self.checkpoints.insert(size, checkpoint.clone());
            self.changes.push(Undo::Checkpoint(size));
        }
        is_next
    }

    /// Goes back to the state after so many changes.
    pub(super) fn fall_back(&mut self, changes: usize) {
        while self.changes.len() > changes {
            match self.changes.pop() {
                None => return,
                Some(Undo::Write {
                    head,
                    events,
                    outcomes,
                }) => self.undo_write(head, events, outcomes),
                Some(Undo::Outcomes(before)) => self.outcomes = before,
                Some(Undo::Events(before)) => {
                    for row in before {
                        let number = row.position.get() - 1;
                        let index = usize::try_from(number);
                        let index = index.expect("INVARIANT: the row is in memory");
                        self.events[index] = row;
                    }
                }
                Some(Undo::Publishing(before)) => self.publishing = before,
                Some(Undo::Checkpoint(size)) => {
                    self.checkpoints.remove(&size);
                }
                Some(Undo::Tiles(new)) => {
                    for key in new {
                        self.tiles.remove(&key);
                    }
                }
            }
        }
        let head = self.head.position;
        self.frontiers.retain(|position, _| *position <= head);
    }

    fn undo_write(
        &mut self,
        head: Head,
        events: usize,
        outcomes: Vec<([u8; 32], Option<Remembered>)>,
    ) {
        for row in self.events.split_off(self.events.len() - events) {
            let positions = self.streams.get_mut(&row.stream);
            positions.map(Vec::pop);
        }
        self.streams.retain(|_, positions| !positions.is_empty());
        for (key, before) in outcomes.into_iter().rev() {
            match before {
                Some(before) => self.outcomes.insert(key, before),
                None => self.outcomes.remove(&key),
            };
        }
        self.head = head;
    }
}
