//! One connection: a statement after the other, until one of them goes wrong.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{sleep, timeout},
};

use super::{
    database::{Database, Kind, Server, State},
    faults::Fate,
    link::Link,
    tables::{Tables, Write},
};
use crate::store::StoreError;

/// How long the log waits for an answer, as by default (`LogOptions::answer_within`).
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a statement waits for a lock (`lock_timeout`, `BUSY_TIMEOUT`).
const LOCK_WITHIN: Duration = Duration::from_secs(20);
/// The longest that a statement lies about that nobody waits for any more, in milliseconds.
const LATE_MS: u64 = 8_000;
/// The longest that a server takes to notice that a client is gone, in milliseconds
/// (`idle_in_transaction_session_timeout`).
const NOTICED_MS: u64 = 10_000;

/// A connection to the server that was the primary when it was made.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) server: Server,
    is_lost: bool,
}

/// The lock of the head's row, or that of who publishes.
pub(super) struct Lock {
    database: Database,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

/// A lock as a session holds it.
pub(super) struct Held(Arc<Lock>);

impl Session {
    pub(super) fn new(link: Link, server: Server) -> Self {
        Self {
            link,
            server,
            is_lost: false,
        }
    }

    /// Carries out a statement that may be lost on its way there or back.
    pub(super) async fn ask<T>(
        &mut self,
        what: &str,
        carry_out: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let fate = self.begin()?;
        self.link.travel().await;
        if fate == Fate::Unsent {
            return Err(self.lose(what, "is not sent"));
        }
        let Some(answer) = self.on_server(|state| carry_out(&mut state.tables)) else {
            return Err(self.lose(what, "finds its server gone"));
        };
        self.link.note(format_args!("{what}"));
        self.hear(what, fate).await?;
        if answer.is_err() {
            self.is_lost = true;
        }
        answer
    }

    /// What is to become of the next statement, if the connection still works.
    pub(super) fn begin(&self) -> Result<Fate, StoreError> {
        if self.is_lost {
            return Err(StoreError::Unreachable("the connection was lost".into()));
        }
        let fate = self.link.fate();
        // No host is between a process and its file: a statement fails, or it does not.
        let alone = self.link.database().kind() == Kind::Sqlite;
        let only_of_hosts = matches!(fate, Fate::Late | Fate::Stalled);
        Ok(if alone && only_of_hosts {
            Fate::Fine
        } else {
            fate
        })
    }

    /// The answer comes back, or does not.
    pub(super) async fn hear(&mut self, what: &str, fate: Fate) -> Result<(), StoreError> {
        self.link.travel().await;
        match fate {
            Fate::Fine if self.is_served() => return Ok(()),
            Fate::Stalled => sleep(ANSWER_WITHIN).await,
            Fate::Fine | Fate::Unsent | Fate::Unanswered | Fate::Late => {}
        }
        self.link.lives().await;
        Err(self.lose(what, "is not answered"))
    }

    /// The connection is lost: nothing more is asked of it.
    pub(super) fn lose(&mut self, what: &str, why: &str) -> StoreError {
        self.is_lost = true;
        self.link.note(format_args!("{what} {why}"));
        StoreError::Unreachable(format!("{what} {why}"))
    }

    /// Whether the server is still there to which this is a connection, and can be reached.
    fn is_served(&self) -> bool {
        let state = self.link.database().state();
        state.server.number == self.server.number && state.is_reached_by(self.link.process())
    }

    /// Does something on the server, if it still is the one that was connected to.
    fn on_server<T>(&self, doing: impl FnOnce(&mut State) -> T) -> Option<T> {
        on_server(self.link.database(), self.server.number, doing)
    }

    /// Waits for the lock of the head's row.
    pub(super) async fn lock(&mut self) -> Result<Held, StoreError> {
        let permit = lock(&self.server.lock).await;
        if self.link.has_ended() {
            drop(permit);
            std::future::pending::<()>().await;
            return Err(StoreError::Unreachable("the process has ended".into()));
        }
        let permit = permit.inspect_err(|_| self.is_lost = true)?;
        Ok(self.hold(permit))
    }

    /// Takes the lock of who publishes, if nobody has it.
    pub(super) fn try_press(&self) -> Option<Held> {
        let permit = Arc::clone(&self.server.press).try_acquire_owned().ok()?;
        Some(self.hold(permit))
    }

    fn hold(&self, permit: OwnedSemaphorePermit) -> Held {
        self.link.holds(Lock {
            database: self.link.database().clone(),
            permit: Mutex::new(Some(permit)),
        })
    }

    /// Writes a batch, under a lock that is held or one that is waited for. The server does it by
    /// itself once it is asked, whether or not anybody waits for the answer.
    pub(super) async fn write(
        &mut self,
        write: Write,
        held: Option<Held>,
    ) -> Result<bool, StoreError> {
        let fate = self.begin()?;
        let end = write.end();
        if fate == Fate::Unsent {
            self.link.travel().await;
            drop(held);
            let error = self.lose("commit", "is not sent");
            return Err(StoreError::Lost(error.to_string()));
        }
        let random = self.link.database().random().clone();
        let delay = match fate {
            Fate::Late => Duration::from_millis(random.below(LATE_MS)),
            Fate::Stalled => Duration::from_millis(random.below(2 * LATE_MS)),
            Fate::Fine | Fate::Unsent | Fate::Unanswered => {
                self.link.database().state().faults.travel(&random)
            }
        };
        let is_alone = self.link.database().kind() == Kind::Sqlite;
        let asked = Asked {
            database: self.link.database().clone(),
            server: self.server.clone(),
            process: self.link.process(),
            only_while: is_alone.then(|| self.link.clone()),
            delay,
            write,
            permit: held.and_then(|held| held.0.take()),
        };
        let lost = |error: StoreError| StoreError::Lost(error.to_string());
        if is_alone {
            let written = asked.carry_out().await;
            self.hear("commit", fate).await.map_err(lost)?;
            return written.unwrap_or(Ok(false));
        }
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            if let Some(written) = asked.carry_out().await {
                let _ = answer.send(written);
            }
        });
        if fate != Fate::Fine {
            self.hear("commit", fate).await.map_err(lost)?;
        }
        let written = answered.await;
        self.hear("commit", fate).await.map_err(lost)?;
        match written {
            Ok(written) => written.inspect_err(|_| self.is_lost = true),
            Err(_) => Err(lost(self.lose(&format!("commit of {end}"), "is cut off"))),
        }
    }
}

/// A commit as whoever carries it out has it.
struct Asked {
    database: Database,
    server: Server,
    process: u32,
    /// The process that carries it out itself, where there is no server.
    only_while: Option<Link>,
    delay: Duration,
    write: Write,
    permit: Option<OwnedSemaphorePermit>,
}

impl Asked {
    /// Commits, if the server is still there.
    async fn carry_out(self) -> Option<Result<bool, StoreError>> {
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let permit = match self.permit {
            Some(permit) => Ok(permit),
            None => lock(&self.server.lock).await,
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(error) => return Some(Err(error)),
        };
        if self.only_while.is_some_and(|link| link.has_ended()) {
            return None;
        }
        let (end, write) = (self.write.end(), self.write);
        let written = on_server(&self.database, self.server.number, |state| {
            state.tables.write(write)
        });
        let note = |what: &str| {
            let what = format_args!("commit of {end} {what}");
            self.database.note(Some(self.process), what);
        };
        match &written {
            None => note("finds its server gone"),
            Some(Ok(true)) => note("is done"),
            Some(Ok(false)) => note("was overtaken"),
            Some(Err(_)) => note("is refused"),
        }
        drop(permit);
        if matches!(written, Some(Ok(true))) {
            self.database.tell_head();
        }
        written
    }
}

/// Does something on a server, if it still is the primary.
fn on_server<T>(
    database: &Database,
    server: u64,
    doing: impl FnOnce(&mut State) -> T,
) -> Option<T> {
    let mut state = database.state();
    (state.server.number == server).then(|| doing(&mut state))
}

/// Waits for a lock in line, for as long as a statement may.
async fn lock(lock: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StoreError> {
    let unreachable = |reason: &str| StoreError::Unreachable(reason.into());
    let waiting = timeout(LOCK_WITHIN, Arc::clone(lock).acquire_owned()).await;
    let permit = waiting.map_err(|_| unreachable("lock not available"))?;
    permit.map_err(|_| unreachable("the server is gone"))
}

impl Lock {
    fn take(&self) -> Option<OwnedSemaphorePermit> {
        let mut permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner);
        permit.take()
    }

    /// The server lets go of the lock when it notices that its client is gone; what locked a file
    /// is gone with its process.
    pub(super) fn abandon(&self) {
        let Some(permit) = self.take() else { return };
        let runtime = tokio::runtime::Handle::try_current();
        let (Ok(runtime), Kind::Postgres) = (runtime, self.database.kind()) else {
            return;
        };
        let time = Duration::from_millis(self.database.random().below(NOTICED_MS));
        runtime.spawn(async move {
            sleep(time).await;
            drop(permit);
        });
    }
}

impl Held {
    pub(super) fn new(lock: Arc<Lock>) -> Self {
        Self(lock)
    }

    /// Gives the lock back, as the end of a transaction does.
    pub(super) fn release(self) {
        self.0.take();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
