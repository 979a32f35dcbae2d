//! The way of one process to the database, and the end of that process.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use super::{
    database::Database,
    faults::Fate,
    session::{Held, Lock, Session},
};
use crate::store::StoreError;

/// The way of one process to a database. All clones are the same process.
#[derive(Clone, Debug)]
pub struct Link {
    database: Database,
    process: u32,
    has_ended: Arc<AtomicBool>,
    /// What it has locked.
    locks: Arc<Mutex<Vec<Weak<Lock>>>>,
}

/// Lets all others go first that are ready now. tokio's own `yield_now` waits until the scheduler
/// looks at its timers, which it does after so many polls: where threads of SQLite wake tasks as
/// well, those add polls, and the order in which others go on would depend on how fast they are.
async fn behind_the_others() {
    let mut is_behind = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Link {
    pub(super) fn new(database: Database, process: u32) -> Self {
        Self {
            database,
            process,
            has_ended: Arc::default(),
            locks: Arc::default(),
        }
    }

    /// Ends the process as the loss of its machine does: whatever of it still waits for the
    /// database waits for ever. What the server was already asked is still done.
    pub fn end(&self) {
        self.note(format_args!("ends"));
        self.has_ended.store(true, Ordering::SeqCst);
        let locks = std::mem::take(&mut *self.locks());
        for lock in locks.iter().filter_map(Weak::upgrade) {
            lock.abandon();
        }
    }

    /// Holds a lock until it is given back, or the process ends.
    pub(super) fn holds(&self, lock: Lock) -> Held {
        let lock = Arc::new(lock);
        let mut locks = self.locks();
        locks.retain(|it| it.strong_count() > 0);
        locks.push(Arc::downgrade(&lock));
        Held::new(lock)
    }

    fn locks(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Lock>>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// A new connection, if there is one to be had.
    pub(super) async fn connect(&self) -> Result<Session, StoreError> {
        self.lives().await;
        let server = {
            let state = self.database.state();
            let reached = state.is_reached_by(self.process);
            reached.then(|| state.server.clone())
        };
        if let Some(server) = server {
            return Ok(Session::new(self.clone(), server));
        }
        self.travel().await;
        Err(StoreError::Unreachable("no connection could be had".into()))
    }

    pub(super) fn fate(&self) -> Fate {
        let state = self.database.state();
        state.faults.fate(self.database.random())
    }

    /// One message on its way. It never arrives where the process has ended.
    pub(super) async fn travel(&self) {
        // A process that has ended draws no time either: it and its successor are woken in any
        // order.
        self.lives().await;
        let time = self.database.state().faults.travel(self.database.random());
        if time.is_zero() {
            behind_the_others().await;
        } else {
            tokio::time::sleep(time).await;
        }
        self.lives().await;
    }

    /// Goes on where the process does.
    pub(super) async fn lives(&self) {
        if self.has_ended() {
            std::future::pending::<()>().await;
        }
    }

    /// Writes down what the process does.
    pub fn say(&self, what: fmt::Arguments<'_>) {
        self.note(what);
    }

    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        self.database.note(Some(self.process), what);
    }
}
