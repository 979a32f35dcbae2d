//! Reading ahead: several blocks are on their way while the one before is being used.

use futures::{StreamExt, stream, stream::BoxStream};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    limits::READ_EVENTS_MAX,
    log::Log,
    read::{Filter, ReadError},
    recorded::Block,
    stream::Position,
};

/// Positions of a block. One read may answer as many events, so that a filter can let all through.
const BLOCK_POSITIONS: u64 = 8_000;
const _: () = assert!(
    BLOCK_POSITIONS <= READ_EVENTS_MAX as u64,
    "a block is one read"
);
/// Blocks on their way at once: enough that no core stands still, few enough that memory stays
/// flat.
const BLOCKS_AHEAD: usize = 3;

/// Blocks of the log from a position to its end.
pub struct Blocks(BoxStream<'static, Result<Block, ReadError>>);

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").finish_non_exhaustive()
    }
}

/// Where reading stands, and where the log ended when it was last asked.
struct Reading {
    log: Log,
    after: Position,
    head: Position,
}

impl Reading {
    /// The next range of positions to read; none at the end of the log.
    async fn range(&mut self) -> Result<Option<(Position, Position)>, ReadError> {
        if self.after >= self.head {
            self.head = self.log.head().await?.position;
        }
        let after = self.after;
        // INVARIANT: positions have no holes and are never given anew, so that the range of the
        // next block is known before this one is read.
        self.after = self.head.min(Position::new(after.get() + BLOCK_POSITIONS));
        Ok((self.after > after).then_some((after, self.after)))
    }
}

impl Blocks {
    pub(crate) fn start(log: Log, after: Position, filter: Filter) -> Self {
        let reading = Reading {
            log: log.clone(),
            after,
            head: after,
        };
        let ranges = stream::unfold(Some(reading), async |reading| {
            let mut reading = reading?;
            match reading.range().await {
                Ok(range) => range.map(|range| (Ok(range), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let blocks = ranges.map(move |range| {
            let (log, filter) = (log.clone(), filter.clone());
            let read = async move {
                let (after, up_to) = range?;
                log.read_range(after, up_to, &filter).await
            };
            // A task of its own, for a stream only moves while it is asked.
            let task = AbortOnDropHandle::new(tokio::spawn(read));
            async { task.await.unwrap_or(Err(ReadError::Closed)) }
        });
        Self(blocks.buffered(BLOCKS_AHEAD).boxed())
    }

    /// The next block; none at the end of the log. After an error, start anew from the last block.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Option<Result<Block, ReadError>> {
        self.0.next().await
    }
}
