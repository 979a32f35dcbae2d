//! One supervision for every loop that runs for as long as its process does: a loop that ends
//! before it was told to, by a return, by a panic, or because it was dropped, is a failure.
//!
//! A failed loop is not started again: its state may be half changed, and whoever it served may
//! wait for an answer that nobody gives any more. The process says that it is not well, and ends
//! where nothing works without the loop ([`OnFailure`]); the next start is a clean one.
//!
//! Work that somebody awaits, such as the answer to one request, is no loop: who awaits it sees
//! how it ended.

mod beat;
mod panic;
mod recurring;

use std::{
    borrow::Cow, fmt::Display, future::poll_fn, panic::AssertUnwindSafe, pin::pin, sync::Arc,
    task::Poll, time::Instant,
};

use futures::FutureExt as _;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use beat::Beat;
pub use beat::{beat_within, rest};
pub use panic::panic_text;
pub use recurring::Recurring;

/// What the failure of a loop means for its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing works without it: the process ends, so that whatever runs it starts another.
    EndProcess,
    /// The process serves what it can, and says that it is neither ready nor well.
    Unready,
}

/// How a loop stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopState {
    /// It runs.
    Running,
    /// It runs, and has not been heard of for longer than it said ([`beat_within`]).
    Stuck {
        /// When it was heard of last.
        since: Instant,
    },
    /// It ended before it was told to.
    Failed {
        /// When.
        since: Instant,
        /// How it ended. It may quote what the loop worked on: it is for those who run the server.
        reason: String,
    },
    /// It ended when it was told to.
    Ended,
}

impl LoopState {
    /// In one word: `running`, `stuck`, `failed` or `ended`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stuck { .. } => "stuck",
            Self::Failed { .. } => "failed",
            Self::Ended => "ended",
        }
    }
}

/// A loop at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopStatus {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// How it stands.
    pub state: LoopState,
}

impl LoopStatus {
    fn has_failed(&self) -> bool {
        matches!(self.state, LoopState::Failed { .. })
    }
}

/// How a loop may end: with nothing to say, or with what stood in its way.
pub trait Outcome {
    /// What stood in its way.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// The loops of a process. Cloning is cheap, and all clones know the same loops.
#[derive(Clone, Debug, Default)]
pub struct Supervisor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    loops: watch::Sender<Vec<Entry>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Entry {
    status: LoopStatus,
    /// INVARIANT: one for each watched future; two may have one name, for a while.
    key: Arc<()>,
    /// Cancelled to have it panic.
    broken: CancellationToken,
    beat: Beat,
}

impl Entry {
    /// How it stands at this moment.
    fn status(&self) -> LoopStatus {
        let mut status = self.status.clone();
        if status.state == LoopState::Running
            && let Some(since) = self.beat.stuck_since()
        {
            status.state = LoopState::Stuck { since };
        }
        status
    }
}

impl Supervisor {
    /// A supervisor of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a loop in a task of its own until `stop` is cancelled, or everything is told to stop.
    pub fn spawn<N, W>(
        &self,
        name: N,
        on_failure: OnFailure,
        stop: &CancellationToken,
        work: W,
    ) -> JoinHandle<()>
    where
        N: Into<Cow<'static, str>> + 'static,
        W: Future<Output: Outcome> + Send + 'static,
    {
        tokio::spawn(self.watch(name, on_failure, stop, work))
    }

    /// The loop as a future, for who runs it in a way of their own. It is known from now on, and
    /// it has failed where it ends, or is dropped, before `stop` is cancelled or everything is told
    /// to stop. A panic in it ends here.
    ///
    /// A loop of the same name that has ended or failed before is forgotten.
    pub fn watch<N, W>(
        &self,
        name: N,
        on_failure: OnFailure,
        stop: &CancellationToken,
        work: W,
    ) -> impl Future<Output = ()> + use<N, W>
    where
        N: Into<Cow<'static, str>>,
        W: Future<Output: Outcome>,
    {
        let (watched, broken, beat) = self.begin(name.into(), on_failure, stop.clone());
        let stopped = beat.clone();
        let work = async move {
            let mut work = pin!(work);
            let work = poll_fn(|context| {
                if stopped.is_stopped() {
                    return Poll::Pending;
                }
                work.as_mut().poll(context)
            });
            tokio::select! {
                biased;
                () = broken.cancelled() => broken_by_a_test(),
                outcome = work => outcome,
            }
        };
        let work = beat.around(work);
        async move {
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(outcome) => watched.end(outcome.failure()),
                Err(cause) => watched.panicked(panic_text(&*cause)),
            }
        }
    }

    fn begin(
        &self,
        name: Cow<'static, str>,
        on_failure: OnFailure,
        stop: CancellationToken,
    ) -> (Watched, CancellationToken, Beat) {
        let (key, broken) = (Arc::new(()), CancellationToken::new());
        let beat = Beat::default();
        let status = LoopStatus {
            name: name.clone(),
            on_failure,
            state: LoopState::Running,
        };
        let entry = Entry {
            status,
            key: Arc::clone(&key),
            broken: broken.clone(),
            beat: beat.clone(),
        };
        self.0.loops.send_modify(|loops| {
            loops.retain(|one| one.status.name != name || one.status.state == LoopState::Running);
            loops.push(entry);
        });
        metrics::gauge!("meguri_loop_running", "loop" => name.to_string()).set(1.0);
        let watched = Watched {
            supervisor: self.clone(),
            name,
            key,
            stop,
            settled: false,
        };
        (watched, broken, beat)
    }

    /// Every loop, in the order in which they began.
    pub fn loops(&self) -> Vec<LoopStatus> {
        let loops = self.0.loops.borrow();
        loops.iter().map(Entry::status).collect()
    }

    /// The names of the loops that have failed; none while all is well.
    pub fn failed(&self) -> Vec<Cow<'static, str>> {
        let loops = self.0.loops.borrow();
        let failed = loops.iter().filter(|one| one.status.has_failed());
        failed.map(|one| one.status.name.clone()).collect()
    }

    /// The names of the loops that run and have not been heard of in time; none while all is well.
    pub fn stuck(&self) -> Vec<Cow<'static, str>> {
        let loops = self.loops().into_iter();
        let stuck = loops.filter(|one| matches!(one.state, LoopState::Stuck { .. }));
        stuck.map(|one| one.name).collect()
    }

    /// Waits until a loop has failed without which nothing works, and says which; for ever, where
    /// none does.
    pub async fn must_end(&self) -> LoopStatus {
        let ends = |one: &&Entry| {
            one.status.has_failed() && one.status.on_failure == OnFailure::EndProcess
        };
        let mut told = self.0.loops.subscribe();
        let waited = told.wait_for(|loops| loops.iter().any(|one| ends(&one)));
        // INVARIANT: this very call holds the sender, so that waiting does not fail.
        if let Ok(loops) = waited.await
            && let Some(failed) = loops.iter().find(ends)
        {
            return failed.status.clone();
        }
        std::future::pending().await
    }

    /// Says that everything is told to stop: no loop that ends from now on has failed.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Cancelled when everything is told to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Has a loop panic, for tests of what follows; answers whether one of this name runs.
    pub fn inject_panic(&self, name: &str) -> bool {
        let loops = self.0.loops.borrow();
        let is_it =
            |one: &&Entry| one.status.name == name && one.status.state == LoopState::Running;
        let running = loops.iter().find(is_it);
        running.inspect(|one| one.broken.cancel()).is_some()
    }
}

impl Supervisor {
    /// Has a loop stand still, for tests of what follows; answers whether one of this name runs.
    pub fn inject_standstill(&self, name: &str) -> bool {
        let loops = self.0.loops.borrow();
        let is_it =
            |one: &&Entry| one.status.name == name && one.status.state == LoopState::Running;
        let running = loops.iter().find(is_it);
        running.inspect(|one| one.beat.stop()).is_some()
    }
}

#[expect(clippy::panic, reason = "tests ask for it")]
fn broken_by_a_test<T>() -> T {
    panic!("broken by a test")
}

/// A loop that runs. Where it is dropped, the loop was.
struct Watched {
    supervisor: Supervisor,
    name: Cow<'static, str>,
    key: Arc<()>,
    stop: CancellationToken,
    settled: bool,
}

impl Watched {
    fn was_told_to(&self) -> bool {
        self.stop.is_cancelled() || self.supervisor.0.stop.is_cancelled()
    }

    fn end(mut self, failure: Option<String>) {
        if self.was_told_to() {
            if let Some(reason) = failure {
                tracing::warn!(name = %self.name, reason, "a loop failed while it was ending");
            }
            self.settle(LoopState::Ended);
        } else {
            self.fail(failure.unwrap_or_else(|| "it ended by itself".to_owned()));
        }
    }

    fn panicked(mut self, text: String) {
        let name = self.name.to_string();
        metrics::counter!("meguri_loop_panics_total", "loop" => name).increment(1);
        self.fail(format!("it panicked: {text}"));
    }

    fn fail(&mut self, reason: String) {
        tracing::error!(name = %self.name, reason, "a loop of this process has failed");
        let since = Instant::now();
        self.settle(LoopState::Failed { since, reason });
    }

    fn settle(&mut self, state: LoopState) {
        self.settled = true;
        metrics::gauge!("meguri_loop_running", "loop" => self.name.to_string()).set(0.0);
        self.supervisor.0.loops.send_modify(|loops| {
            let is_own = |one: &Entry| Arc::ptr_eq(&one.key, &self.key);
            let again = |one: &Entry| one.status.name == self.name && !is_own(one);
            if state == LoopState::Ended && loops.iter().any(again) {
                // It runs again already, under the same name.
                loops.retain(|one| !is_own(one));
            } else if let Some(own) = loops.iter_mut().find(|one| is_own(one)) {
                own.status.state = state;
            }
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.was_told_to() {
            self.settle(LoopState::Ended);
        } else {
            self.fail("it was dropped".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
