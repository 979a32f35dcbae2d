//! Reading for views that have far to go: files that are built at the same time share one reader,
//! which decodes on all cores and hands out batches in order.

use std::{sync::Arc, thread::available_parallelism, time::Duration};

use futures::{Stream, StreamExt as _, stream};
use meguri_log::{Block, Blocks, Log, Position, ReadError};
use meguri_supervision::OnFailure;
use tokio::{runtime::Handle, sync::mpsc, task::JoinError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    folding::{
        decode::{Batch, DecodeError, decode},
        facts::Facts,
        kinds::Kinds,
    },
    running::throttle::Throttle,
};

/// How long a reader waits for others to join before it sets out.
const OTHERS_JOIN_WITHIN: Duration = Duration::from_millis(20);

/// Batches that wait for a file: the reader waits for the slowest, so that memory stays flat.
const BATCHES_WAITING: usize = 1;

/// Where files that have far to go get their batches from. Cloning is cheap.
#[derive(Clone)]
pub struct Rebuilds(mpsc::UnboundedSender<Traveller>);

/// A file on its way.
struct Traveller {
    after: Position,
    wants: Kinds,
    batches: mpsc::Sender<Result<Arc<Batch>, String>>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("decoding broke off: {0}")]
    BrokeOff(#[from] JoinError),
}

impl Rebuilds {
    /// Starts what reads, as tasks of this tracker.
    pub fn start(
        log: Log,
        facts: &'static dyn Facts,
        throttle: Throttle,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Self {
        let (join, mut joined) = mpsc::unbounded_channel();
        let (readers, supervisor) = (tasks.clone(), log.supervisor().clone());
        let over = stop.child_token();
        let told = over.clone();
        let reading = async move {
            while let Some(first) = or_stopped(&stop, joined.recv()).await.flatten() {
                tokio::time::sleep(OTHERS_JOIN_WITHIN).await;
                let mut group = vec![first];
                while let Ok(other) = joined.try_recv() {
                    group.push(other);
                }
                let (log, throttle, stop) = (log.clone(), throttle.clone(), stop.clone());
                readers.spawn(async move {
                    or_stopped(&stop, travel(&log, facts, group, throttle)).await;
                });
            }
            // Nobody can ask it any more.
            told.cancel();
        };
        tasks.spawn(supervisor.watch("rebuilds", OnFailure::Unready, &over, reading));
        Self(join)
    }

    /// Every event from after `after` to where the log ends, in batches, of which the first may
    /// begin earlier. It may end early, too: then the rest is read by itself, or joined for again;
    /// where it ended with a failure, that is the last that comes.
    pub fn join(
        &self,
        after: Position,
        wants: Kinds,
    ) -> mpsc::Receiver<Result<Arc<Batch>, String>> {
        let (batches, coming) = mpsc::channel(BATCHES_WAITING);
        // Refused when everything ends; then the receiver ends, too.
        let _ = self.0.send(Traveller {
            after,
            wants,
            batches,
        });
        coming
    }
}

async fn or_stopped<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        // Whoever stops it is heard first.
        biased;
        () = stop.cancelled() => None,
        done = work => Some(done),
    }
}

/// Reads for a group of files until the log ends or nobody listens any more.
async fn travel(
    log: &Log,
    facts: &'static dyn Facts,
    mut group: Vec<Traveller>,
    mut throttle: Throttle,
) {
    let after = group.iter().map(|one| one.after).min().unwrap_or_default();
    let wanted = group
        .iter()
        .fold(Kinds::default(), |all, one| all.union(&one.wants));
    let mut batches = std::pin::pin!(batches(log.clone(), facts, wanted, after));
    throttle.begin();
    while let Some(batch) = batches.next().await {
        let batch = match batch {
            Ok(batch) => Arc::new(batch),
            Err(error) => {
                // Each says so, and waits before it joins again.
                for one in group {
                    let _ = one.batches.send(Err(error.to_string())).await;
                }
                return;
            }
        };
        let mut left = Vec::with_capacity(group.len());
        for one in group {
            // One that has come further than this waits for its turn.
            let old = batch.up_to() <= one.after;
            if old || one.batches.send(Ok(Arc::clone(&batch))).await.is_ok() {
                left.push(one);
            }
        }
        if left.is_empty() {
            return;
        }
        group = left;
        throttle.breathe().await;
    }
}

/// The log in decoded batches, in order; several are being decoded at once.
fn batches(
    log: Log,
    facts: &'static dyn Facts,
    wanted: Kinds,
    after: Position,
) -> impl Stream<Item = Result<Batch, Trouble>> {
    let decoders = available_parallelism().map_or(1, std::num::NonZero::get);
    let blocks = log.read_ahead(after, facts.types().filter(&wanted));
    let decoding = stream::unfold((blocks, after), move |(blocks, after)| {
        let log = log.clone();
        async move { begin_next(log, facts, wanted, blocks, after).await }
    });
    decoding.buffered(decoders)
}

type Decoding = futures::future::BoxFuture<'static, Result<Batch, Trouble>>;

/// Begins to decode the next block, on a thread of its own.
async fn begin_next(
    log: Log,
    facts: &'static dyn Facts,
    wanted: Kinds,
    mut blocks: Blocks,
    after: Position,
) -> Option<(Decoding, (Blocks, Position))> {
    let block: Block = match blocks.next().await? {
        Ok(block) => block,
        Err(error) => {
            let failed: Decoding = Box::pin(async { Err(error.into()) });
            return Some((failed, (blocks, after)));
        }
    };
    let up_to = block.up_to;
    let runtime = Handle::current();
    let decoding = tokio::task::spawn_blocking(move || {
        runtime.block_on(decode(&log, facts, &wanted, after, &block))
    });
    let decoded: Decoding = Box::pin(async { Ok(decoding.await??) });
    Some((decoded, (blocks, up_to)))
}
