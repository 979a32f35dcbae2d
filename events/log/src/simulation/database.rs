//! A database that several processes share, and what may befall its server.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{faults::Faults, link::Link, random::Random, store::recorded, tables::Tables};
use crate::{
    known_head::{HeadWatch, KnownHead},
    publish::SignedCheckpoint,
    recorded::Recorded,
    stream::Position,
};

/// Which database it behaves as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A server apart from the processes: connections are lost, and what they asked may be done
    /// long after.
    Postgres,
    /// A file that the processes open: nobody is asked but the process itself, and what it has not
    /// written when it ends is not written.
    Sqlite,
}

/// Writes down what happens, in order.
pub trait Trace: Send + Sync + 'static {
    /// Something happened to a process; to the server itself where none is named.
    fn note(&self, process: Option<u32>, what: fmt::Arguments<'_>);
}

/// A database in memory. All clones are the same one.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    kind: Kind,
    /// Which copy it is: a copy is in another place than what it was made of.
    copy: u64,
    random: Random,
    trace: Arc<dyn Trace>,
    state: Mutex<State>,
    /// Where the log ends, for those who are told of it.
    head: KnownHead,
}

pub(super) struct State {
    pub(super) tables: Tables,
    pub(super) server: Server,
    pub(super) faults: Faults,
    /// Processes that do not reach the server, and until when.
    cut: BTreeMap<u32, Instant>,
}

/// The server that is the primary now.
#[derive(Clone)]
pub(super) struct Server {
    /// Which, counted from the first. A connection to an earlier one is dead.
    pub(super) number: u64,
    /// It takes no connections before.
    up_from: Instant,
    /// The lock of the head's row; given in the order in which it is asked for.
    pub(super) lock: Arc<Semaphore>,
    /// The lock of who publishes.
    pub(super) press: Arc<Semaphore>,
}

impl Server {
    fn new(number: u64, up_from: Instant) -> Self {
        Self {
            number,
            up_from,
            lock: Arc::new(Semaphore::new(1)),
            press: Arc::new(Semaphore::new(1)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

impl Database {
    /// An empty database, made inside the runtime in which it is used.
    pub fn new(kind: Kind, random: Random, faults: Faults, trace: Arc<dyn Trace>) -> Self {
        Self::holding(Tables::new(), 0, kind, random, faults, trace)
    }

    fn holding(
        tables: Tables,
        copy: u64,
        kind: Kind,
        random: Random,
        faults: Faults,
        trace: Arc<dyn Trace>,
    ) -> Self {
        let head = KnownHead::new(tables.head.position);
        let state = State {
            tables,
            server: Server::new(0, Instant::now()),
            faults,
            cut: BTreeMap::new(),
        };
        Self(Arc::new(Shared {
            kind,
            copy,
            random,
            trace,
            state: Mutex::new(state),
            head,
        }))
    }

    /// A copy of it as it is now, in another place.
    #[must_use]
    pub fn copy(&self) -> Self {
        let (tables, faults) = {
            let state = self.state();
            (state.tables.copy(), state.faults.clone())
        };
        let Shared {
            kind,
            copy,
            random,
            trace,
            ..
        } = &*self.0;
        self.note(None, format_args!("is copied at {}", tables.head.position));
        let (random, trace) = (random.clone(), Arc::clone(trace));
        Self::holding(tables, copy + 1, *kind, random, faults, trace)
    }

    /// What is published, the smallest first, whatever is wrong with the way to it.
    pub fn checkpoints(&self) -> Vec<SignedCheckpoint> {
        self.state().tables.checkpoints.values().cloned().collect()
    }

    /// Where it is.
    pub(super) fn place(&self) -> String {
        match self.0.copy {
            0 => "the database in memory".into(),
            copy => format!("copy {copy} of the database in memory"),
        }
    }

    /// The way of a process to this database.
    pub fn link(&self, process: u32) -> Link {
        Link::new(self.clone(), process)
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.note(None, format_args!("faults: {faults:?}"));
        self.state().faults = faults;
    }

    /// Ends all connections and every statement that is under way; nobody is let in for this long.
    /// What was committed stays.
    pub fn restart(&self, down: Duration) {
        self.note(None, format_args!("restarts, down for {down:?}"));
        let mut state = self.state();
        let next = state.server.number + 1;
        let before = std::mem::replace(&mut state.server, Server::new(next, Instant::now() + down));
        drop(state);
        before.lock.close();
        before.press.close();
    }

    /// A standby takes over that has not heard of the last changes, so many of them: as after an
    /// asynchronous replication. Answers where the log ends now.
    pub fn fail_over(&self, lost_changes: usize, down: Duration) -> Position {
        let head = {
            let mut state = self.state();
            let kept = state.tables.changes().saturating_sub(lost_changes);
            state.tables.fall_back(kept);
            state.tables.head.position
        };
        self.note(None, format_args!("fails over to position {head}"));
        self.0.head.replace(head);
        self.restart(down);
        head
    }

    /// Keeps a process from the server for this long.
    pub fn cut_off(&self, process: u32, time: Duration) {
        self.note(Some(process), format_args!("is cut off for {time:?}"));
        self.state().cut.insert(process, Instant::now() + time);
    }

    /// How many changes were made to it that are still there.
    pub fn changes(&self) -> usize {
        self.state().tables.changes()
    }

    /// Every event after a position, whatever is wrong with the way to it.
    pub fn events_after(&self, position: Position) -> Vec<Recorded> {
        let state = self.state();
        let end = state.tables.head.position;
        recorded(state.tables.range(position, end), &[])
    }

    pub(super) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(super) fn random(&self) -> &Random {
        &self.0.random
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody who listens where the log ends.
    pub(super) fn tell_head(&self) {
        let head = self.state().tables.head.position;
        self.0.head.replace(head);
    }

    pub(super) fn watch_head(&self) -> HeadWatch {
        self.0.head.watch()
    }

    pub(super) fn note(&self, process: Option<u32>, what: fmt::Arguments<'_>) {
        self.0.trace.note(process, what);
    }
}

impl State {
    /// Whether this process can be given a connection now.
    pub(super) fn is_reached_by(&self, process: u32) -> bool {
        let now = Instant::now();
        let cut = self.cut.get(&process);
        self.server.up_from <= now && cut.is_none_or(|until| *until <= now)
    }
}
