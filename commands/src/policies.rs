//! Policies: what follows by itself on what has happened, by ordinary commands (H01, H44).
//!
//! Each policy is a file: its rows, what is due by them, its commands. That members are told of
//! new posts that fit theirs is read from a view, so it is not the runner below that asks for it:
//! [`Commands::tell_of_match`].
//!
//! A [`Runner`] folds the log into a small book of what is to be done, and does what is due once
//! it has caught up. **It can stop or be killed anywhere.** The book never says that something
//! was done: only the event that doing it appended takes it out of the book. Each command carries
//! a key made from the event it follows on, which never expires; so it is done once, by however
//! many runners. The book is thrown away and folded again whenever it is missing or outdated.

mod book;
mod completion;
mod duty;
mod epochs;
mod erasure;
mod member_left;
mod policy;

pub use book::Clock;
pub use book::parked::{ParkedDuty, Undone, UnreadableEvent, undone};
pub use duty::{Duty, Trigger};
pub use epochs::keep_epochs;
pub(crate) use erasure::destroyer;

use std::path::Path;
use std::time::Duration;

use meguri_log::{Filter, Log, Position, ReadError};
use meguri_supervision::{Recurring, beat_within};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{CommandError, Commands};
use book::Book;
use policy::Policy;

/// Every policy that the runner runs.
const POLICIES: &[&dyn Policy] = &[
    &completion::Completion,
    &erasure::Erasure,
    &member_left::MemberLeft,
];

/// How often a runner looks at the clock when nothing happens.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The least time between two looks: while much happens, policies are no hurry.
const REST: Duration = Duration::from_millis(50);
/// How long a step takes at the very most: a hundred duties on a database that answers slowly, or
/// the book folded anew.
const STEP_MAX: Duration = Duration::from_mins(15);
/// How long one waits before the book is opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// How long a book is believed: then it is folded anew, whatever has happened to it meanwhile.
const BELIEVED_FOR: Duration = Duration::from_hours(24);
const EVENTS_AT_ONCE: usize = 1_000;
const DUTIES_AT_ONCE: i64 = 100;

/// Why the policies cannot go on just now. Nothing is lost: they go on where they were.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The book cannot be read or written.
    #[error("the book of the policies: {0}")]
    Book(#[from] sqlx::Error),
    /// The folder of the book cannot be made or read.
    #[error("the folder of the policies: {0}")]
    Folder(#[from] std::io::Error),
    /// A stored event is not what was expected: an operator has to look.
    #[error("the event at position {position} cannot be read: {text}")]
    Event {
        /// Where it stands.
        position: Position,
        /// What is wrong with it.
        text: String,
    },
}

/// Runs all policies until it is told to stop, through whatever fails in between. The book is
/// kept in the folder `policies` below `dir`.
///
/// # Errors
/// None: failures are logged and tried again.
pub async fn run(
    commands: Commands,
    dir: impl AsRef<Path>,
    stop: CancellationToken,
) -> Result<(), PolicyError> {
    run_telling(commands, dir, watch::Sender::default(), stop).await
}

/// As [`run`], and tells how much is left undone.
///
/// # Errors
/// As [`run`].
pub async fn run_telling(
    commands: Commands,
    dir: impl AsRef<Path>,
    undone: watch::Sender<UndoneCount>,
    stop: CancellationToken,
) -> Result<(), PolicyError> {
    let dir = dir.as_ref();
    let mut again = Recurring::new();
    let mut runner = loop {
        beat_within(STEP_MAX);
        match Runner::open(commands.clone(), dir).await {
            Ok(runner) => break runner.telling(undone),
            Err(error) => {
                if let Some(unsaid) = again.happened() {
                    tracing::error!(%error, unsaid, "the policies cannot begin: tried again");
                }
            }
        }
        tokio::select! {
            // Whoever stops it is heard first.
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(OPEN_AGAIN) => {}
        }
    };
    runner.run(&stop).await;
    runner.close().await;
    Ok(())
}

/// Follows the log and does what the policies say. Any number may run at once.
#[derive(Debug)]
pub struct Runner {
    commands: Commands,
    book: Book,
    /// Since when the book is believed.
    since: Instant,
    undone: watch::Sender<UndoneCount>,
}

/// How much the policies could not do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UndoneCount {
    /// Duties that have failed, and are tried again.
    pub parked: u64,
    /// Events that cannot be read, and from which nothing follows.
    pub unreadable: u64,
}

impl Runner {
    /// Opens the book in `policies` below this folder, or begins a new one.
    ///
    /// # Errors
    /// [`PolicyError`] if the folder cannot be used.
    pub async fn open(commands: Commands, dir: &Path) -> Result<Self, PolicyError> {
        let book = Book::open(dir).await?;
        Ok(Self {
            commands,
            book,
            since: Instant::now(),
            undone: watch::Sender::default(),
        })
    }

    /// Tells from now on how much is left undone.
    #[must_use]
    pub fn telling(mut self, undone: watch::Sender<UndoneCount>) -> Self {
        self.undone = undone;
        self
    }

    async fn run(&mut self, stop: &CancellationToken) {
        let mut head = self.log().watch_head();
        let mut again = Recurring::new();
        while !stop.is_cancelled() {
            beat_within(STEP_MAX);
            // A step is never cut off in the middle: it is short, and what it began is of use.
            match self.step().await {
                Ok(done) => {
                    again.is_over();
                    if done > 0 {
                        continue;
                    }
                }
                Err(PolicyError::Log(ReadError::Closed)) => return,
                Err(error) => {
                    if let Some(unsaid) = again.happened() {
                        tracing::warn!(%error, unsaid, "the policies wait");
                    }
                }
            }
            tokio::time::sleep(REST).await;
            tokio::select! {
                // Whoever stops it is heard first, also while the log grows.
                biased;
                () = stop.cancelled() => return,
                _ = head.moved() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Closes the book. Dropping the runner loses nothing either.
    pub async fn close(self) {
        self.book.close().await;
    }

    fn log(&self) -> &Log {
        self.commands.log()
    }

    /// Catches up with the log, then does what is due. Answers how many commands it gave. A book
    /// that turns out to be damaged is thrown away and folded anew.
    ///
    /// # Errors
    /// [`PolicyError`]; it can be asked again. A command that fails is parked, and tried again
    /// later.
    pub async fn step(&mut self) -> Result<usize, PolicyError> {
        // It was thrown away where nothing could be written, so there was no other one.
        if self.book.is_gone() {
            self.book.throw_away().await?;
        }
        if self.since.elapsed() > BELIEVED_FOR {
            self.book.begin_again().await?;
            self.since = Instant::now();
        }
        match self.try_step().await {
            Err(PolicyError::Book(error)) if book::is_damage(&error) => {
                tracing::warn!(%error, "the book of the policies cannot be read");
                self.book.throw_away().await?;
                self.try_step().await
            }
            tried => tried,
        }
    }

    async fn try_step(&self) -> Result<usize, PolicyError> {
        self.catch_up().await?;
        let clock = Clock {
            now: self.log().clock().now(),
            periods: self.commands.settings().follow_up,
        };
        let mut due = Vec::new();
        for policy in POLICIES {
            let duties = self.book.due(*policy, clock, DUTIES_AT_ONCE).await?;
            due.extend(duties.into_iter().map(|duty| (*policy, duty)));
        }
        let mut done = 0;
        for (policy, duty) in due {
            if self.perform(policy, &duty).await? {
                done += 1;
            }
        }
        self.measure().await?;
        Ok(done)
    }

    /// Folds all that has happened since into the book.
    async fn catch_up(&self) -> Result<(), PolicyError> {
        let head = self.log().head().await?.position;
        if self.book.position().await? > head {
            // The log was restored to an earlier state: what the book knows may not have happened.
            self.book.begin_again().await?;
        }
        let filter = filter()?;
        loop {
            let after = self.book.position().await?;
            let block = self.log().read_all(after, &filter, EVENTS_AT_ONCE).await?;
            if block.up_to <= after {
                return Ok(());
            }
            // What an erasure covers is forgotten by this process, whoever asked for it.
            for (member, keys) in self.book.fold(&block).await? {
                self.commands.forget(member, &keys);
            }
        }
    }

    /// Whether it was done; what failed is parked.
    async fn perform(&self, policy: &dyn Policy, duty: &Duty) -> Result<bool, PolicyError> {
        let result = policy.perform(duty, &self.commands).await;
        let outcome = if result.is_ok() { "done" } else { "failed" };
        let labels = [("policy", duty.policy), ("outcome", outcome)];
        metrics::counter!("meguri_policy_commands_total", &labels).increment(1);
        match result {
            Ok(()) => {
                if let Some(statement) = policy.noted_by(duty) {
                    self.book.note_done(statement, duty).await?;
                }
                self.book.unpark(duty).await?;
                Ok(true)
            }
            Err(error) => {
                let now = self.log().clock().now();
                let tries = self.book.park(duty, now, &error.to_string()).await?;
                let (policy, position) = (duty.policy, duty.trigger.position);
                tracing::warn!(policy, %position, %error, tries, "a duty is parked for a while");
                Ok(false)
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are approximate")]
    async fn measure(&self) -> Result<(), PolicyError> {
        let now = self.log().clock().now();
        let (parked, unreadable) = self.book.count_undone(now).await?;
        metrics::gauge!("meguri_policy_duties_parked").set(parked as f64);
        metrics::gauge!("meguri_policy_events_unreadable").set(unreadable as f64);
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        self.undone.send_replace(UndoneCount {
            parked: count(parked),
            unreadable: count(unreadable),
        });
        Ok(())
    }
}

/// Reads what any policy wants. Other events are passed over undecoded.
fn filter() -> Result<Filter, PolicyError> {
    let mut wanted = POLICIES.iter().flat_map(|policy| policy.wants());
    let filter = wanted.try_fold(Filter::default(), |filter, name| filter.event_type(name));
    filter.map_err(|error| PolicyError::Event {
        position: Position::ZERO,
        text: error.to_string(),
    })
}

impl From<PolicyError> for CommandError {
    fn from(error: PolicyError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
