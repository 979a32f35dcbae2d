//! The worker of one view: keeps its file up to date, builds anew beside it, and switches.

use std::{sync::Arc, time::Duration};

use meguri_log::Log;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinError, JoinHandle},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    files::{
        imported_file::ImportedFile,
        mismatch::Mismatch,
        view_dir::{Found, ViewDir},
        view_file::ViewFile,
    },
    folding::outcome::Poison,
    running::{
        backoff::Backoff,
        checking::Checker,
        feed::Feed,
        projector::{End, Projector, Role},
        rebuilds::Rebuilds,
        view_handle::ViewHandle,
        worker_command::{Steps, WorkerCommand, failed},
    },
};

mod remains;
mod switching;

/// How long a view rests whose task broke off, before it goes on: at first, and at last.
pub const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_mins(5);

/// Runs one view.
pub struct Worker {
    pub handle: Arc<ViewHandle>,
    pub view_dir: ViewDir,
    pub log: Log,
    pub feed: Feed,
    pub rebuilds: Rebuilds,
    pub block_events: usize,
    pub stop: CancellationToken,
    pub asked: mpsc::Receiver<WorkerCommand>,
    pub live: Option<Task>,
    pub build: Option<Task>,
    /// Looks through the live file, and ends when it has found something.
    pub checker: Option<AbortOnDropHandle<Mismatch>>,
    /// One view at a time is looked through.
    pub check_turns: Arc<Semaphore>,
    /// When a view goes on by itself whose task broke off, and how long it rests the next time.
    pub goes_on: Option<Instant>,
    pub rest: Duration,
}

/// A file that is being folded into, in a task of its own.
pub struct Task {
    stop: CancellationToken,
    handle: JoinHandle<(Projector, End)>,
    asked_by: Option<Steps>,
}

/// What became of a task.
enum Ended {
    /// It came to rest.
    Rested(Box<Projector>, End),
    /// It panicked outside of any fold.
    BrokeOff(String),
}

impl Worker {
    /// Runs until it is told to stop. Then both files are at rest.
    pub async fn run(mut self, live: Option<ViewFile>) {
        match live {
            Some(file) => {
                self.follow(file);
                self.resume().await;
            }
            None => self.build_first().await,
        }
        while !self.stop.is_cancelled() {
            self.turn().await;
        }
        self.checker = None;
        let readers = self.handle.readers();
        for task in [self.live.take(), self.build.take()].into_iter().flatten() {
            if let Some(projector) = task.end().await {
                projector.file.close().await;
            }
        }
        if let Some(readers) = readers {
            readers.close().await;
        }
    }

    /// Waits for one thing to happen, and does what follows.
    async fn turn(&mut self) {
        tokio::select! {
            // What people ask for comes before what goes on by itself, and a task that has ended
            // before the doubts about its file.
            biased;
            () = self.stop.cancelled() => {}
            Some(asked) = self.asked.recv() => self.answer(asked).await,
            ended = finished(&mut self.live) => {
                self.live = None;
                self.checker = None;
                match ended {
                    Ended::Rested(projector, end) => self.rest(*projector, end).await,
                    Ended::BrokeOff(reason) => self.broke_off(&reason),
                }
            }
            ended = finished(&mut self.build) => {
                let asked_by = self.build.take().and_then(|task| task.asked_by);
                self.handle.built();
                match ended {
                    Ended::Rested(projector, end) => self.built(*projector, end).await,
                    Ended::BrokeOff(reason) => self.build_broke_off(asked_by.as_ref(), &reason),
                }
            }
            found = found(&mut self.checker) => {
                self.checker = None;
                match found {
                    Ok(mismatch) => self.withdraw(&mismatch).await,
                    Err(error) => {
                        tracing::error!(view = self.handle.name(), %error, "a check broke off");
                        self.check();
                    }
                }
            }
            () = until(self.goes_on) => {
                self.goes_on = None;
                if self.live.is_none() && self.build.is_none()
                    && let Err(reason) = self.retry().await
                {
                    self.broke_off(&reason);
                }
            }
        }
    }

    /// A task panicked outside of any fold. The file is whole, for a transaction was lost at most:
    /// it goes on before long.
    fn broke_off(&mut self, reason: &str) {
        let live = self.handle.standing().borrow().live;
        let position = live.unwrap_or_default().next();
        let rest = self.rest;
        tracing::error!(view = self.handle.name(), reason, ?rest, "a view broke off");
        let reason = format!("its worker broke off and goes on in {rest:?}: {reason}");
        self.handle.stopped(Poison::new(position, reason));
        self.goes_on = Some(Instant::now() + rest);
        self.rest = (rest * 2).min(REST_MAX);
    }

    /// A build panicked outside of any fold: what is live goes on.
    fn build_broke_off(&mut self, asked_by: Option<&Steps>, reason: &str) {
        failed(asked_by, &format!("it broke off: {reason}"));
        if self.live.is_some() {
            tracing::error!(view = self.handle.name(), reason, "a build broke off");
        } else {
            self.broke_off(reason);
        }
    }

    fn spawn(&self, file: ViewFile, role: Role, after: Duration) -> Task {
        let stop = self.stop.child_token();
        let asked_by = role.asked_by().cloned();
        let mut projector = Projector {
            file,
            handle: Arc::clone(&self.handle),
            log: self.log.clone(),
            rebuilds: self.rebuilds.clone(),
            stop: stop.clone(),
            block_events: self.block_events,
            until: None,
            replaces: self.view_dir.other_version(),
            rows: tokio::sync::watch::Sender::default(),
            role,
        };
        let feed = self.feed.clone();
        let handle = tokio::spawn(async move {
            tokio::select! {
                // Whoever stops it is heard before it begins.
                biased;
                () = projector.stop.cancelled() => return (projector, End::Stopped),
                () = tokio::time::sleep(after) => {}
            }
            let end = match projector.role {
                Role::Live => projector.follow(&feed).await,
                Role::Build(_) | Role::Shadow(_) => projector.build().await,
            };
            (projector, end)
        });
        Task {
            stop,
            handle,
            asked_by,
        }
    }

    fn follow(&mut self, file: ViewFile) {
        let database = file.database();
        self.live = Some(self.spawn(file, Role::Live, Duration::ZERO));
        self.goes_on = None;
        if self.checker.is_none() {
            self.check_file(database);
        }
    }

    /// Looks through the live file from now on.
    fn check(&mut self) {
        if let Some(readers) = self.handle.readers() {
            self.check_file(readers.connect_options().get_filename().to_owned());
        }
    }

    fn check_file(&mut self, database: std::path::PathBuf) {
        let checker = Checker {
            handle: Arc::clone(&self.handle),
            log: self.log.clone(),
            database,
            turns: Arc::clone(&self.check_turns),
        };
        self.checker = Some(AbortOnDropHandle::new(tokio::spawn(checker.run())));
    }

    fn build(&mut self, file: ViewFile, asked_by: Option<Steps>) {
        self.handle.building(file.position(), self.log.known_head());
        self.build = Some(self.spawn(file, Role::Build(asked_by), Duration::ZERO));
    }

    /// Nothing can be read before this is done. It goes on where an earlier attempt ended.
    async fn build_first(&mut self) {
        self.build_to_serve(false).await;
    }

    async fn build_to_serve(&mut self, anew: bool) {
        let mut backoff = Backoff::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            let file = if anew {
                self.view_dir.fresh().await
            } else {
                self.view_dir.unfinished(&self.log).await
            };
            match file {
                Ok(file) => return self.build(file, None),
                Err(error) => backoff.wait("a view cannot be built", &error).await,
            }
        }
    }

    /// Goes on with a rebuild that was under way when the process ended.
    async fn resume(&mut self) {
        match self.view_dir.resumed(&self.log).await {
            Ok(Some(file)) => self.build(file, None),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(view = self.handle.name(), %error, "a rebuild cannot be resumed");
            }
        }
    }

    async fn answer(&mut self, asked: WorkerCommand) {
        match asked {
            WorkerCommand::Rebuild(steps) | WorkerCommand::Rollback(steps)
                if self.build.is_some() =>
            {
                failed(Some(&steps), "it is being built already");
            }
            WorkerCommand::Rebuild(steps) => match self.view_dir.fresh().await {
                Ok(file) => self.build(file, Some(steps)),
                Err(error) => failed(Some(&steps), &error.to_string()),
            },
            WorkerCommand::Rollback(steps) => match self.view_dir.previous(&self.log).await {
                Ok(file) => self.build(file, Some(steps)),
                Err(error) => failed(Some(&steps), &error.to_string()),
            },
            WorkerCommand::Adopt(arrival, steps) => self.adopt(arrival, steps).await,
            WorkerCommand::Retry(answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.retry().await);
            }
            WorkerCommand::RemoveRemains(answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.remove_remains().await);
            }
            WorkerCommand::StartOver(reason, answer) => {
                // Who asked may have gone away.
                let _ = answer.send(self.start_over(reason).await);
            }
            WorkerCommand::Withdraw(mismatch, withdrawn) => {
                self.withdraw(&mismatch).await;
                // Who asked may have gone away.
                let _ = withdrawn.send(());
            }
        }
    }

    /// Brings a file from elsewhere up to date, and switches. It takes the place of a first build,
    /// which serves nobody yet, but of no other.
    async fn adopt(&mut self, arrival: ImportedFile, steps: Option<Steps>) {
        if self.build.is_some() && self.handle.readers().is_some() {
            return failed(steps.as_ref(), "it is being built already");
        }
        let file = match self.view_dir.adopt(&arrival.path()).await {
            Ok(file) => file,
            Err(error) => return failed(steps.as_ref(), &error.to_string()),
        };
        if let Some(first) = self.build.take()
            && let Some(projector) = first.end().await
        {
            failed(
                projector.role.asked_by(),
                "a file from elsewhere takes its place",
            );
            self.drop_file(projector.file).await;
        }
        self.handle.built();
        self.build(file, steps);
    }

    /// Goes on with a view that has stopped, from the event it stands before.
    async fn retry(&mut self) -> Result<(), String> {
        let standing = self.handle.standing().borrow().clone();
        if standing.stopped.is_none() && !standing.parked.is_empty() && self.build.is_none() {
            // What it goes on without may be folded by now: a new file tries.
            let fresh = self.view_dir.fresh().await;
            self.build(fresh.map_err(|error| error.to_string())?, None);
            return Ok(());
        }
        if standing.stopped.is_none() {
            return Err("it has not stopped".to_owned());
        }
        self.goes_on = None;
        if self.live.is_some() || (self.handle.readers().is_none() && self.build.is_some()) {
            // It is at it already: a second one would open the same file.
            self.handle.retried();
            return Ok(());
        }
        if self.handle.readers().is_none() {
            self.handle.retried();
            self.build_first().await;
            return Ok(());
        }
        match self.view_dir.live(&self.log).await {
            Ok(Found {
                file: Some(file), ..
            }) => {
                self.handle.install(file.to_be_read());
                self.follow(file);
                Ok(())
            }
            Ok(Found { file: None, .. }) => {
                self.handle.retried();
                self.build_first().await;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes the view out of service and builds it anew.
    async fn withdraw(&mut self, mismatch: &Mismatch) {
        tracing::error!(view = self.handle.name(), %mismatch, "withdrawn, and built anew");
        self.checker = None;
        let readers = self.handle.withdraw(mismatch.to_string());
        if let Some(task) = self.live.take()
            && let Some(projector) = task.end().await
        {
            projector.file.discard().await;
        }
        if let Some(readers) = readers {
            readers.close().await;
        }
        if let Err(error) = self.view_dir.discard_live() {
            tracing::warn!(view = self.handle.name(), %error, "the withdrawn file is still there");
        }
        if self.build.is_none() {
            // What was live before it may be no better.
            self.build_to_serve(true).await;
        }
    }

    /// A file has come to rest by itself.
    async fn rest(&mut self, mut projector: Projector, end: End) {
        match self.doubted(&mut projector, end).await {
            End::Poison(poison) => {
                let reason = &poison.reason;
                tracing::error!(view = self.handle.name(), reason, "the view stopped");
                self.handle.stopped(poison);
                projector.file.close().await;
            }
            End::Mismatch(mismatch) => {
                projector.file.discard().await;
                self.withdraw(&mismatch).await;
            }
            End::CaughtUp | End::Stopped => projector.file.close().await,
        }
    }

    /// The new file has come to rest: caught up, or for good.
    async fn built(&mut self, mut projector: Projector, end: End) {
        let serves = self.handle.readers().is_some();
        match self.doubted(&mut projector, end).await {
            End::CaughtUp => self.switch(projector).await,
            End::Stopped => projector.file.close().await,
            End::Mismatch(mismatch) => {
                failed(projector.role.asked_by(), &mismatch.to_string());
                self.give_up(projector, &mismatch).await;
                if !serves {
                    self.build_first().await;
                }
            }
            End::Poison(poison) => {
                failed(projector.role.asked_by(), &poison.reason);
                if serves {
                    projector.file.close().await;
                } else {
                    self.rest(projector, End::Poison(poison)).await;
                }
            }
        }
    }

    /// An event that cannot be folded may be right, and the rows damaged that it is folded into.
    async fn doubted(&self, projector: &mut Projector, end: End) -> End {
        let End::Poison(poison) = end else {
            return end;
        };
        match self
            .view_dir
            .look_through(&mut projector.file, &self.log)
            .await
        {
            Ok(Some(mismatch)) => End::Mismatch(mismatch),
            Ok(None) => End::Poison(poison),
            Err(error) => {
                tracing::warn!(view = self.handle.name(), %error, "its file cannot be read now");
                End::Poison(poison)
            }
        }
    }

    /// A new file is not what it should be: it never serves.
    async fn give_up(&self, projector: Projector, mismatch: &Mismatch) {
        tracing::error!(view = self.handle.name(), %mismatch, "a new file is given up");
        self.drop_file(projector.file).await;
    }

    /// Removes a file that is of no use.
    async fn drop_file(&self, file: ViewFile) {
        let folder = file.folder.clone();
        file.close().await;
        if let Err(error) = self.view_dir.discard(&folder) {
            tracing::warn!(view = self.handle.name(), %error, "a file of no use is still there");
        }
    }
}

impl Task {
    /// Stops it between two transactions.
    async fn end(self) -> Option<Projector> {
        self.stop.cancel();
        self.handle.await.ok().map(|(projector, _)| projector)
    }
}

/// Waits for a task to end by itself; for ever, where there is none.
async fn finished(task: &mut Option<Task>) -> Ended {
    match task {
        Some(task) => match (&mut task.handle).await {
            Ok((projector, end)) => Ended::Rested(Box::new(projector), end),
            Err(error) => Ended::BrokeOff(error.to_string()),
        },
        None => std::future::pending().await,
    }
}

/// Waits until something is found; for ever, where nobody looks.
async fn found(checker: &mut Option<AbortOnDropHandle<Mismatch>>) -> Result<Mismatch, JoinError> {
    match checker {
        Some(checker) => checker.await,
        None => std::future::pending().await,
    }
}

/// Waits until then; for ever, where there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
