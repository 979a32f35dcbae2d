//! Erasures: each view says when nothing of what is erased is left of it, and none is read that has
//! not come so far.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use meguri_log::{BadFilter, Filter, Log, Position, ReadError, Recorded};
use meguri_supervision::beat_within;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    files::{limits::FileLimits, note, view_dir::ViewDir},
    folding::facts::{Deletion, Facts},
    past::AsOfCache,
    running::{
        backoff::Backoff,
        opening::Environment,
        view_handle::ViewHandle,
        worker_command::{RebuildStep, WorkerCommand},
    },
};

/// Events of erasures that are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// How long one waits before a view is asked again, at first and at last.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(10);

/// How long it takes at the very most to hear of a block of erasures; and how often the loop is
/// heard of while nothing is erased.
const HEARD_MAX: Duration = Duration::from_mins(5);
const HEARD_OF_EVERY: Duration = Duration::from_secs(10);

/// Steps of a rebuild that may wait to be heard.
const STEPS_WAITING: usize = 16;

/// The file that says before which erasure everything of the past was removed.
const ERASED: &str = "erased";

/// The last erasure that this process has heard of. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastErasure(Arc<AtomicU64>);

impl LastErasure {
    pub(crate) fn position(&self) -> Position {
        Position::new(self.0.load(Ordering::Acquire))
    }

    fn heard_of(&self, position: Position) {
        self.0.fetch_max(position.get(), Ordering::AcqRel);
    }
}

/// Sees to it that nothing of what is erased is left in any file.
pub(crate) struct Keeper {
    log: Log,
    facts: &'static dyn Facts,
    dir: PathBuf,
    views: Vec<Eraser>,
    kept: Arc<AsOfCache>,
    last: LastErasure,
    stop: CancellationToken,
}

/// Sees to one view: it waits for no other.
struct Eraser {
    dir: PathBuf,
    limits: FileLimits,
    /// A view that has not erased by then is not served any more, and is built anew.
    within: Duration,
    handle: Arc<ViewHandle>,
    ask: mpsc::Sender<WorkerCommand>,
    stop: CancellationToken,
}

/// What was heard of erasures and redactions.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// Everything up to here was heard.
    up_to: Position,
    /// The last of them that views have to acknowledge.
    due: Position,
    /// What was redacted, by where the log says that it is.
    redacted: BTreeMap<Position, Redacted>,
}

/// What views may have to forget because of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Redacted {
    /// An event of this type.
    Type(String),
    /// Nobody can tell what: what the event says cannot be read.
    Unknown,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Filter(#[from] BadFilter),
    #[error(transparent)]
    Folder(#[from] io::Error),
    #[error("{0}")]
    View(String),
}

impl Trouble {
    fn view(reason: impl Into<String>) -> Self {
        Self::View(reason.into())
    }
}

impl Keeper {
    pub(crate) fn new(
        environment: &Environment<'_>,
        handles: &[Arc<ViewHandle>],
        asks: &[mpsc::Sender<WorkerCommand>],
        kept: &Arc<AsOfCache>,
    ) -> Self {
        let stop = environment.stop.child_token();
        let eraser = |(handle, ask): (&Arc<ViewHandle>, &mpsc::Sender<WorkerCommand>)| Eraser {
            dir: environment.dir.to_owned(),
            limits: environment.limits,
            within: environment.erase_within,
            handle: Arc::clone(handle),
            ask: ask.clone(),
            stop: stop.clone(),
        };
        Self {
            log: environment.log.clone(),
            facts: environment.facts,
            dir: environment.dir.to_owned(),
            views: handles.iter().zip(asks).map(eraser).collect(),
            kept: Arc::clone(kept),
            last: LastErasure::default(),
            stop,
        }
    }

    /// The last erasure that it has heard of.
    pub(crate) fn last(&self) -> LastErasure {
        self.last.clone()
    }

    /// Runs until it is told to stop. Each view is seen to by itself.
    pub(crate) async fn run(self) {
        let heard = watch::Sender::new(Heard::default());
        let views = self.views.iter().map(|view| view.run(heard.subscribe()));
        tokio::join!(self.listen(&heard), futures::future::join_all(views));
    }

    /// Hears of erasures, and tells the views, until it is told to stop.
    async fn listen(&self, told: &watch::Sender<Heard>) {
        let mut grown = self.log.watch_head();
        let mut heard = Heard::default();
        let mut backoff = Backoff::new(self.stop.clone());
        while !self.stop.is_cancelled() {
            grown.see();
            beat_within(HEARD_MAX);
            let worked = self.hear(&mut heard).await;
            if told.borrow().due < heard.due {
                told.send_replace(heard.clone());
            }
            match worked {
                Ok(()) => {
                    backoff.reset();
                    tokio::select! {
                        // Whoever stops it is heard first.
                        biased;
                        () = self.stop.cancelled() => {}
                        _ = grown.moved() => {}
                        () = tokio::time::sleep(HEARD_OF_EVERY) => {}
                    }
                }
                Err(Trouble::Read(ReadError::Closed)) => return,
                Err(trouble) => backoff.wait("erasures are not heard of", &trouble).await,
            }
        }
    }

    /// Hears of erasures and redactions: forgets in this process the keys that are destroyed, and
    /// sees to it that what is redacted is empty before anything is built from it.
    async fn hear(&self, heard: &mut Heard) -> Result<(), Trouble> {
        let types = self.facts.deletion_types().iter();
        let filter = types
            .copied()
            .try_fold(Filter::default(), Filter::event_type)?;
        loop {
            let block = self
                .log
                .read_all(heard.up_to, &filter, EVENTS_AT_ONCE)
                .await?;
            beat_within(HEARD_MAX);
            for recorded in &block.events {
                self.hear_one(recorded, heard).await?;
            }
            if block.up_to <= heard.up_to {
                return self.forget_past(heard.due).await;
            }
            heard.up_to = block.up_to;
        }
    }

    async fn hear_one(&self, recorded: &Recorded, heard: &mut Heard) -> Result<(), Trouble> {
        let position = recorded.position();
        match self.deletion_of(recorded) {
            Ok(Some(Deletion::Announced)) => self.last.heard_of(position),
            Ok(Some(Deletion::Keys { subject, last })) => {
                for (class, last) in last {
                    self.log.vault().forget_keys(&subject, class, last);
                }
                heard.due = position;
            }
            Ok(Some(Deletion::Event {
                position: emptied,
                event_type,
            })) => {
                self.log.empty_event(emptied).await?;
                heard.due = position;
                let of = Redacted::Type(event_type);
                heard.redacted.insert(position, of);
            }
            // Itself redacted.
            Ok(None) => {}
            Err(reason) => {
                // What it erases is not known. It holds nobody up, and every view takes what it
                // has from what is left in the log and the vault.
                tracing::error!(
                    %position, event_type = recorded.event_type(), reason,
                    "an erasure cannot be read: every view is built anew, and an operator has \
                     to look at the event"
                );
                metrics::gauge!("meguri_erasures_unreadable").increment(1);
                heard.due = position;
                heard.redacted.insert(position, Redacted::Unknown);
            }
        }
        Ok(())
    }

    /// What an event deletes, or why that cannot be read; nothing where it was redacted.
    fn deletion_of(&self, recorded: &Recorded) -> Result<Option<Deletion>, String> {
        let Some(header) = recorded.header() else {
            return Ok(None);
        };
        let header = header.map_err(|error| error.to_string())?;
        self.facts.deletion(&header).map(Some)
    }

    /// Removes what was kept of the past: it was built with keys that are destroyed now.
    async fn forget_past(&self, due: Position) -> Result<(), Trouble> {
        let path = self.dir.join(ERASED);
        if note::position(&path) < due {
            self.kept.forget().await?;
            note::keep_position(&path, due)?;
        }
        Ok(())
    }
}

impl Eraser {
    /// Runs until it is told to stop.
    async fn run(&self, mut told: watch::Receiver<Heard>) {
        if let Ok(view_dir) = self.view_dir() {
            self.handle.erased(view_dir.erased_up_to());
        }
        while !self.stop.is_cancelled() {
            let heard = told.borrow_and_update().clone();
            if self.handle.standing().borrow().erased < heard.due {
                self.handle.owes_erasure(heard.due);
                self.erase(&heard).await;
            }
            tokio::select! {
                // Whoever stops it is heard first.
                biased;
                () = self.stop.cancelled() => return,
                changed = told.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Has the view erase, however long that takes. When it takes too long, the view is not served
    /// until it has.
    async fn erase(&self, heard: &Heard) {
        let deadline = tokio::time::Instant::now() + self.within;
        let mut again = ASK_AGAIN;
        let mut late = false;
        while !self.stop.is_cancelled() {
            let worked = if late {
                self.start_over(heard.due).await
            } else {
                let erasing = self.see_to(heard);
                let worked = tokio::time::timeout_at(deadline.max(soon()), erasing).await;
                worked.unwrap_or_else(|_| Err(Trouble::view("it takes too long")))
            };
            let Err(trouble) = worked else { return };
            let was_late = late;
            // What is built for the first time is not served yet, and ends by erasing.
            let standing = self.handle.standing().borrow().clone();
            let builds = standing.live.is_none() && standing.stopped.is_none();
            late = was_late || (tokio::time::Instant::now() >= deadline && !builds);
            let view = self.handle.name();
            if late && !was_late {
                let within = self.within;
                tracing::warn!(
                    view, position = %heard.due, %trouble, ?within,
                    "what is erased is still there: the view is not served, and is built anew"
                );
                let reason = format!("what is erased at position {} is still there", heard.due);
                self.handle.withdraw(reason);
                continue;
            }
            if late {
                tracing::warn!(view, position = %heard.due, %trouble, "not erased yet");
            } else {
                tracing::debug!(view, position = %heard.due, %trouble, "not erased yet");
            }
            let wait = tokio::time::Instant::now() + again;
            tokio::select! {
                // Whoever stops it is heard first.
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(wait) => {}
            }
            again = (again * 2).min(ASK_AGAIN_MAX);
        }
    }

    /// Has the view remove what is left of erased rows, once it has folded the erasure.
    async fn see_to(&self, heard: &Heard) -> Result<(), Trouble> {
        let due = heard.due;
        let standing = self.handle.standing().borrow().clone();
        if standing.live.is_none_or(|live| live < due) {
            return Err(Trouble::view("it is behind"));
        }
        let wants = self.handle.view.wants();
        let redacted = heard.redacted_since(standing.erased, wants);
        if redacted {
            // What the rows owe to one event cannot be told from the rest.
            self.build_anew().await?;
        }
        if redacted || self.handle.view.erases() {
            self.ask_for(WorkerCommand::RemoveRemains).await?;
        }
        self.has_erased(due)
    }

    /// Throws away all that the view has, and has it built from what is left in the log.
    async fn start_over(&self, due: Position) -> Result<(), Trouble> {
        let reason = format!("what is erased at position {due} was still there");
        self.ask_for(|answer| WorkerCommand::StartOver(reason, answer))
            .await?;
        self.has_erased(due)
    }

    fn has_erased(&self, due: Position) -> Result<(), Trouble> {
        self.view_dir()?.note_erased(due)?;
        self.handle.erased(due);
        let view = self.handle.name();
        tracing::info!(view, position = %due, "nothing of what is erased is left");
        Ok(())
    }

    async fn ask_for(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<(), String>>) -> WorkerCommand,
    ) -> Result<(), Trouble> {
        let closed = || Trouble::view("it is closed");
        let (answer, answered) = oneshot::channel();
        self.ask.send(ask(answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?.map_err(Trouble::View)
    }

    /// Has the view built anew, which takes it from what is left in the log.
    async fn build_anew(&self) -> Result<(), Trouble> {
        let closed = || Trouble::view("it is closed");
        let (steps, mut told) = mpsc::channel(STEPS_WAITING);
        let asked = self.ask.send(WorkerCommand::Rebuild(steps)).await;
        asked.map_err(|_| closed())?;
        while let Some(step) = told.recv().await {
            match step {
                RebuildStep::Switched { .. } => return Ok(()),
                RebuildStep::Failed { reason } => return Err(Trouble::View(reason)),
                RebuildStep::Folded { .. }
                | RebuildStep::Phase { .. }
                | RebuildStep::Comparing { .. }
                | RebuildStep::Tracing { .. } => {}
            }
        }
        Err(closed())
    }

    fn view_dir(&self) -> io::Result<ViewDir> {
        ViewDir::open(&self.dir, Arc::clone(&self.handle.view), self.limits)
    }
}

/// The least time that an attempt gets.
fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + ASK_AGAIN
}

impl Heard {
    /// Whether an event of one of these types may have been redacted after this.
    fn redacted_since(&self, after: Position, types: &[&str]) -> bool {
        let mut since = self.redacted.range(after.next()..);
        since.any(|(_, redacted)| match redacted {
            Redacted::Type(event_type) => types.contains(&event_type.as_str()),
            Redacted::Unknown => true,
        })
    }
}
