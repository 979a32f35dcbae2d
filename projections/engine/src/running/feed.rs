//! The feed: one reader of the log decodes each block once and hands it to all live views.

use std::{sync::Arc, time::Duration};

use meguri_log::{Block, Log, Position, ReadError};
use meguri_supervision::beat_within;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::{
    folding::{
        decode::{Batch, decode},
        facts::Facts,
        kinds::Kinds,
    },
    running::backoff::Backoff,
    set::ViewSet,
};

/// Batches that wait for the slowest view, which takes all of them at once. One that falls further
/// behind reads the log by itself until it has caught up.
const BATCHES_WAITING: usize = 256;

/// How long a block takes at the very most, from the log or through the decoder; and how often the
/// feed is heard of while nothing happens.
const BLOCK_MAX: Duration = Duration::from_mins(3);
const HEARD_OF_EVERY: Duration = Duration::from_secs(10);

/// Where live views get their batches from.
#[derive(Clone)]
pub struct Feed {
    batches: broadcast::Sender<Arc<Batch>>,
    facts: &'static dyn Facts,
    wanted: Kinds,
}

impl Feed {
    /// A feed for these views. Nothing flows before [`Feed::run`].
    pub fn new(set: &ViewSet) -> Self {
        let views = set.views.iter();
        Self {
            batches: broadcast::Sender::new(BATCHES_WAITING),
            facts: set.facts,
            wanted: views.fold(Kinds::default(), |all, view| all.union(view.kinds())),
        }
    }

    /// Everything that comes from now on. The first batch may begin beyond where a view stands, and
    /// after a view was too slow, so may any other: each says what it comes after.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.batches.subscribe()
    }

    /// Follows the log until it is told to stop.
    pub async fn run(self, log: Log, stop: CancellationToken) {
        let mut follower = log.follow(log.known_head());
        let mut backoff = Backoff::new(stop.clone());
        while !stop.is_cancelled() {
            let after = follower.position();
            beat_within(BLOCK_MAX);
            let block = tokio::select! {
                // Whoever stops it is heard first, also while the log grows.
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(HEARD_OF_EVERY) => continue,
                block = follower.next() => block,
            };
            match block {
                Ok(block) => self.hand_out(&log, after, &block, &mut backoff).await,
                Err(ReadError::Closed) => return,
                // What live views hold is compared with the log in the background; what follows on
                // it reaches them from here on, and shows in the next batch, which does not fit.
                Err(error @ ReadError::FellBack { .. }) => {
                    tracing::error!(%error, "views are looked through, and built anew if need be");
                    follower = log.follow(log.known_head());
                }
                Err(error) => {
                    backoff.wait("the feed cannot read the log", &error).await;
                    follower = log.follow(after);
                }
            }
        }
    }

    async fn hand_out(&self, log: &Log, after: Position, block: &Block, backoff: &mut Backoff) {
        // Nobody listens while all views catch up by themselves.
        while self.batches.receiver_count() > 0 && !backoff.is_over() {
            beat_within(BLOCK_MAX);
            match decode(log, self.facts, &self.wanted, after, block).await {
                Ok(batch) => {
                    backoff.reset();
                    // Fails where the last listener has just gone; then nobody misses it.
                    let _ = self.batches.send(Arc::new(batch));
                    return;
                }
                Err(error) => {
                    backoff
                        .wait("the feed cannot open sealed sections", &error)
                        .await;
                }
            }
        }
    }
}
