//! A process from its start to its death: it opens the log, appends, and publishes when it may.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use meguri_log::{
    Append, Cause, Log, NewEvent, Publication, PublishState, Publisher, SigningKeyError,
    simulation::{Database, Link, Machine},
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use uuid::Uuid;

use super::{World, folder_of, make};

/// How long a process waits before it tries again to begin.
const AGAIN: Duration = Duration::from_millis(300);
/// The longest time between two appends of a process, in milliseconds.
const APPENDS_MS: u64 = 1_200;

/// What is known of a process from outside.
type Known = Arc<Mutex<Option<watch::Receiver<Publication>>>>;

/// A process in its place, or the place of one that is dead.
pub(super) struct Life {
    slot: usize,
    database: Database,
    link: Link,
    number: u32,
    task: Option<JoinHandle<()>>,
    known: Known,
}

impl Life {
    pub(super) fn begin(
        world: &Arc<World>,
        database: &Database,
        machine: &Machine,
        slot: usize,
    ) -> Self {
        let number = u32::try_from(slot).unwrap_or_default();
        let mut life = Self {
            slot,
            database: database.clone(),
            link: database.link(number),
            number,
            task: None,
            known: Known::default(),
        };
        life.begin_again_if_dead(world, machine);
        life
    }

    /// Another process in its place.
    pub(super) fn begin_again_if_dead(&mut self, world: &Arc<World>, machine: &Machine) {
        if self.task.is_some() {
            return;
        }
        self.number += 10;
        self.link = self.database.link(self.number);
        self.known = Known::default();
        make(&folder_of(world, self.slot));
        let place = super::elsewhere(world);
        for folder in place.iter().filter_map(|path| path.parent()) {
            make(folder);
        }
        let life = live(
            Arc::clone(world),
            self.slot,
            self.link.clone(),
            machine.clone(),
            Arc::clone(&self.known),
        );
        self.task = Some(tokio::spawn(life));
    }

    /// Ends at once, wherever it is.
    pub(super) fn die(&mut self) {
        if let Some(task) = self.task.take() {
            self.link.end();
            task.abort();
        }
    }

    pub(super) fn end(mut self) {
        self.die();
    }

    pub(super) fn process(&self) -> u32 {
        self.number
    }

    pub(super) fn state(&self) -> Option<PublishState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.borrow().state.clone())
    }

    pub(super) fn refuses(&self) -> bool {
        matches!(self.state(), Some(PublishState::Refusing(_)))
    }

    /// Sees what it says, what is in its folder, and what its database serves.
    pub(super) fn look(&self, world: &World) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = known.as_ref().and_then(|it| it.borrow().latest.clone()) {
            world.told.say(self.number, &latest.note);
        }
        let beside = folder_of(world, self.slot).join("checkpoint");
        if let Ok(note) = std::fs::read_to_string(beside) {
            world
                .told
                .sign(&format!("the file of {}", self.slot), &note);
        }
        for checkpoint in self.database.checkpoints() {
            let place = format!("the database of {}", self.slot);
            world.told.tell(&place, &checkpoint.note);
        }
    }
}

/// The whole life of a process. It ends by being aborted.
async fn live(world: Arc<World>, slot: usize, link: Link, machine: Machine, known: Known) {
    let log = loop {
        match Log::simulated(&link, &machine).await {
            Ok(log) => break log,
            Err(_) => sleep(AGAIN).await,
        }
    };
    let publisher = loop {
        match Publisher::start(log.clone(), world.options(slot)).await {
            Ok(publisher) => break publisher,
            Err(SigningKeyError::Read(_) | SigningKeyError::Place(_)) => sleep(AGAIN).await,
            Err(error) => {
                let what = format!("a publisher does not start: {error}");
                return world.told.violate(what);
            }
        }
    };
    *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(publisher.watch());
    loop {
        sleep(Duration::from_millis(1 + world.random.below(APPENDS_MS))).await;
        if world.calm.load(Ordering::Relaxed) {
            continue;
        }
        let events = (0..=world.random.below(3)).map(|_| event(&world));
        let append = Append {
            cause: Cause {
                actor: "system".into(),
                ..Cause::default()
            },
            events: events.collect(),
            conditions: Vec::new(),
            key: None,
        };
        // Whatever comes of it, others append as well.
        if let Err(error) = log.append(append).await {
            link.say(format_args!("an append fails: {error}"));
        }
    }
}

fn event(world: &World) -> NewEvent {
    let stream = format!("thing-{}", world.random.below(5));
    let high = u128::from(world.random.below(u64::MAX));
    let low = u128::from(world.random.below(u64::MAX));
    NewEvent {
        id: Uuid::from_u128(high << 64 | low),
        stream: stream.parse().expect("INVARIANT: it is a name"),
        event_type: "Happened".into(),
        schema: 1,
        data: "{}".into(),
        sealed: Vec::new(),
    }
}
