//! The worker of one view: keeps its file level with the log, builds anew beside it, and switches.

use std::sync::Arc;

use meguri_log::{Log, Position};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    feed::Feed,
    folding::{End, Folding, Role},
    patience::Patience,
    shelf::Shelf,
    slot::Slot,
    store::{Poison, ViewFile},
};

/// What happens during a rebuild, told to who asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum RebuildStep {
    /// The new file is this far. Some steps may be left out.
    Folded {
        /// Every event up to here is in the new file.
        position: Position,
        /// Where the log ends for now.
        head: Position,
    },
    /// The new file is live. The last step.
    Switched {
        /// Where it stood when it took over.
        position: Position,
    },
    /// Nothing changed, for this reason. The last step.
    Failed {
        /// What stood in the way.
        reason: String,
    },
}

/// Asks a worker to rebuild its view.
pub(crate) type RebuildRequest = mpsc::Sender<RebuildStep>;

/// Runs one view.
pub(crate) struct Worker {
    pub(crate) slot: Arc<Slot>,
    pub(crate) shelf: Shelf,
    pub(crate) log: Log,
    pub(crate) feed: Feed,
    pub(crate) block_events: usize,
    pub(crate) stop: CancellationToken,
    pub(crate) requests: mpsc::Receiver<RebuildRequest>,
    pub(crate) live: Option<Task>,
    pub(crate) build: Option<Task>,
}

/// A file that is being folded into, in a task of its own.
pub(crate) struct Task {
    stop: CancellationToken,
    handle: JoinHandle<(Folding, End)>,
}

impl Worker {
    /// Runs until it is told to stop. Then both files are at rest.
    pub(crate) async fn run(mut self, live: Option<ViewFile>) {
        match live {
            Some(file) => self.follow(file),
            None => self.build_first().await,
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(asked_by) = self.requests.recv() => self.rebuild(asked_by).await,
                done = finished(&mut self.live) => {
                    self.live = None;
                    match done {
                        Some((folding, end)) => self.rest(folding, end).await,
                        None => self.broke(),
                    }
                }
                done = finished(&mut self.build) => {
                    self.build = None;
                    match done {
                        Some((folding, end)) => self.built(folding, end).await,
                        None => self.broke(),
                    }
                }
            }
        }
        for task in [self.live.take(), self.build.take()].into_iter().flatten() {
            if let Some(folding) = task.end().await {
                folding.file.close().await;
            }
        }
        if let Some(readers) = self.slot.readers() {
            readers.close().await;
        }
    }

    /// A task panicked outside of any fold. The file is whole, for a transaction was lost at most.
    fn broke(&self) {
        let position = self
            .slot
            .standing()
            .borrow()
            .live
            .unwrap_or_default()
            .next();
        let reason = "its worker broke off; what it has is right".to_owned();
        self.slot.building(None);
        self.slot.stopped(Poison { position, reason });
    }

    fn spawn(&self, file: ViewFile, role: Role) -> Task {
        let stop = self.stop.child_token();
        let mut folding = Folding {
            file,
            slot: Arc::clone(&self.slot),
            log: self.log.clone(),
            stop: stop.clone(),
            block_events: self.block_events,
            role,
        };
        let feed = self.feed.clone();
        let handle = tokio::spawn(async move {
            let end = match folding.role {
                Role::Live => folding.follow(&feed).await,
                Role::Build(_) => folding.catch_up().await,
            };
            (folding, end)
        });
        Task { stop, handle }
    }

    fn follow(&mut self, file: ViewFile) {
        self.live = Some(self.spawn(file, Role::Live));
    }

    /// Nothing can be read before this is done. It goes on where an earlier attempt ended.
    async fn build_first(&mut self) {
        let mut patience = Patience::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            match self.shelf.unfinished(&self.log).await {
                Ok(file) => {
                    self.slot.building(Some(file.position()));
                    self.build = Some(self.spawn(file, Role::Build(None)));
                    return;
                }
                Err(error) => patience.wait("a view cannot be built", &error).await,
            }
        }
    }

    async fn rebuild(&mut self, asked_by: RebuildRequest) {
        if self.build.is_some() {
            failed(Some(&asked_by), "it is being built already");
            return;
        }
        match self.shelf.fresh().await {
            Ok(file) => {
                self.slot.building(Some(file.position()));
                self.build = Some(self.spawn(file, Role::Build(Some(asked_by))));
            }
            Err(error) => failed(Some(&asked_by), &error.to_string()),
        }
    }

    /// The live file has come to rest by itself.
    async fn rest(&self, folding: Folding, end: End) {
        if let End::Poison(poison) = end {
            tracing::error!(
                view = self.slot.name(),
                reason = poison.reason,
                "the view stopped"
            );
            self.slot.stopped(poison);
        }
        folding.file.close().await;
    }

    /// The new file has come to rest: level, or for good.
    async fn built(&mut self, folding: Folding, end: End) {
        match end {
            End::Level => self.switch(folding).await,
            End::Stopped => folding.file.close().await,
            End::Poison(poison) => {
                self.slot.building(None);
                failed(asked_by(&folding), &poison.reason);
                if self.slot.readers().is_none() {
                    self.rest(folding, End::Poison(poison)).await;
                } else {
                    folding.file.close().await;
                }
            }
        }
    }

    /// Makes the new file the live one. Reads go on all the time: from the old one while the new
    /// one takes its last steps, then from the new one, which is never behind what was seen before.
    async fn switch(&mut self, mut new: Folding) {
        let old = match self.live.take() {
            Some(task) => task.end().await,
            None => None,
        };
        let target = old
            .as_ref()
            .map(|old| old.file.position())
            .unwrap_or_default();
        let mut end = End::Level;
        while matches!(end, End::Level) && new.file.position() < target {
            end = new.catch_up().await;
        }
        let switched = match end {
            End::Level => self.take_over(&mut new).await,
            End::Poison(poison) => Err(poison.reason),
            End::Stopped => Err("it was stopped".to_owned()),
        };
        match (switched, old) {
            (Err(reason), Some(old)) => {
                self.slot.building(None);
                failed(asked_by(&new), &reason);
                self.follow(old.file);
            }
            (switched, _) => {
                // Without a file that served before, one that is right serves even where its name
                // could not be written down: the next start finds it and goes on.
                if let Err(error) = switched {
                    tracing::warn!(view = self.slot.name(), error, "the switch is not on disk");
                }
                let position = new.file.position();
                self.slot.install(new.file.readers(), position);
                tell(asked_by(&new), RebuildStep::Switched { position });
                self.follow(new.file);
            }
        }
    }

    async fn take_over(&self, new: &mut Folding) -> Result<(), String> {
        new.file.flush().await.map_err(|error| error.to_string())?;
        self.shelf
            .make_live(&new.file.folder)
            .map_err(|error| error.to_string())
    }
}

impl Task {
    /// Stops it between two transactions.
    async fn end(self) -> Option<Folding> {
        self.stop.cancel();
        self.handle.await.ok().map(|(folding, _)| folding)
    }
}

/// Waits for a task to end by itself; for ever, where there is none.
async fn finished(task: &mut Option<Task>) -> Option<(Folding, End)> {
    match task {
        Some(task) => (&mut task.handle).await.ok(),
        None => std::future::pending().await,
    }
}

fn asked_by(folding: &Folding) -> Option<&RebuildRequest> {
    match &folding.role {
        Role::Build(asked_by) => asked_by.as_ref(),
        Role::Live => None,
    }
}

/// Tells the last step to who asked, however slowly that listens: nothing waits for it.
fn tell(asked_by: Option<&RebuildRequest>, step: RebuildStep) {
    if let Some(asked_by) = asked_by.cloned() {
        // Who asked may have gone away since.
        tokio::spawn(async move { asked_by.send(step).await.ok() });
    }
}

fn failed(asked_by: Option<&RebuildRequest>, reason: &str) {
    tell(
        asked_by,
        RebuildStep::Failed {
            reason: reason.to_owned(),
        },
    );
}
