//! What a backend has to do: the trait that SQLite and PostgreSQL both fulfil, and what passes
//! through it.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    append::Appended,
    clock::Timestamp,
    connections::ConnectionError,
    follow::Recent,
    read::{Filter, ReadError, StreamRange},
    recorded::{Block, BlockBuilder, Entry, NewRow, Recorded},
    stream::{NegativeCounter, Position, StreamName, Version},
    tree::Frontier,
};

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The position of the last event, which is also how many there are.
    pub position: Position,
    /// The id of the last event; nil in an empty log. A number alone is fooled by a restored
    /// backup, and so is an id where the same event is appended again after that.
    pub tail: Uuid,
    /// When the last event was appended.
    pub at: Timestamp,
}

/// Versions of streams; those that do not exist have [`Version::ZERO`].
pub(crate) type Heads = HashMap<StreamName, Version>;

/// Blinds of events, by position.
pub(crate) type Blinds = HashMap<Position, [u8; 32]>;

/// Entries of events, by position.
pub(crate) type Entries = HashMap<Position, Entry>;

/// What is remembered under a request's key.
#[derive(Debug, Clone)]
pub(crate) struct StoredOutcome {
    pub(crate) request: [u8; 32],
    pub(crate) outcome: Appended,
}

/// What is remembered, by key.
pub(crate) type Outcomes = HashMap<[u8; 32], StoredOutcome>;

/// What the writer has decided to append, with every byte in its place.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) head: Head,
    pub(crate) events: Vec<BatchEvent>,
    pub(crate) outcomes: Vec<NewOutcome>,
}

#[derive(Debug)]
pub(crate) struct BatchEvent {
    pub(crate) id: Uuid,
    pub(crate) position: Position,
    pub(crate) stream: StreamName,
    pub(crate) version: Version,
    pub(crate) event_type: String,
    pub(crate) header: String,
    pub(crate) blind: [u8; 32],
    pub(crate) entry: Entry,
    pub(crate) sealed: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct NewOutcome {
    pub(crate) key: [u8; 32],
    pub(crate) request: [u8; 32],
    pub(crate) outcome: String,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.outcomes.is_empty()
    }

    /// The events as readers will see them.
    pub(crate) fn block(&self) -> Block {
        let bytes = self
            .events
            .iter()
            .map(|event| event.header.len() + 80)
            .sum();
        let mut block = BlockBuilder::with_capacity(self.events.len(), bytes);
        for event in &self.events {
            let row = NewRow {
                position: event.position,
                stream: event.stream.as_str(),
                version: event.version,
                event_type: &event.event_type,
                header: Some(&event.header),
                entry: event.entry,
            };
            block.push(row, |sealed| sealed.extend_from_slice(&event.sealed));
        }
        Block {
            events: block.finish(),
            up_to: self.head.position,
        }
    }
}

/// Why a backend did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database does not take this. Nothing was written; parts of it may be taken.
    #[error("{0}")]
    Refused(String),
    /// The database cannot be reached, or cannot write at all now. Nothing was written.
    #[error("{0}")]
    Unreachable(String),
    /// The connection was lost: it may have been written or not.
    #[error("{0}")]
    Lost(String),
    /// What is stored has another form than the log gave it.
    #[error("{0}")]
    Damaged(String),
}

impl From<NegativeCounter> for StoreError {
    fn from(error: NegativeCounter) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Of what only reads, or is taken back where it got no answer. What writes says itself what a
/// missing answer means.
impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(reason)
            | StoreError::Unreachable(reason)
            | StoreError::Lost(reason) => Self::Unavailable(reason),
            StoreError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

/// A backend. Everything that is not storage (grouping, deciding, following) is above it, once for
/// all.
#[async_trait]
pub(crate) trait Store: Send + Sync + 'static {
    /// Where the log ends now.
    async fn head(&self) -> Result<Head, StoreError>;

    /// The versions of these streams now.
    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError>;

    /// The versions of these streams, and where the log ended at the same moment.
    async fn heads_and_end(&self, streams: &[StreamName]) -> Result<(Heads, Head), StoreError>;

    /// What is remembered under these keys and has not expired at `now`.
    async fn outcomes(&self, keys: &[[u8; 32]], now: Timestamp) -> Result<Outcomes, StoreError>;

    /// Events of one stream.
    async fn read_stream(
        &self,
        stream: &StreamName,
        range: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Events after `after` up to and including `up_to` that the filter lets through, at most
    /// `limit`.
    async fn read_block(
        &self,
        after: Position,
        up_to: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// The entries after `after` up to and including `up_to`, in order and nothing else.
    async fn read_entries(
        &self,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<Entry>, StoreError>;

    /// The blinds of the events at these positions that have one.
    async fn read_blinds(&self, positions: &[Position]) -> Result<Blinds, StoreError>;

    /// The last frontier that is kept at or before this position, and where.
    async fn kept_frontier(
        &self,
        up_to: Position,
    ) -> Result<Option<(Position, Vec<u8>)>, StoreError>;

    /// Keeps frontiers, in place of those that are kept at their positions.
    async fn keep_frontiers(&self, frontiers: &[Frontier]) -> Result<(), StoreError>;

    /// Writes a batch if the log still ends at `known`, and says whether it did.
    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError>;

    /// Waits for the turn to write, which others cannot take until it is dropped or used.
    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError>;

    /// The events of a range that have sealed bytes and this in their header: position, header.
    async fn sealed_like(
        &self,
        needle: &str,
        after: Position,
        up_to: Position,
    ) -> Result<Vec<(Position, String)>, StoreError>;

    /// Empties the sealed bytes of these events, and says how many had any.
    async fn empty_sealed(&self, positions: &[Position]) -> Result<u64, StoreError>;

    /// Empties the three erasable columns of this event, and says whether any was not empty.
    async fn empty_event(&self, position: Position) -> Result<bool, StoreError>;

    /// Forgets outcomes that had expired at `now`.
    async fn forget_outcomes(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Keeps telling where the log ends, as other processes move it, until it is dropped. Hints may
    /// be missed.
    async fn watch_head(&self, recent: Arc<Recent>);

    /// Closes all connections.
    async fn close(&self);
}

/// The turn to write: nobody else moves the head while it is held.
#[async_trait]
pub(crate) trait Turn: Send {
    /// Where the log ends, for as long as the turn is held.
    async fn head(&mut self) -> Result<Head, StoreError>;

    /// The versions of these streams.
    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError>;

    /// The newest versions of the streams that were written after this position.
    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError>;

    /// What is remembered under these keys.
    async fn outcomes(&mut self, keys: &[[u8; 32]], now: Timestamp)
    -> Result<Outcomes, StoreError>;

    /// The id of the event at this position, and when it was appended, if there is one that says
    /// so.
    async fn event_at(
        &mut self,
        position: Position,
    ) -> Result<Option<(Uuid, Timestamp)>, StoreError>;

    /// The entries of the events at these positions that are there.
    async fn entries_at(&mut self, positions: &[Position]) -> Result<Entries, StoreError>;

    /// Writes a batch and ends the turn.
    async fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError>;

    /// Ends the turn with a write that changes nothing: shows whether the database takes any.
    async fn try_to_write(self: Box<Self>) -> Result<(), StoreError>;

    /// Ends the turn without writing.
    async fn release(self: Box<Self>) -> Result<(), StoreError>;
}

/// Names, numbers and the like as a list that SQL takes apart.
pub(crate) fn json(list: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(list).expect("INVARIANT: no map has keys that are not texts")
}

/// Where the log ends as it is stored, checked.
pub(crate) fn stored_head(position: i64, tail: &[u8], at: i64) -> Result<Head, StoreError> {
    let tail = Uuid::from_slice(tail).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(Head {
        position: Position::from_sql(position)?,
        tail,
        at: Timestamp::from_micros(at),
    })
}

/// The version of a stream as it is stored, checked.
pub(crate) fn known_head(
    stream: String,
    version: i64,
) -> Result<(StreamName, Version), StoreError> {
    let stream = StreamName::new(stream).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok((stream, Version::from_sql(version)?))
}

/// What is remembered as it is stored (key, digest of the request, outcome), checked.
pub(crate) fn stored_outcomes(
    rows: Vec<(Vec<u8>, Vec<u8>, String)>,
) -> Result<Outcomes, StoreError> {
    let digest = |bytes: Vec<u8>| {
        <[u8; 32]>::try_from(bytes)
            .map_err(|_| StoreError::Damaged("a key or digest is not 32 bytes".into()))
    };
    let outcomes = rows.into_iter().map(|(key, request, outcome)| {
        let outcome = serde_json::from_str(&outcome)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let request = digest(request)?;
        Ok((digest(key)?, StoredOutcome { request, outcome }))
    });
    outcomes.collect()
}

/// Blinds as they are read, checked.
pub(crate) fn stored_blinds(rows: Vec<(i64, Vec<u8>)>) -> Result<Blinds, StoreError> {
    let blinds = rows.into_iter().map(|(position, blind)| {
        let blind = <[u8; 32]>::try_from(blind);
        let blind = blind.map_err(|_| StoreError::Damaged("a blind is not 32 bytes".into()))?;
        Ok((Position::from_sql(position)?, blind))
    });
    blinds.collect()
}

/// Entries as they are read with their positions, checked.
pub(crate) fn placed_entries(rows: Vec<(i64, Vec<u8>)>) -> Result<Entries, StoreError> {
    let entries = rows.into_iter().map(|(position, entry)| {
        let entry = Entry::try_from(entry);
        let entry = entry.map_err(|_| StoreError::Damaged("an entry is not 33 bytes".into()))?;
        Ok((Position::from_sql(position)?, entry))
    });
    entries.collect()
}

/// Entries as they are read, one after the other, checked.
pub(crate) fn entries_of(joined: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let (entries, rest) = joined.as_chunks::<33>();
    if rest.is_empty() {
        Ok(entries.to_vec())
    } else {
        Err(StoreError::Damaged("an entry is not 33 bytes".into()))
    }
}

/// The id of the one event that was read, and when it was appended.
pub(crate) fn id_and_time(events: &[Recorded]) -> Result<Option<(Uuid, Timestamp)>, StoreError> {
    let header = events.first().and_then(Recorded::header).transpose();
    let header = header.map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(header.map(|header| (header.id, header.at)))
}
