//! The worker of one view: keeps its file level with the log, builds anew beside it, and switches.

use std::sync::Arc;

use meguri_log::Log;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    arrival::Arrival,
    ask::{Ask, RebuildStep, Steps, failed, tell},
    feed::Feed,
    folding::{End, Folding, Role},
    outcome::Poison,
    patience::Patience,
    proof::{self, Mismatch},
    rebuilds::Rebuilds,
    shelf::{Found, Shelf},
    slot::Slot,
    store::ViewFile,
};

mod remains;

/// Runs one view.
pub(crate) struct Worker {
    pub(crate) slot: Arc<Slot>,
    pub(crate) shelf: Shelf,
    pub(crate) log: Log,
    pub(crate) feed: Feed,
    pub(crate) rebuilds: Rebuilds,
    pub(crate) block_events: usize,
    pub(crate) stop: CancellationToken,
    pub(crate) asked: mpsc::Receiver<Ask>,
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
            Some(file) => {
                self.follow(file);
                self.resume().await;
            }
            None => self.build_first().await,
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(asked) = self.asked.recv() => self.answer(asked).await,
                done = finished(&mut self.live) => {
                    self.live = None;
                    match done {
                        Some((folding, end)) => self.rest(folding, end).await,
                        None => self.broke(),
                    }
                }
                done = finished(&mut self.build) => {
                    self.build = None;
                    self.slot.built();
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
        self.slot.stopped(Poison::new(position, reason));
    }

    fn spawn(&self, file: ViewFile, role: Role) -> Task {
        let stop = self.stop.child_token();
        let mut folding = Folding {
            file,
            slot: Arc::clone(&self.slot),
            log: self.log.clone(),
            rebuilds: self.rebuilds.clone(),
            stop: stop.clone(),
            block_events: self.block_events,
            until: None,
            replaces: self.shelf.other_version(),
            rows: tokio::sync::watch::Sender::default(),
            role,
        };
        let feed = self.feed.clone();
        let handle = tokio::spawn(async move {
            let end = match folding.role {
                Role::Live => folding.follow(&feed).await,
                Role::Build(_) | Role::Shadow(_) => folding.build().await,
            };
            (folding, end)
        });
        Task { stop, handle }
    }

    fn follow(&mut self, file: ViewFile) {
        self.live = Some(self.spawn(file, Role::Live));
    }

    fn build(&mut self, file: ViewFile, asked_by: Option<Steps>) {
        self.slot.building(file.position(), self.log.known_head());
        self.build = Some(self.spawn(file, Role::Build(asked_by)));
    }

    /// Nothing can be read before this is done. It goes on where an earlier attempt ended.
    async fn build_first(&mut self) {
        self.build_to_serve(false).await;
    }

    async fn build_to_serve(&mut self, anew: bool) {
        let mut patience = Patience::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            let file = if anew {
                self.shelf.fresh().await
            } else {
                self.shelf.unfinished(&self.log).await
            };
            match file {
                Ok(file) => return self.build(file, None),
                Err(error) => patience.wait("a view cannot be built", &error).await,
            }
        }
    }

    /// Goes on with a rebuild that was under way when the process ended.
    async fn resume(&mut self) {
        match self.shelf.resumed(&self.log).await {
            Ok(Some(file)) => self.build(file, None),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(view = self.slot.name(), %error, "a rebuild cannot be resumed");
            }
        }
    }

    async fn answer(&mut self, asked: Ask) {
        match asked {
            Ask::Rebuild(steps) | Ask::Rollback(steps) if self.build.is_some() => {
                failed(Some(&steps), "it is being built already");
            }
            Ask::Rebuild(steps) => match self.shelf.fresh().await {
                Ok(file) => self.build(file, Some(steps)),
                Err(error) => failed(Some(&steps), &error.to_string()),
            },
            Ask::Rollback(steps) => match self.shelf.previous(&self.log).await {
                Ok(file) => self.build(file, Some(steps)),
                Err(error) => failed(Some(&steps), &error.to_string()),
            },
            Ask::Adopt(arrival, steps) => self.adopt(arrival, steps).await,
            Ask::Retry(answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.retry().await);
            }
            Ask::RemoveRemains(answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.remove_remains().await);
            }
            Ask::Withdraw(mismatch, withdrawn) => {
                self.withdraw(&mismatch).await;
                // Who asked may have gone away.
                let _ = withdrawn.send(());
            }
        }
    }

    /// Brings a file from elsewhere up to date, and switches. It takes the place of a first build,
    /// which serves nobody yet, but of no other.
    async fn adopt(&mut self, arrival: Arrival, steps: Option<Steps>) {
        if self.build.is_some() && self.slot.readers().is_some() {
            return failed(steps.as_ref(), "it is being built already");
        }
        let file = match self.shelf.adopt(arrival).await {
            Ok(file) => file,
            Err(error) => return failed(steps.as_ref(), &error.to_string()),
        };
        if let Some(first) = self.build.take()
            && let Some(folding) = first.end().await
        {
            failed(
                folding.role.asked_by(),
                "a file from elsewhere takes its place",
            );
            self.drop_file(folding.file).await;
        }
        self.slot.built();
        self.build(file, steps);
    }

    /// Goes on with a view that has stopped, from the event it stands before.
    async fn retry(&mut self) -> Result<(), String> {
        if self.slot.standing().borrow().stopped.is_none() {
            return Err("it has not stopped".to_owned());
        }
        if self.slot.readers().is_none() {
            self.slot.retried();
            self.build_first().await;
            return Ok(());
        }
        match self.shelf.live(&self.log).await {
            Ok(Found {
                file: Some(file), ..
            }) => {
                self.slot.install(&file);
                self.follow(file);
                Ok(())
            }
            Ok(Found { file: None, .. }) => {
                self.slot.retried();
                self.build_first().await;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes the view out of service and builds it anew.
    async fn withdraw(&mut self, mismatch: &Mismatch) {
        tracing::error!(view = self.slot.name(), %mismatch, "withdrawn, and built anew");
        let readers = self.slot.withdraw(mismatch.to_string());
        if let Some(task) = self.live.take()
            && let Some(folding) = task.end().await
        {
            folding.file.close().await;
        }
        if let Some(readers) = readers {
            readers.close().await;
        }
        if let Err(error) = self.shelf.discard_live() {
            tracing::warn!(view = self.slot.name(), %error, "the withdrawn file is still there");
        }
        if self.build.is_none() {
            // What was live before it may be no better.
            self.build_to_serve(true).await;
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
        let serves = self.slot.readers().is_some();
        match end {
            End::Level => self.switch(folding).await,
            End::Stopped => folding.file.close().await,
            End::Mismatch(mismatch) => {
                failed(folding.role.asked_by(), &mismatch.to_string());
                self.give_up(folding, &mismatch).await;
                if !serves {
                    self.build_first().await;
                }
            }
            End::Poison(poison) => {
                failed(folding.role.asked_by(), &poison.reason);
                if serves {
                    folding.file.close().await;
                } else {
                    self.rest(folding, End::Poison(poison)).await;
                }
            }
        }
    }

    /// A new file is not what it should be: it never serves.
    async fn give_up(&self, folding: Folding, mismatch: &Mismatch) {
        tracing::error!(view = self.slot.name(), %mismatch, "a new file is given up");
        self.drop_file(folding.file).await;
    }

    /// Removes a file that is of no use.
    async fn drop_file(&self, file: ViewFile) {
        let folder = file.folder.clone();
        file.close().await;
        if let Err(error) = self.shelf.discard(&folder) {
            tracing::warn!(view = self.slot.name(), %error, "a file of no use is still there");
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
            End::Mismatch(mismatch) => Err(mismatch.to_string()),
            End::Stopped => Err("it was stopped".to_owned()),
        };
        match (switched, old) {
            (Err(reason), Some(old)) => {
                failed(new.role.asked_by(), &reason);
                new.file.close().await;
                self.follow(old.file);
            }
            (switched, old) => {
                // Without a file that served before, one that is right serves even where its name
                // could not be written down: the next start finds it and goes on.
                if let Err(error) = switched {
                    tracing::warn!(view = self.slot.name(), error, "the switch is not on disk");
                }
                let (position, content) = (new.file.position(), &new.file.certificate().content);
                self.slot.install(&new.file);
                let content = content.short();
                tell(
                    new.role.asked_by(),
                    RebuildStep::Switched { position, content },
                );
                self.follow(new.file);
                if let Some(old) = old {
                    old.file.close().await;
                }
            }
        }
    }

    async fn take_over(&self, new: &mut Folding) -> Result<(), String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        if new.file.has_remains() {
            let removed = new.file.remove_remains().await;
            removed.map_err(|error| words(&error))?;
        }
        let level = new.file.level_index().await;
        level.map_err(|error| words(&error))?;
        // Proven when it was built, with all its rows; since then it has followed the log.
        let proven = proof::of_tree(new.file.certificate(), &self.log).await;
        if let Some(mismatch) = proven.map_err(|error| words(&error))? {
            return Err(mismatch.to_string());
        }
        new.file.flush().await.map_err(|error| words(&error))?;
        self.shelf
            .make_live(&new.file.folder)
            .map_err(|error| words(&error))
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
