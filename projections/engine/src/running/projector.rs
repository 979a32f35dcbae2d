//! Folding the log into one file: catching up by itself, then living from the feed, or building to
//! the end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use meguri_log::{Filter, Log, Position, ReadError, answered};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    files::{
        error::{ProofError, StoreError},
        mismatch::Mismatch,
        proof,
        view_file::{More, ViewFile},
    },
    folding::{
        decode::{Batch, DecodeError, decode},
        outcome::{Advanced, Poison},
        redactions::Redactions,
        row::TableError,
    },
    running::{
        backoff::Backoff,
        feed::Feed,
        index_follower::keep_caught_up,
        rebuilds::Rebuilds,
        status::BuildPhase,
        view_handle::ViewHandle,
        worker_command::{RebuildStep, Steps},
    },
};

mod changes;

/// From so many blocks on, a file joins others that are being built instead of reading by itself.
const FAR_BLOCKS: usize = 4;

/// Why folding came to an end, or to a rest.
#[derive(Debug)]
pub enum End {
    /// Every event there was is in the file.
    CaughtUp,
    /// This event cannot be folded.
    Poison(Poison),
    /// The file is not what the log and its fold make: it is of no use.
    Mismatch(Mismatch),
    /// It was told to stop, or the log was closed.
    Stopped,
}

/// A failure that does not lie in the events: the same is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("what is built together cannot be read: {0}")]
    Together(String),
}

impl Trouble {
    /// What is wrong with the file, if that is the reason: trying again does not help.
    fn damage(self, folder: &Path) -> Result<String, Self> {
        match self {
            Self::Table(error) if is_read_only(&error) && !can_be_written(folder) => {
                Err(Self::Table(error))
            }
            Self::Table(error) => proof::damage(&error).ok_or(Self::Table(error)),
            Self::Store(error) => proof::damage_of(error).map_err(Self::Store),
            other @ (Self::Read(_) | Self::Decode(_) | Self::Proof(_) | Self::Together(_)) => {
                Err(other)
            }
        }
    }
}

/// Whether SQLite calls a file read-only: it is damaged so, or its whole disk is.
fn is_read_only(error: &TableError) -> bool {
    match error {
        TableError::Database(error) => error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "8"),
        TableError::Cell(_) | TableError::Damaged(_) | TableError::Missing { .. } => false,
    }
}

/// Whether files can be made in this folder.
fn can_be_written(folder: &Path) -> bool {
    let probe = folder.join("probe");
    std::fs::write(&probe, []).is_ok() && std::fs::remove_file(&probe).is_ok()
}

/// One file, and what it takes to fold the log into it.
pub struct Projector {
    pub file: ViewFile,
    pub handle: Arc<ViewHandle>,
    pub log: Log,
    pub rebuilds: Rebuilds,
    pub stop: CancellationToken,
    /// Events that are read, folded and written at once.
    pub block_events: usize,
    /// Where to stop, if not at the end of the log.
    pub until: Option<Position>,
    /// The database of the version that this file takes the place of, until it is compared.
    pub replaces: Option<PathBuf>,
    /// How far the rows are, for what is made of them.
    pub rows: watch::Sender<Position>,
    pub role: Role,
}

/// What a file is folded for.
pub enum Role {
    /// To be read while it follows.
    Live,
    /// To take over once it has caught up; who asked for it hears how far it is.
    Build(Option<Steps>),
    /// To be compared with, or looked at; who asked for it hears how far it is.
    Shadow(Option<Steps>),
}

impl Role {
    /// Who asked for it.
    pub fn asked_by(&self) -> Option<&Steps> {
        match self {
            Self::Live => None,
            Self::Build(asked_by) | Self::Shadow(asked_by) => asked_by.as_ref(),
        }
    }
}

impl Projector {
    /// Follows the log until it is told to stop, or meets an event that it cannot fold.
    pub async fn follow(&mut self, feed: &Feed) -> End {
        let indexed = self.file.indexed();
        let rows = self.rows.subscribe();
        let (handle, log, stop) = (
            Arc::clone(&self.handle),
            self.log.clone(),
            self.stop.clone(),
        );
        let end = tokio::select! {
            // Rows come first: what is found is made of them.
            biased;
            end = self.follow_rows(feed) => end,
            () = keep_caught_up(indexed, handle, log, rows, stop) => End::Stopped,
        };
        if let End::Poison(_) = end {
            self.catch_up_for_good().await;
        }
        end
    }

    /// What the rows have where they stopped can be found.
    async fn catch_up_for_good(&mut self) {
        match self.file.catch_up_index().await {
            Ok(()) => self
                .handle
                .reached(self.file.readable(), self.log.known_head()),
            // It is taken up at the next start.
            Err(error) => tracing::warn!(view = self.handle.name(), %error, "an index is behind"),
        }
    }

    async fn follow_rows(&mut self, feed: &Feed) -> End {
        loop {
            // Subscribed before catching up, so that nothing falls in between.
            let mut batches = feed.subscribe();
            match self.catch_up().await {
                End::CaughtUp => {}
                end @ (End::Poison(_) | End::Mismatch(_) | End::Stopped) => return end,
            }
            if let Some(end) = self.live_on(&mut batches).await {
                return end;
            }
        }
    }

    /// Folds everything there is, proves that the file holds what it should, and makes it readable.
    pub async fn build(&mut self) -> End {
        // From here on it can be told how fast it is.
        self.tell();
        if let Some(end) = self.note_changes().await {
            return end;
        }
        let mut backoff = Backoff::new(self.stop.clone());
        loop {
            match self.catch_up().await {
                End::CaughtUp if self.file.is_built() => return End::CaughtUp,
                End::CaughtUp => {}
                end @ (End::Poison(_) | End::Mismatch(_) | End::Stopped) => return end,
            }
            match self.finish().await {
                Ok(None) => {}
                Ok(Some(mismatch)) => return End::Mismatch(mismatch),
                Err(trouble) => match trouble.damage(self.file.place()) {
                    Ok(reason) => return End::Mismatch(Mismatch::Damaged { reason }),
                    Err(trouble) => backoff.wait(self.handle.name(), &trouble).await,
                },
            }
        }
    }

    async fn finish(&mut self) -> Result<Option<Mismatch>, Trouble> {
        answered(self.file.commit()).await?;
        self.phase(BuildPhase::Verifying);
        if let Some(mismatch) = self.file.prove(&self.log).await? {
            return Ok(Some(mismatch));
        }
        self.phase(BuildPhase::Indexing);
        answered(self.file.finish()).await?;
        self.phase(BuildPhase::Folding);
        Ok(None)
    }

    /// Reads the log by itself until there is no more, or not more than it was asked for.
    pub async fn catch_up(&mut self) -> End {
        let mut backoff = Backoff::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            let head = self.log.known_head();
            let target = self.until.unwrap_or(head);
            if self.until == Some(self.file.position()) {
                return End::CaughtUp;
            }
            let far = (self.block_events * FAR_BLOCKS) as u64;
            let caught_up = if target.get() > self.file.position().get() + far {
                self.travel().await
            } else {
                self.next_block().await
            };
            match caught_up {
                Ok((_, Advanced::Stopped(poison))) => return End::Poison(poison),
                Ok((_, Advanced::Rewound)) => {}
                Ok((read, Advanced::Folded)) => {
                    backoff.reset();
                    if read == 0 || (read < self.block_events && self.file.position() >= head) {
                        return End::CaughtUp;
                    }
                }
                Err(Trouble::Read(ReadError::Closed)) => return End::Stopped,
                Err(trouble) => match trouble.damage(self.file.place()) {
                    Ok(reason) => return End::Mismatch(Mismatch::Damaged { reason }),
                    Err(trouble) => backoff.wait(self.handle.name(), &trouble).await,
                },
            }
        }
        End::Stopped
    }

    /// Reads together with others that have far to go.
    async fn travel(&mut self) -> Result<(usize, Advanced), Trouble> {
        let from = self.file.position();
        let mut batches = self.rebuilds.join(from, *self.handle.view.kinds());
        let mut came = false;
        loop {
            let batch = tokio::select! {
                // Whoever stops it is heard first, also while batches come.
                biased;
                () = self.stop.cancelled() => None,
                batch = batches.recv() => batch,
            };
            let batch = match batch {
                Some(Ok(batch)) => batch,
                Some(Err(reason)) => return Err(Trouble::Together(reason)),
                None if came || self.stop.is_cancelled() => {
                    return Ok((usize::MAX, Advanced::Folded));
                }
                // The same may come of it at once.
                None => return Err(Trouble::Together("its reader broke off".to_owned())),
            };
            came = true;
            match self.fold(&batch).await? {
                Advanced::Folded if self.until == Some(self.file.position()) => {
                    return Ok((usize::MAX, Advanced::Folded));
                }
                Advanced::Folded => {}
                ended @ (Advanced::Stopped(_) | Advanced::Rewound) => {
                    return Ok((usize::MAX, ended));
                }
            }
        }
    }

    /// Reads one block by itself. Answers how many events it had.
    async fn next_block(&mut self) -> Result<(usize, Advanced), Trouble> {
        let after = self.file.position();
        let block = self
            .log
            .read_all(after, &Filter::default(), self.block_events)
            .await?;
        if block.events.is_empty() {
            return Ok((0, Advanced::Folded));
        }
        let view = &self.handle.view;
        let batch = decode(&self.log, view.facts(), view.kinds(), after, &block).await?;
        Ok((block.events.len(), self.fold(&batch).await?))
    }

    /// Folds what the feed brings. Answers nothing when it has to catch up again.
    async fn live_on(&mut self, batches: &mut broadcast::Receiver<Arc<Batch>>) -> Option<End> {
        loop {
            let batch = tokio::select! {
                // Whoever stops it is heard first, also while batches come.
                biased;
                () = self.stop.cancelled() => return Some(End::Stopped),
                batch = batches.recv() => batch,
            };
            let Ok(batch) = batch else { return None };
            match self.fold_together(batch, batches).await {
                Ok(Advanced::Folded) => {}
                Ok(Advanced::Stopped(poison)) => return Some(End::Poison(poison)),
                Ok(Advanced::Rewound) => return None,
                Err(error) => {
                    tracing::warn!(view = self.handle.name(), %error, "folding is tried again");
                    return None;
                }
            }
        }
    }

    /// Folds a batch, and those that have come since, in as few transactions: who is slow for a
    /// moment catches up by doing less.
    async fn fold_together(
        &mut self,
        first: Arc<Batch>,
        batches: &mut broadcast::Receiver<Arc<Batch>>,
    ) -> Result<Advanced, TableError> {
        let mut batch = first;
        // One that was missed shows in the next, which does not fit.
        while let Ok(next) = batches.try_recv() {
            let folded = self.advance(&batch, More::Follows).await;
            match folded {
                Ok(Advanced::Folded) => batch = next,
                Ok(Advanced::Stopped(_) | Advanced::Rewound) => {
                    answered(self.file.commit()).await?;
                    self.tell();
                    return folded;
                }
                Err(_) => return folded,
            }
        }
        self.fold(&batch).await
    }

    async fn fold(&mut self, batch: &Batch) -> Result<Advanced, TableError> {
        let folded = self.advance(batch, More::Unknown).await;
        self.tell();
        folded
    }

    async fn advance(&mut self, batch: &Batch, more: More) -> Result<Advanced, TableError> {
        let until = self.until.unwrap_or(batch.up_to());
        let mut folded = answered(self.file.advance(batch, until, more)).await;
        if let Ok(Advanced::Stopped(poison)) = &folded
            && let Some(key) = &poison.lacks_row
        {
            let redactions = Redactions::of(&self.log, self.handle.view.facts()).await;
            if redactions.explain(key, poison.position) {
                self.file.pass_over(redactions);
                folded = answered(self.file.advance(batch, until, more)).await;
            }
        }
        while let Ok(Advanced::Stopped(poison)) = &folded {
            match answered(self.file.park(poison)).await {
                Ok(false) => break,
                Ok(true) => {
                    let view = self.handle.name();
                    let (stream, reason) = (poison.stream.as_deref(), &poison.reason);
                    tracing::error!(view, stream, reason, "the view goes on without a stream");
                    folded = answered(self.file.advance(batch, until, more)).await;
                }
                Err(error) => folded = Err(error),
            }
        }
        if let Role::Live = self.role {
            self.handle.goes_without(self.file.parked());
        }
        if folded.is_err() {
            // The commit may have happened or not: the file knows.
            answered(self.file.reload()).await?;
        }
        folded
    }

    fn phase(&self, phase: BuildPhase) {
        if let Role::Build(_) = self.role {
            self.handle.phase(phase, self.log.known_head());
        }
        let position = self.file.position();
        self.step(RebuildStep::Phase { phase, position });
    }

    fn tell(&self) {
        let (position, head) = (self.file.position(), self.log.known_head());
        match &self.role {
            // What is found of the rows tells when it has caught up.
            Role::Live if self.file.indexed().is_some() => {
                self.rows.send_replace(position);
                return;
            }
            Role::Live => return self.handle.reached(position, head),
            Role::Build(_) => self.handle.building(position, head),
            Role::Shadow(_) => {}
        }
        let head = self.until.unwrap_or(head).max(position);
        self.step(RebuildStep::Folded { position, head });
    }

    fn step(&self, step: RebuildStep) {
        if let Some(asked_by) = self.role.asked_by() {
            // Who does not listen closely misses a step, and the build does not wait.
            let _ = asked_by.try_send(step);
        }
    }
}
