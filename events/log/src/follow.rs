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
    recorded::Block,
    schedule::point,
    store::Store,
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

    pub(crate) fn head(&self) -> &KnownHead {
        &self.head
    }

    /// The events that follow this position, if they are still shared.
    fn after(&self, position: Position) -> Option<Block> {
        point();
        let guard = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let blocks = &guard.0;
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

/// Hands out every event after a position, in order, for as long as it is asked.
///
/// It holds nothing but its position: any number may follow, join late, be slow, or be dropped and
/// made anew.
pub struct Follower {
    position: Position,
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
    /// [`ReadError`]; after any but [`ReadError::Closed`] it can be asked again.
    pub async fn next(&mut self) -> Result<Block, ReadError> {
        loop {
            point();
            let head = self.head.see();
            if head > self.position {
                let block = match self.recent.after(self.position) {
                    Some(block) => block,
                    None => self.read(head).await?,
                };
                if let Some(last) = block.events.last() {
                    self.position = last.position();
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
                    self.recent.told(self.store.head().await?.position);
                }
            }
        }
    }

    async fn read(&self, head: Position) -> Result<Block, ReadError> {
        let (store, after) = (&self.store, self.position);
        let events = store
            .read_block(after, head, &Filter::default(), FOLLOW_EVENTS_MAX)
            .await?;
        let up_to = events
            .last()
            .map_or(after, super::recorded::Recorded::position);
        Ok(Block { events, up_to })
    }
}
