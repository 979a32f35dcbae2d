//! Erasures: each view says when nothing of what is erased is left of it, and none is read that has
//! not come so far.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use meguri_events::{Event, MemberEvent, Opened};
use meguri_log::{BadFilter, Filter, Log, Position, ReadError, Recorded};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::Ask, opening::Opening, past::Kept, settings::FileLimits, shelf::Shelf, slot::Slot,
};

/// Events of erasures that are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// How long one waits before a view is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

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
        let (mut after, mut due, mut done) = (Position::ZERO, Position::ZERO, Position::ZERO);
        for (slot, _) in &self.views {
            if let Ok(shelf) = self.shelf(slot) {
                slot.erased(shelf.erased_up_to());
            }
        }
        loop {
            head.mark_unchanged();
            let worked = self.work(&mut after, &mut due, &mut done).await;
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

    async fn work(
        &self,
        after: &mut Position,
        due: &mut Position,
        done: &mut Position,
    ) -> Result<(), Trouble> {
        self.listen(after, due).await?;
        if *due > *done {
            self.forget_past(*due).await?;
            for (slot, ask) in &self.views {
                self.see_to(slot, ask, *due).await?;
            }
            *done = *due;
        }
        Ok(())
    }

    /// Hears of erasures, and forgets in this process the keys that are destroyed.
    async fn listen(&self, after: &mut Position, due: &mut Position) -> Result<(), Trouble> {
        let filter = Filter::default().event_type("MemberErased")?;
        let filter = filter.event_type("KeysDestroyed")?;
        loop {
            let block = self.log.read_all(*after, &filter, EVENTS_AT_ONCE).await?;
            for recorded in &block.events {
                match event_of(recorded) {
                    Some(MemberEvent::MemberErased(_)) => self.last.heard_of(recorded.position()),
                    Some(MemberEvent::KeysDestroyed(destroyed)) => {
                        let subject = destroyed.member.stream();
                        for keys in destroyed.keys {
                            let class = keys.class.code();
                            self.log.vault().forget_keys(&subject, class, keys.last);
                        }
                        *due = recorded.position();
                    }
                    Some(
                        MemberEvent::MemberRegistered(_)
                        | MemberEvent::NicknameChanged(_)
                        | MemberEvent::MemberLeft(_),
                    )
                    | None => {}
                }
            }
            if block.up_to <= *after {
                return Ok(());
            }
            *after = block.up_to;
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
        due: Position,
    ) -> Result<(), Trouble> {
        let standing = slot.standing().borrow().clone();
        if standing.erased >= due {
            return Ok(());
        }
        let trouble = |reason: &str| Trouble::View(slot.name(), reason.to_owned());
        if standing.live.is_none_or(|live| live < due) {
            return Err(trouble("it is behind"));
        }
        if slot.view.wants().contains(&"MemberErased") {
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

    fn shelf(&self, slot: &Slot) -> io::Result<Shelf> {
        Shelf::open(&self.dir, Arc::clone(&slot.view), self.limits)
    }
}

/// What an event says of a member; nothing of it is sealed.
fn event_of(recorded: &Recorded) -> Option<MemberEvent> {
    let header = recorded.header()?.ok()?;
    let none: &[(&str, Opened<'_>)] = &[];
    let decoded = Event::decode(header.event_type, header.schema, header.data, none);
    if let Ok(Event::Member(event)) = decoded {
        Some(event)
    } else {
        None
    }
}
