//! The publisher at work: take the right to publish, find where it stands, then tiles, signature,
//! file, checkpoint, in this order.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use meguri_proofs::{Builder, Checkpoint, Note, Piece, SignerKey, Tree};
use meguri_supervision::{Recurring, beat_within, rest};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    LastSigned, Publication, PublishOptions, PublishState, Refusal, SignedCheckpoint,
    outside::Outside,
    place::Place,
    refusal::KeptIn,
    store::{FullTile, Press},
    witness::Cosigning,
};
use crate::{frontiers::TreeError, log::Log, read::ReadError, store::StoreError};

/// Entries that are read, hashed and kept as tiles in one go: a few milliseconds.
const READ_ENTRIES: u64 = 8_192;
/// How often it is written down where the log is, so that a file which is put back is older.
const PLACE_EVERY: Duration = Duration::from_mins(1);
/// How long a step takes at the very most: what others wait for is bounded in each.
const STEP_MAX: Duration = Duration::from_mins(10);
/// How long it rests after a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why it does not go on.
pub(super) enum Stop {
    /// Try again.
    Failed(String),
    /// Never sign again before somebody has looked.
    Refused(Refusal),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> Stop {
    Stop::Failed(error.to_string())
}

/// What publishes one log.
pub(super) struct Worker {
    pub(super) log: Log,
    pub(super) signer: SignerKey,
    pub(super) outside: Outside,
    pub(super) place: Place,
    pub(super) last_signed: Option<LastSigned>,
    pub(super) cosigning: Cosigning,
    interval: Duration,
    told: watch::Sender<Publication>,
    /// Whether all went well since the last failure.
    has_published: AtomicBool,
}

impl Worker {
    pub(super) fn new(
        log: Log,
        signer: SignerKey,
        place: Place,
        options: PublishOptions,
    ) -> (Self, watch::Receiver<Publication>) {
        let (told, publication) = watch::channel(Publication {
            state: PublishState::Waiting,
            latest: None,
            heard_at: None,
        });
        let worker = Self {
            log,
            signer,
            outside: Outside::new(&options),
            place,
            last_signed: options.last_signed,
            cosigning: Cosigning::new(options.witnesses),
            interval: options.interval.max(Duration::from_millis(1)),
            told,
            has_published: AtomicBool::new(false),
        };
        (worker, publication)
    }

    /// Publishes until it is told to stop. Where it stops in the middle, the next start goes on.
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            // Whoever stops it is heard before it does anything more.
            biased;
            () = stop.cancelled() => {}
            () = self.run_forever() => {}
        }
    }

    async fn run_forever(&self) {
        let mut again = Recurring::new();
        loop {
            beat_within(STEP_MAX);
            self.state(PublishState::Waiting);
            let press = tokio::select! {
                // The right to publish ends the watching of others.
                biased;
                press = self.log.published().wait_for_press() => press,
                never = self.watch_others() => match never {},
            };
            let reason = match press {
                Err(error) => error.to_string(),
                Ok(mut press) => match self.publish(&mut *press).await {
                    Err(Stop::Failed(reason)) => reason,
                    Err(Stop::Refused(refusal)) => {
                        tracing::error!(%refusal, "nothing is published any more");
                        self.state(PublishState::Refusing(refusal));
                        rest();
                        // INVARIANT: the right to publish is kept. Another process may know less,
                        // and would sign.
                        std::future::pending().await
                    }
                    Ok(never) => match never {},
                },
            };
            if self.has_published.swap(false, Ordering::Relaxed) {
                again.is_over();
            }
            if let Some(unsaid) = again.happened() {
                tracing::warn!(
                    reason,
                    unsaid,
                    "the log cannot be published now; trying again"
                );
            }
            self.state(PublishState::Failing(reason));
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Tells what another process publishes.
    async fn watch_others(&self) -> Infallible {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            beat_within(STEP_MAX);
            match self.log.published().last_checkpoint().await {
                Ok(Some(latest)) => self.tell(latest, PublishState::Waiting),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the last checkpoint cannot be read"),
            }
        }
    }

    async fn publish(&self, press: &mut dyn Press) -> Result<Infallible, Stop> {
        let (mut builder, mut last) = self.resume(press).await?;
        self.state(PublishState::Publishing);
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut placed = Instant::now();
        loop {
            ticks.tick().await;
            beat_within(STEP_MAX);
            if placed.elapsed() > PLACE_EVERY {
                self.settle(last.as_ref()).await?;
                placed = Instant::now();
            }
            self.publish_once(press, &mut builder, &mut last).await?;
            self.has_published.store(true, Ordering::Relaxed);
        }
    }

    /// Writes down where the log is, and what was signed of it last.
    pub(super) async fn settle(&self, last: Option<&SignedCheckpoint>) -> Result<(), Stop> {
        self.log.published().require_in_place().map_err(failed)?;
        let last = last.map(|last| last.note.clone());
        let written = self.place.write(&self.log, last).await;
        written.map_err(Stop::Failed)
    }

    /// Publishes what was appended since the last time, if anything was.
    async fn publish_once(
        &self,
        press: &mut dyn Press,
        builder: &mut Builder,
        last: &mut Option<SignedCheckpoint>,
    ) -> Result<(), Stop> {
        let (published, head) = (builder.tree().size, self.log.head().await?.position.get());
        measure(published, head);
        if head < published {
            return Err(Stop::Refused(Refusal::Shorter {
                head,
                published,
                kept_in: KeptIn::Database,
            }));
        }
        if head == published {
            return Ok(());
        }
        self.grow(press, builder, head).await?;
        let turn = self.outside.turn().await.map_err(Stop::Failed)?;
        self.log.published().require_in_place().map_err(failed)?;
        self.is_last(last.as_ref()).await?;
        let checkpoint = self.sign(press, builder.tree()).await?;
        self.outside
            .write(&checkpoint.note)
            .await
            .map_err(Stop::Failed)?;
        drop(turn);
        if !press.keep_checkpoint(published, &checkpoint).await? {
            return Err(failed("another process has published meanwhile"));
        }
        *last = Some(checkpoint.clone());
        self.tell(checkpoint, PublishState::Publishing);
        measure(head, head);
        Ok(())
    }

    /// Everything outside of the database holds what this process signed last; otherwise another
    /// copy of the log has signed, and one begins anew with what that was.
    async fn is_last(&self, last: Option<&SignedCheckpoint>) -> Result<(), Stop> {
        let last = last.map(|last| last.note.as_bytes());
        for (kept_in, note) in self.outside.read().await.map_err(Stop::Failed)? {
            if note.as_deref() != last {
                return Err(failed(format!("{kept_in} is not what was signed last")));
            }
        }
        Ok(())
    }

    /// Takes in entries up to there, and keeps the tiles that they complete.
    pub(super) async fn grow(
        &self,
        press: &mut dyn Press,
        builder: &mut Builder,
        to: u64,
    ) -> Result<(), Stop> {
        let mut size = builder.tree().size;
        while size < to {
            beat_within(STEP_MAX);
            let up_to = to.min(size + READ_ENTRIES);
            let tiles = self.complete(builder, size, up_to).await?;
            self.keep_tiles(press, &tiles).await?;
            size = up_to;
        }
        Ok(())
    }

    /// Takes in entries, and answers the tiles that they complete.
    async fn complete(
        &self,
        builder: &mut Builder,
        after: u64,
        up_to: u64,
    ) -> Result<Vec<FullTile>, Stop> {
        let entries = self.log.entries_between(after, up_to).await?;
        let mut tiles = Vec::new();
        for entry in &entries {
            for piece in builder.push(entry).map_err(failed)? {
                if let Piece::Tile(tile, hashes) = piece {
                    tiles.push(FullTile { tile, hashes });
                }
            }
        }
        Ok(tiles)
    }

    /// Keeps tiles; those that are there already, from before a crash, must be the same.
    async fn keep_tiles(&self, press: &mut dyn Press, tiles: &[FullTile]) -> Result<(), Stop> {
        if tiles.is_empty() || press.keep_tiles(tiles).await? == tiles.len() as u64 {
            return Ok(());
        }
        for full in tiles {
            let tile = full.tile;
            let kept = self
                .log
                .published()
                .full_tile(tile.level(), tile.index())
                .await?;
            if kept.as_deref() != Some(full.hashes.as_flattened()) {
                return Err(Stop::Refused(Refusal::Tile(tile)));
            }
        }
        Ok(())
    }

    /// Signs a tree. Where others cosign, the note is kept before they see it: whoever goes on
    /// after a crash knows all that they may have seen.
    async fn sign(&self, press: &mut dyn Press, tree: Tree) -> Result<SignedCheckpoint, Stop> {
        let checkpoint = self.checkpoint(tree)?;
        let note = Note::sign(checkpoint.to_string(), &self.signer).map_err(failed)?;
        let signed = SignedCheckpoint {
            tree,
            note: note.to_string(),
        };
        if !self.cosigning.is_asked_for() {
            return Ok(signed);
        }
        press.keep_signed(&signed.note).await?;
        self.outside
            .write(&signed.note)
            .await
            .map_err(Stop::Failed)?;
        self.completed(signed).await
    }

    /// A checkpoint with as many cosignatures as it takes.
    pub(super) async fn completed(
        &self,
        signed: SignedCheckpoint,
    ) -> Result<SignedCheckpoint, Stop> {
        let checkpoint = self.checkpoint(signed.tree)?;
        let note = Note::parse(&signed.note).map_err(failed)?;
        let note = self.cosigning.complete(&self.log, &checkpoint, note);
        Ok(SignedCheckpoint {
            tree: signed.tree,
            note: note.await?.to_string(),
        })
    }

    /// What is signed of a tree of this log.
    pub(super) fn checkpoint(&self, tree: Tree) -> Result<Checkpoint, Stop> {
        let verifier = self.signer.verifier();
        Checkpoint::new(verifier.name().as_str(), tree).map_err(failed)
    }

    fn state(&self, state: PublishState) {
        self.told.send_if_modified(|told| {
            let changed = told.state != state;
            told.state = state;
            changed
        });
    }

    pub(super) fn tell(&self, latest: SignedCheckpoint, state: PublishState) {
        self.told.send_if_modified(|told| {
            let known = told.latest.as_ref().map_or(0, |latest| latest.tree.size);
            let changed = told.state != state || known < latest.tree.size;
            if known < latest.tree.size {
                told.latest = Some(Arc::new(latest));
                told.heard_at = Some(self.log.clock().now());
            }
            told.state = state;
            changed
        });
    }
}

/// Tells how far publishing is, and how many events the log is ahead.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a floating point number"
)]
fn measure(published: u64, head: u64) {
    metrics::gauge!("meguri_published_position").set(published as f64);
    metrics::gauge!("meguri_published_lag_events").set(head.saturating_sub(published) as f64);
}
