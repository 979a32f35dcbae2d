//! One world: processes with logs on one database, who uses them, and what befalls them.

use std::sync::{Arc, Mutex, PoisonError};

use meguri_log::{
    Log, Position, StreamName, Vault,
    simulation::{Database, Link, Machine, Random},
};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::WorldClock,
    history::{Moment, StoredEvent, Timeline},
    plan::Plan,
    recorder::Recorder,
};

/// How long one whose log does not open waits before the next try.
const OPEN_AGAIN: Duration = Duration::from_millis(300);

/// All that tasks of a world share.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) database: Database,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) slots: Vec<Slot>,
    /// No more trouble comes.
    pub(crate) calm: CancellationToken,
    vault: Vault,
    /// Up to where the last timeline keeps the one before.
    kept: Mutex<(Moment, Position)>,
}

/// The place of a process, which outlives it.
pub(crate) struct Slot {
    pub(crate) clock: WorldClock,
    running: Mutex<Option<Running>>,
}

/// A process with its log.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) process: u32,
    pub(crate) log: Log,
    pub(crate) link: Link,
    /// It has crashed.
    pub(crate) ended: CancellationToken,
}

impl World {
    pub(crate) fn new(seed: u64, vault: Vault, recorder: Arc<Recorder>) -> Arc<Self> {
        let random = Random::new(seed);
        let plan = Plan::new(&random);
        recorder.moment(None, format_args!("{plan:?}"));
        let trace = Arc::<Recorder>::clone(&recorder);
        let database = Database::new(plan.kind, random.clone(), plan.faults.clone(), trace);
        let slots = (0..plan.processes).map(|_| Slot {
            clock: WorldClock::new(),
            running: Mutex::default(),
        });
        Arc::new(Self {
            slots: slots.collect(),
            plan,
            random,
            database,
            recorder,
            calm: CancellationToken::new(),
            vault,
            kept: Mutex::new((Moment(0), Position::ZERO)),
        })
    }

    /// The streams of this world, some of which tell who somebody is.
    pub(crate) fn stream(number: u64) -> StreamName {
        let category = ["post", "exchange", "member", "claim"];
        let index = usize::try_from(number % 4).unwrap_or_default();
        let name = format!("{}-{number}", category[index]);
        name.parse()
            .expect("INVARIANT: a category and a number are a name")
    }

    pub(crate) fn any_stream(&self) -> StreamName {
        Self::stream(self.random.below(self.plan.streams))
    }

    /// Opens the log of a process, however often it takes, and answers it.
    pub(crate) async fn open(&self, process: u32) -> Running {
        loop {
            let link = self.database.link(process);
            let machine = Machine {
                clock: Arc::new(self.slot(process).clock.clone()),
                randomness: Arc::new(self.random.clone()),
                clock_jump_max: self.plan.clock_jump_max,
                vault: (self.vault.clone(), false),
            };
            match Log::simulated(&link, &machine).await {
                Ok(log) => {
                    self.recorder.moment(Some(process), format_args!("is open"));
                    let running = Running {
                        process,
                        log,
                        link,
                        ended: CancellationToken::new(),
                    };
                    *self.slot(process).running() = Some(running.clone());
                    return running;
                }
                Err(error) => {
                    self.recorder
                        .moment(Some(process), format_args!("does not open: {error}"));
                    sleep(OPEN_AGAIN).await;
                }
            }
        }
    }

    /// One of the processes that are open, if any is.
    pub(crate) fn any_running(&self) -> Option<Running> {
        let open: Vec<_> = self.slots.iter().filter_map(Slot::current).collect();
        if open.is_empty() {
            return None;
        }
        let index = usize::try_from(self.random.below(open.len() as u64));
        open.into_iter().nth(index.unwrap_or_default())
    }

    pub(crate) fn slot(&self, process: u32) -> &Slot {
        let index = usize::try_from(process).unwrap_or(usize::MAX);
        &self.slots[index]
    }

    /// A pause of less than so many milliseconds.
    pub(crate) async fn pause(&self, below_ms: u64) {
        sleep(Duration::from_millis(self.random.below(below_ms.max(1)))).await;
    }

    /// A standby takes over that has not heard of the last changes, so many of them.
    pub(crate) fn fail_over(&self, lost_changes: usize, down: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, from) = *kept;
        let before = self.timeline(begun, from);
        let end = before.events.last().map_or(from, |last| last.position);
        let changes = self.database.changes();
        let to = self.database.fail_over(lost_changes, down);
        // What is remembered of a request that had nothing to do is a change, and no event.
        let has_lost = self.database.changes() < changes;
        let now = self
            .recorder
            .moment(None, format_args!("falls back from {end} to {to}"));
        if has_lost {
            self.recorder
                .history(|history| history.timelines.push(before));
            *kept = (now, to);
        }
    }

    /// Writes down what the log holds in the end.
    pub(crate) fn last_timeline(&self) {
        let (begun, from) = *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.timeline(begun, from);
        self.recorder
            .history(|history| history.timelines.push(last));
    }

    fn timeline(&self, begun: Moment, kept: Position) -> Timeline {
        let events = self.database.events_after(kept);
        Timeline {
            begun,
            kept,
            events: events.iter().filter_map(StoredEvent::read).collect(),
        }
    }
}

impl Slot {
    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process that is open here.
    pub(crate) fn current(&self) -> Option<Running> {
        self.running().clone()
    }

    /// Takes the process away from those who would ask it.
    pub(crate) fn take(&self) -> Option<Running> {
        self.running().take()
    }
}
