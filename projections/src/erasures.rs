//! Erasures: each view says when nothing of what is erased is left of it, and none is read that has
//! not come so far.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use meguri_events::{Event, MemberEvent, Opened, RedactionEvent};
use meguri_log::{BadFilter, Filter, Log, Position, ReadError, Recorded};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Ask, RebuildStep},
    opening::Opening,
    past::Kept,
    settings::FileLimits,
    shelf::Shelf,
    slot::Slot,
};

/// Events of erasures that are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// How long one waits before a view is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

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
    dir: PathBuf,
    limits: FileLimits,
    views: Vec<(Arc<Slot>, mpsc::Sender<Ask>)>,
    kept: Arc<Kept>,
    last: LastErasure,
    stop: CancellationToken,
}

/// What it has heard of erasures and redactions.
#[derive(Debug, Default)]
struct Heard {
    /// It has heard everything up to here.
    up_to: Position,
    /// The last of them that views have to acknowledge.
    due: Position,
    /// The types of redacted events, by where the log says that they are.
    redacted: BTreeMap<Position, String>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Filter(#[from] BadFilter),
    #[error(transparent)]
    Folder(#[from] io::Error),
    #[error("the view {0} has not come so far, or cannot be asked: {1}")]
    View(&'static str, String),
}

impl Keeper {
    pub(crate) fn new(
        opening: &Opening<'_>,
        slots: &[Arc<Slot>],
        asks: &[mpsc::Sender<Ask>],
        kept: &Arc<Kept>,
    ) -> Self {
        Self {
            log: opening.log.clone(),
            dir: opening.dir.to_owned(),
            limits: opening.limits,
            views: slots.iter().cloned().zip(asks.iter().cloned()).collect(),
            kept: Arc::clone(kept),
            last: LastErasure::default(),
            stop: opening.stop.child_token(),
        }
    }

    /// The last erasure that it has heard of.
    pub(crate) fn last(&self) -> LastErasure {
        self.last.clone()
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(self) {
        let mut head = self.log.watch_head();
        let (mut so_far, mut done) = (Heard::default(), Position::ZERO);
        for (slot, _) in &self.views {
            if let Ok(shelf) = self.shelf(slot) {
                slot.erased(shelf.erased_up_to());
            }
        }
        loop {
            head.mark_unchanged();
            let worked = self.work(&mut so_far, &mut done).await;
            if let Err(trouble) = &worked {
                tracing::debug!(%trouble, "something of what is erased is still there");
            }
            let again = async {
                match worked {
                    Ok(()) => std::future::pending().await,
                    Err(_) => tokio::time::sleep(ASK_AGAIN).await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = head.changed() => {}
                () = again => {}
            }
        }
    }

    async fn work(&self, heard: &mut Heard, done: &mut Position) -> Result<(), Trouble> {
        self.listen(heard).await?;
        if heard.due > *done {
            self.forget_past(heard.due).await?;
            for (slot, ask) in &self.views {
                self.see_to(slot, ask, heard).await?;
            }
            *done = heard.due;
        }
        Ok(())
    }

    /// Hears of erasures and redactions: forgets in this process the keys that are destroyed, and
    /// sees to it that what is redacted is empty before anything is built from it.
    async fn listen(&self, heard: &mut Heard) -> Result<(), Trouble> {
        let filter = Filter::default().event_type("MemberErased")?;
        let filter = filter.event_type("KeysDestroyed")?;
        let filter = filter.event_type("EventRedacted")?;
        loop {
            let block = self
                .log
                .read_all(heard.up_to, &filter, EVENTS_AT_ONCE)
                .await?;
            for recorded in &block.events {
                match event_of(recorded) {
                    Some(Event::Member(MemberEvent::MemberErased(_))) => {
                        self.last.heard_of(recorded.position());
                    }
                    Some(Event::Member(MemberEvent::KeysDestroyed(destroyed))) => {
                        let subject = destroyed.member.stream();
                        for keys in destroyed.keys {
                            let class = keys.class.code();
                            self.log.vault().forget_keys(&subject, class, keys.last);
                        }
                        heard.due = recorded.position();
                    }
                    Some(Event::Redaction(RedactionEvent::EventRedacted(redacted))) => {
                        self.log
                            .empty_event(Position::new(redacted.position))
                            .await?;
                        heard.due = recorded.position();
                        let event_type = redacted.event_type.to_string();
                        heard.redacted.insert(recorded.position(), event_type);
                    }
                    Some(_) | None => {}
                }
            }
            if block.up_to <= heard.up_to {
                return Ok(());
            }
            heard.up_to = block.up_to;
        }
    }

    /// Removes what was kept of the past: it was built with keys that are destroyed now.
    async fn forget_past(&self, due: Position) -> Result<(), Trouble> {
        let note = self.dir.join(ERASED);
        let text = fs::read_to_string(&note).unwrap_or_default();
        if text.trim().parse().unwrap_or(0) < due.get() {
            self.kept.forget().await?;
            fs::write(note, format!("{due}\n"))?;
        }
        Ok(())
    }

    /// Has one view remove what is left of erased rows, once it has folded the erasure.
    async fn see_to(
        &self,
        slot: &Slot,
        ask: &mpsc::Sender<Ask>,
        heard: &Heard,
    ) -> Result<(), Trouble> {
        let due = heard.due;
        let standing = slot.standing().borrow().clone();
        if standing.erased >= due {
            return Ok(());
        }
        let trouble = |reason: &str| Trouble::View(slot.name(), reason.to_owned());
        if standing.live.is_none_or(|live| live < due) {
            return Err(trouble("it is behind"));
        }
        let wants = slot.view.wants();
        let redacted = heard.redacted_since(standing.erased, wants);
        if redacted {
            // What the rows owe to one event cannot be told from the rest.
            self.build_anew(slot, ask).await?;
        }
        if redacted || wants.contains(&"MemberErased") {
            let (answer, answered) = oneshot::channel();
            let asked = ask.send(Ask::RemoveRemains(answer)).await;
            asked.map_err(|_| trouble("it is closed"))?;
            let removed = answered.await.map_err(|_| trouble("it is closed"))?;
            removed.map_err(|reason| trouble(&reason))?;
        }
        self.shelf(slot)?.note_erased(due)?;
        slot.erased(due);
        tracing::info!(view = slot.name(), position = %due, "nothing of what is erased is left");
        Ok(())
    }

    /// Has one view built anew, which takes it from what is left in the log.
    async fn build_anew(&self, slot: &Slot, ask: &mpsc::Sender<Ask>) -> Result<(), Trouble> {
        let trouble = |reason: &str| Trouble::View(slot.name(), reason.to_owned());
        let (steps, mut told) = mpsc::channel(STEPS_WAITING);
        let asked = ask.send(Ask::Rebuild(steps)).await;
        asked.map_err(|_| trouble("it is closed"))?;
        while let Some(step) = told.recv().await {
            match step {
                RebuildStep::Switched { .. } => return Ok(()),
                RebuildStep::Failed { reason } => return Err(trouble(&reason)),
                RebuildStep::Folded { .. }
                | RebuildStep::Phase { .. }
                | RebuildStep::Comparing { .. }
                | RebuildStep::Tracing { .. } => {}
            }
        }
        Err(trouble("it is closed"))
    }

    fn shelf(&self, slot: &Slot) -> io::Result<Shelf> {
        Shelf::open(&self.dir, Arc::clone(&slot.view), self.limits)
    }
}

impl Heard {
    /// Whether an event of one of these types was redacted after this.
    fn redacted_since(&self, after: Position, types: &[&str]) -> bool {
        let mut since = self.redacted.range(after.next()..);
        since.any(|(_, event_type)| types.contains(&event_type.as_str()))
    }
}

/// What happened; nothing of it is sealed.
fn event_of(recorded: &Recorded) -> Option<Event> {
    let header = recorded.header()?.ok()?;
    let none: &[(&str, Opened<'_>)] = &[];
    Event::decode(header.event_type, header.schema, header.data, none).ok()
}
