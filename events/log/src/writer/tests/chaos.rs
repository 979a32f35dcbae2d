//! A store in memory that fails on demand.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use uuid::Uuid;

use super::stream;
use crate::{
    clock::Timestamp,
    follow::Recent,
    read::{Filter, StreamRange},
    recorded::{Entry, Recorded},
    schedule::point,
    store::{Batch, Blinds, Entries, Head, Heads, Outcomes, Store, StoreError, Turn},
    stream::{Position, StreamName, Version},
    tree::Frontier,
};

/// What goes wrong at the next commit, once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// The batch is written, and the answer lost.
    LostAfter,
    /// The statement is lost before it is carried out.
    LostBefore,
    /// Another process writes first.
    OvertakenBy(u64),
}

/// A log in memory that holds only what the writer asks for.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) events: Vec<(StreamName, Uuid)>,
    /// The entries of those that a writer has written, and nothing for those of others.
    pub(super) entries: Vec<Entry>,
    /// What the last batch that was written says of when.
    pub(super) at: Timestamp,
    /// Those that a writer has written, as they are read.
    recorded: Vec<Recorded>,
    pub(super) faults: Vec<Fault>,
    pub(super) commits: usize,
    /// So many reads of a turn fail once its head was read, and the connection with them.
    pub(super) lost_reads: usize,
}

#[derive(Clone, Default)]
pub(super) struct Chaos {
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) unreachable: Arc<AtomicBool>,
}

impl Memory {
    pub(super) fn head(&self) -> Head {
        let tail = self.events.last().map_or(Uuid::nil(), |(_, id)| *id);
        let position = Position::new(self.events.len() as u64);
        Head {
            position,
            tail,
            at: Timestamp::default(),
        }
    }

    fn heads(&self, streams: &[StreamName]) -> Heads {
        let version = |stream| {
            self.events
                .iter()
                .filter(|(name, _)| name == stream)
                .count()
        };
        streams
            .iter()
            .map(|name| (name.clone(), Version::new(version(name) as u64)))
            .collect()
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.events.iter().any(|event| event.event_type == "Bad") {
            return Err(StoreError::Refused("bad data".into()));
        }
        self.commits += 1;
        let fault = self.faults.pop();
        if fault != Some(Fault::LostBefore) {
            let events = batch
                .events
                .iter()
                .map(|event| (event.stream.clone(), event.id));
            self.events.extend(events);
            self.entries.extend(batch.events.iter().map(|it| it.entry));
            self.at = batch.head.at;
            self.recorded.extend(batch.block().events);
        }
        match fault {
            None => Ok(()),
            Some(_) => Err(StoreError::Lost("the connection is gone".into())),
        }
    }
}

impl Chaos {
    /// A standby takes over that has so many events.
    pub(super) fn fall_back(&self, kept: usize) {
        let mut memory = self.memory.lock().unwrap();
        memory.events.truncate(kept);
        memory.entries.truncate(kept);
        memory.recorded.truncate(kept);
    }
}

#[async_trait]
impl Store for Chaos {
    async fn head(&self) -> Result<Head, StoreError> {
        point();
        Ok(self.memory.lock().unwrap().head())
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        point();
        Ok(self.memory.lock().unwrap().heads(streams))
    }

    async fn heads_and_end(&self, streams: &[StreamName]) -> Result<(Heads, Head), StoreError> {
        point();
        let memory = self.memory.lock().unwrap();
        Ok((memory.heads(streams), memory.head()))
    }

    async fn outcomes(&self, _: &[[u8; 32]], _: Timestamp) -> Result<Outcomes, StoreError> {
        Ok(Outcomes::new())
    }

    async fn read_stream(
        &self,
        _: &StreamName,
        _: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        Ok(Vec::new())
    }

    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        _: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        point();
        let memory = self.memory.lock().unwrap();
        let between = memory.recorded.iter().filter(|event| {
            let position = event.position();
            position > after && position <= up_to
        });
        Ok(between.take(limit).cloned().collect())
    }

    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError> {
        let entries = &self.memory.lock().unwrap().entries;
        let number = |position: Position| usize::try_from(position.get()).unwrap();
        let up_to = number(up_to).min(entries.len());
        Ok(entries[number(after).min(up_to)..up_to].to_vec())
    }

    async fn read_blinds(&self, _: &[Position]) -> Result<Blinds, StoreError> {
        Ok(Blinds::new())
    }

    async fn kept_frontier(&self, _: Position) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        Ok(None)
    }

    async fn keep_frontiers(&self, _: &[Frontier]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        point();
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("down".into()));
        }
        let mut memory = self.memory.lock().unwrap();
        if let Some(Fault::OvertakenBy(number)) = memory.faults.last().copied() {
            memory.faults.pop();
            let other = (stream("a-1"), Uuid::from_u128(u128::from(number)));
            memory.events.push(other);
            memory.entries.push([0; 33]);
        }
        if memory.head() != known {
            return Ok(false);
        }
        memory.write(batch).map(|()| true)
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("down".into()));
        }
        Ok(Box::new(self.clone()))
    }

    async fn sealed_like(
        &self,
        _: &str,
        _: Position,
        _: Position,
    ) -> Result<Vec<(Position, String)>, StoreError> {
        Ok(Vec::new())
    }

    async fn empty_sealed(&self, _: &[Position]) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn empty_event(&self, _: Position) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn forget_outcomes(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn watch_head(&self, _: Arc<Recent>) {}

    async fn close(&self) {}
}

#[async_trait]
impl Turn for Chaos {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Store::head(self).await
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        Store::stream_heads(self, streams).await
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        let mut memory = self.memory.lock().unwrap();
        if memory.lost_reads > 0 {
            memory.lost_reads -= 1;
            return Err(StoreError::Unreachable("the connection is gone".into()));
        }
        let after = usize::try_from(position.get()).unwrap();
        let changed: Vec<_> = memory.events[after..]
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        Ok(memory.heads(&changed))
    }

    async fn outcomes(&mut self, _: &[[u8; 32]], _: Timestamp) -> Result<Outcomes, StoreError> {
        Ok(Outcomes::new())
    }

    async fn event_at(
        &mut self,
        position: Position,
    ) -> Result<Option<(Uuid, Timestamp)>, StoreError> {
        let memory = self.memory.lock().unwrap();
        let index = usize::try_from(position.get()).unwrap().wrapping_sub(1);
        let event = memory.events.get(index);
        Ok(event.map(|(_, id)| (*id, Timestamp::default())))
    }

    async fn entries_at(&mut self, positions: &[Position]) -> Result<Entries, StoreError> {
        let memory = self.memory.lock().unwrap();
        let found = positions.iter().filter_map(|position| {
            let index = usize::try_from(position.get()).unwrap().wrapping_sub(1);
            Some((*position, *memory.entries.get(index)?))
        });
        Ok(found.collect())
    }

    async fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        self.memory.lock().unwrap().write(batch)
    }

    async fn try_to_write(self: Box<Self>) -> Result<(), StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("down".into()));
        }
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
