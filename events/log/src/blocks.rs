//! Reading ahead: the next block is on its way while the one before is being used.

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    log::Log,
    read::{Filter, ReadError},
    recorded::Block,
    stream::Position,
};

/// Events of a block.
const BLOCK_EVENTS: usize = 1_000;
/// Blocks that wait to be used: enough that neither side stands still, few enough that memory stays
/// flat.
const BLOCKS_AHEAD: usize = 4;

/// Blocks of the log from a position to its end.
#[derive(Debug)]
pub struct Blocks {
    blocks: mpsc::Receiver<Result<Block, ReadError>>,
    reader: JoinHandle<()>,
}

impl Blocks {
    pub(crate) fn start(log: Log, mut after: Position, filter: Filter) -> Self {
        let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
        let reader = tokio::spawn(async move {
            loop {
                let read = log.read_all(after, &filter, BLOCK_EVENTS).await;
                let at_end = read.as_ref().is_ok_and(|block| block.up_to == after);
                let failed = read.is_err();
                after = read.as_ref().map_or(after, |block| block.up_to);
                if at_end || sender.send(read).await.is_err() || failed {
                    return;
                }
            }
        });
        Self { blocks, reader }
    }

    /// The next block; none at the end of the log, or after an error.
    pub async fn next(&mut self) -> Option<Result<Block, ReadError>> {
        self.blocks.recv().await
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
