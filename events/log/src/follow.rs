//! Following the log: the newest events are shared in memory, older ones are read, nothing is
//! buffered without bound.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    known_head::{HeadWatch, KnownHead},
    limits::RECENT_BYTES_MAX,
    read::{Filter, ReadError},
    recorded::{Block, Entry, Recorded},
    schedule::point,
    store::{Store, StoreError},
    stream::Position,
};

/// Most events that a follower is handed at once.
const FOLLOW_EVENTS_MAX: usize = 1_000;
/// How long a follower waits for a hint before it looks by itself: hints from other processes may
/// be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The newest events of this process's writer, for all who follow, and the position they wait for.
#[derive(Debug)]
pub(crate) struct Recent {
    blocks: RwLock<(VecDeque<Block>, usize)>,
    /// What the blocks may weigh together.
    bytes_max: usize,
    head: KnownHead,
}

impl Recent {
    pub(crate) fn new(head: Position) -> Self {
        Self::bounded(head, RECENT_BYTES_MAX)
    }

    pub(crate) fn bounded(head: Position, bytes_max: usize) -> Self {
        Self {
            blocks: RwLock::default(),
            bytes_max,
            head: KnownHead::new(head),
        }
    }

    /// Shares a committed block and wakes who waits.
    pub(crate) fn push(&self, block: Block) {
        let up_to = block.up_to;
        point();
        {
            let mut guard = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
            let (blocks, weight) = &mut *guard;
            *weight += block.weight();
            blocks.push_back(block);
            while *weight > self.bytes_max {
                let Some(oldest) = blocks.pop_front() else {
                    break;
                };
                *weight -= oldest.weight();
            }
        }
        self.told(up_to);
    }

    /// Forgets all that is shared, for the log is not the one any more that it was of: it has
    /// fallen back to an older state, and ends here.
    pub(crate) fn begin_anew(&self, head: Position) {
        point();
        let mut shared = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        *shared = (VecDeque::new(), 0);
        drop(shared);
        self.head.replace(head);
    }

    /// Hears that the log goes at least up to here.
    pub(crate) fn told(&self, position: Position) {
        self.head.reaches(position);
    }

    /// Hears where the log ended when somebody asked, who knew this position before.
    ///
    /// INVARIANT: only what is committed is known, so that a log which ends earlier than what was
    /// known before it was asked has fallen back to an older state.
    pub(crate) fn looked(&self, known: Position, end: Position) {
        if end >= known {
            return self.told(end);
        }
        point();
        let mut shared = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        if self.head.fell_back(known, end) {
            *shared = (VecDeque::new(), 0);
        }
    }

    /// Looks where the log ends now, and whether what is shared still stands in it. For whoever
    /// has lost the connection to the database: another one may have taken over meanwhile, to which
    /// the last changes had not come yet, and a process that writes nothing would not learn of it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was learned then.
    pub(crate) async fn look_again(&self, store: &dyn Store) -> Result<(), StoreError> {
        let known = self.head.position();
        if let Some((position, entry)) = self.last_shared() {
            let before = position.before().unwrap_or_default();
            let stands = store.read_entries(before, position).await?;
            if stands.first() != Some(&entry) {
                self.forget_up_to(position, &entry);
            }
        }
        let end = store.head().await?.position;
        self.looked(known, end);
        Ok(())
    }

    /// The last event that is shared.
    fn last_shared(&self) -> Option<(Position, Entry)> {
        point();
        let shared = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let last = shared.0.back()?.events.last()?;
        Some((last.position(), *last.entry()))
    }

    /// Forgets what is shared, unless more than this event has come meanwhile.
    fn forget_up_to(&self, position: Position, entry: &Entry) {
        point();
        let mut shared = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        let last = shared.0.back().and_then(|block| block.events.last());
        if last.is_some_and(|last| last.position() == position && last.entry() == entry) {
            *shared = (VecDeque::new(), 0);
        }
    }

    pub(crate) fn head(&self) -> &KnownHead {
        &self.head
    }

    /// The events that follow this position, if they are still shared, and so is the last event
    /// before them that whoever asks was handed.
    fn after(&self, position: Position, last: Option<&Entry>) -> Option<Block> {
        point();
        let guard = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let blocks = &guard.0;
        if last.is_some_and(|last| shared_entry(blocks, position) != Some(last)) {
            return None;
        }
        let first = blocks.partition_point(|block| block.up_to <= position);
        let mut found = Block {
            events: Vec::new(),
            up_to: position,
        };
        for block in blocks.range(first..) {
            let next = block
                .events
                .iter()
                .skip_while(|event| event.position() <= found.up_to);
            let fits = block
                .events
                .first()
                .is_some_and(|first| first.position() <= found.up_to.next());
            if !fits || found.events.len() >= FOLLOW_EVENTS_MAX {
                break;
            }
            found.events.extend(next.cloned());
            found.up_to = block.up_to;
        }
        (!found.events.is_empty()).then_some(found)
    }
}

/// The entry of the event at this position, where it is shared.
fn shared_entry(blocks: &VecDeque<Block>, position: Position) -> Option<&Entry> {
    let block = blocks.get(blocks.partition_point(|block| block.up_to < position))?;
    let first = block.events.first()?.position();
    let index = usize::try_from(position.get().checked_sub(first.get())?).ok()?;
    block.events.get(index).map(Recorded::entry)
}

/// Hands out every event after a position, in order, for as long as it is asked.
///
/// It holds nothing but its position and the last entry: any number may follow, join late, be slow,
/// or be dropped and made anew. One that was made anew does not know what the one before it was
/// handed, and whether that is still in the log.
pub struct Follower {
    position: Position,
    /// The entry of the last event that was handed out: what follows it follows on nothing else.
    last: Option<Entry>,
    recent: Arc<Recent>,
    store: Arc<dyn Store>,
    head: HeadWatch,
    closing: tokio_util::sync::CancellationToken,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Follower {
    pub(crate) fn new(
        after: Position,
        recent: Arc<Recent>,
        store: Arc<dyn Store>,
        closing: tokio_util::sync::CancellationToken,
    ) -> Self {
        let head = recent.head().watch();
        Self {
            position: after,
            last: None,
            recent,
            store,
            head,
            closing,
        }
    }

    /// The position up to which events have been handed out.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next events, at least one; waits until there are any. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`ReadError`]; after any but [`ReadError::Closed`] and [`ReadError::FellBack`] it can be
    /// asked again.
    pub async fn next(&mut self) -> Result<Block, ReadError> {
        loop {
            point();
            let head = self.head.see();
            if head > self.position {
                let block = match self.recent.after(self.position, self.last.as_ref()) {
                    Some(block) => block,
                    None => self.read(head).await?,
                };
                if let Some(last) = block.events.last() {
                    self.position = last.position();
                    self.last = Some(*last.entry());
                    return Ok(block);
                }
            }
            point();
            tokio::select! {
                // Closing comes first: it waits for no event that comes at the same time.
                biased;
                () = self.closing.cancelled() => return Err(ReadError::Closed),
                _ = self.head.moved() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {
                    let known = self.recent.head().position();
                    let end = self.store.head().await?.position;
                    self.recent.looked(known, end);
                    if self.last.is_some() && end < self.position {
                        return Err(self.fell_back());
                    }
                }
            }
        }
    }

    /// Reads what follows, with the last event that was handed out before it.
    async fn read(&self, head: Position) -> Result<Block, ReadError> {
        let (store, everything) = (&self.store, Filter::default());
        let (after, most) = match self.last {
            Some(_) => (
                self.position.before().unwrap_or_default(),
                FOLLOW_EVENTS_MAX + 1,
            ),
            None => (self.position, FOLLOW_EVENTS_MAX),
        };
        let mut events = store.read_block(after, head, &everything, most).await?;
        if let Some(last) = &self.last {
            if events.first().map(Recorded::entry) != Some(last) {
                return Err(self.fell_back());
            }
            events.remove(0);
        }
        let up_to = events.last().map_or(self.position, Recorded::position);
        Ok(Block { events, up_to })
    }

    fn fell_back(&self) -> ReadError {
        ReadError::FellBack {
            position: self.position,
        }
    }
}
