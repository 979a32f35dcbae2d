//! Folding the log into one file: catching up by itself, then living from the feed.

use std::{collections::BTreeSet, sync::Arc};

use meguri_log::{Filter, Log, OpenSealError, Position, ReadError};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    decode::{Batch, decode},
    feed::Feed,
    patience::Patience,
    row::TableError,
    slot::Slot,
    store::{Poison, ViewFile},
    worker::RebuildStep,
};

/// Why folding came to an end, or to a rest.
#[derive(Debug)]
pub(crate) enum End {
    /// Every event there was is in the file.
    Level,
    /// This event cannot be folded.
    Poison(Poison),
    /// It was told to stop, or the log was closed.
    Stopped,
}

/// A failure that does not lie in the events: the same is tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Seal(#[from] OpenSealError),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// One file, and what it takes to fold the log into it.
pub(crate) struct Folding {
    pub(crate) file: ViewFile,
    pub(crate) slot: Arc<Slot>,
    pub(crate) log: Log,
    pub(crate) stop: CancellationToken,
    /// Events that are read, folded and written at once.
    pub(crate) block_events: usize,
    pub(crate) role: Role,
}

/// What a file is folded for.
pub(crate) enum Role {
    /// To be read while it follows.
    Live,
    /// To take over once it is level; who asked for it hears how far it is.
    Build(Option<mpsc::Sender<RebuildStep>>),
}

impl Folding {
    /// Stays level with the log until it is told to stop, or meets an event that it cannot fold.
    pub(crate) async fn follow(&mut self, feed: &Feed) -> End {
        loop {
            // Subscribed before catching up, so that nothing falls in between.
            let mut batches = feed.subscribe();
            match self.catch_up().await {
                End::Level => {}
                end @ (End::Poison(_) | End::Stopped) => return end,
            }
            if let Some(end) = self.live_on(&mut batches).await {
                return end;
            }
        }
    }

    /// Reads the log by itself until there is no more.
    pub(crate) async fn catch_up(&mut self) -> End {
        let wanted: BTreeSet<_> = self.slot.view.wants().iter().copied().collect();
        let mut patience = Patience::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            let head = self.log.known_head();
            match self.next_block(&wanted).await {
                Ok((_, Some(poison))) => return End::Poison(poison),
                Ok((read, None)) => {
                    patience.reset();
                    if read == 0 || (read < self.block_events && self.file.position() >= head) {
                        return End::Level;
                    }
                }
                Err(Trouble::Read(ReadError::Closed)) => return End::Stopped,
                Err(trouble) => patience.wait(self.slot.name(), &trouble).await,
            }
        }
        End::Stopped
    }

    async fn next_block(
        &mut self,
        wanted: &BTreeSet<&'static str>,
    ) -> Result<(usize, Option<Poison>), Trouble> {
        let after = self.file.position();
        let block = self
            .log
            .read_all(after, &Filter::default(), self.block_events)
            .await?;
        if block.events.is_empty() {
            return Ok((0, None));
        }
        let batch = decode(&self.log, wanted, after, &block).await?;
        Ok((block.events.len(), self.fold(&batch).await?))
    }

    /// Folds what the feed brings. Answers nothing when it has to catch up again.
    async fn live_on(&mut self, batches: &mut broadcast::Receiver<Arc<Batch>>) -> Option<End> {
        loop {
            let batch = tokio::select! {
                () = self.stop.cancelled() => return Some(End::Stopped),
                batch = batches.recv() => batch,
            };
            let Ok(batch) = batch else { return None };
            if batch.after > self.file.position() {
                return None;
            }
            match self.fold(&batch).await {
                Ok(None) => {}
                Ok(Some(poison)) => return Some(End::Poison(poison)),
                Err(error) => {
                    tracing::warn!(view = self.slot.name(), %error, "folding is tried again");
                    return None;
                }
            }
        }
    }

    async fn fold(&mut self, batch: &Batch) -> Result<Option<Poison>, TableError> {
        let view = Arc::clone(&self.slot.view);
        let folded = self.file.advance(&*view, batch).await;
        if folded.is_err() {
            // The commit may have happened or not: the file knows.
            self.file.reload().await?;
        }
        self.tell();
        folded
    }

    fn tell(&self) {
        let (position, head) = (self.file.position(), self.log.known_head());
        match &self.role {
            Role::Live => self.slot.reached(position, head),
            Role::Build(asked_by) => {
                self.slot.building(Some(position));
                if let Some(asked_by) = asked_by {
                    // Who does not listen closely misses a step, and the build does not wait.
                    let _ = asked_by.try_send(RebuildStep::Folded {
                        position,
                        head: Position::max(position, head),
                    });
                }
            }
        }
    }
}
