//! A clock that jumps ahead stamps what it should not: no event goes back in time, so that one
//! jump would stamp every later event, too, for as long as it takes the clock to get there.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    clock::{Clock, Timestamp},
    store::Head,
};

/// A jump of this length is worth a word, where jumps have a bound at all.
const JUMP_NOTED: Duration = Duration::from_hours(1);

/// How far the log may be ahead of the clock before it is worth a word: clocks of several
/// processes differ a little.
const BEHIND_MIN: Duration = Duration::from_secs(10);

/// How the clock stands to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// Events are stamped by it.
    Right,
    /// It is so far ahead of where it should be that nothing is appended.
    Ahead(ClockAhead),
    /// The last event is later than it by so much: events are stamped as that one until it has
    /// caught up.
    Behind(Duration),
}

impl ClockState {
    /// In one word: `right`, `ahead` or `behind`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Ahead(_) => "ahead",
            Self::Behind(_) => "behind",
        }
    }
}

/// A clock that has jumped further than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockAhead {
    /// What it shows.
    pub now: Timestamp,
    /// What it should show at most.
    pub latest: Timestamp,
}

impl fmt::Display for ClockAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, latest } = self;
        write!(
            f,
            "the clock shows {now}, and by the last event and the time that has passed since it \
             cannot be later than {latest}: put it right, or allow a longer jump (clock_jump_max)"
        )
    }
}

/// Remembers where the clock was, and how much time has passed since by a clock that cannot jump.
#[derive(Debug)]
pub(crate) struct ClockGuard {
    clock: Arc<dyn Clock>,
    jump_max: Option<Duration>,
    /// None before the first event: then there is nothing to compare with.
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Timestamp,
    then: Instant,
    /// By the clock; or else in the log, after which any time may have passed.
    by_clock: bool,
}

impl Seen {
    /// The latest that the clock may show now.
    fn latest(&self, jump_max: Duration) -> Timestamp {
        let may = self.then.elapsed().saturating_add(jump_max);
        let may = i64::try_from(may.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.at.micros().saturating_add(may))
    }
}

impl ClockGuard {
    /// A guard for the clock of a log that ends here, which may jump so far; without a bound it
    /// may jump as it likes.
    pub(crate) fn new(clock: Arc<dyn Clock>, head: Head, jump_max: Option<Duration>) -> Self {
        let (at, then) = (head.at, Instant::now());
        let by_clock = false;
        let seen = (!head.tail.is_nil()).then_some(Seen { at, then, by_clock });
        Self {
            clock,
            jump_max,
            seen: Mutex::new(seen),
        }
    }

    /// What the clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Says in the server's log where the clock does not go together with the last event.
    pub(crate) fn say_state(&self, last: Timestamp) {
        match self.state(last) {
            ClockState::Right => {}
            ClockState::Ahead(ahead) => tracing::error!(%ahead, "nothing is appended"),
            ClockState::Behind(by) => {
                tracing::warn!(?by, %last, "the clock is behind the last event");
            }
        }
    }

    /// Refuses a clock that is ahead; remembers where it was otherwise.
    pub(crate) fn check(&self) -> Result<(), ClockAhead> {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        ahead(*seen, self.jump_max, now)?;
        let noted = |seen: &Seen| seen.by_clock && now > seen.latest(JUMP_NOTED);
        if let Some(seen) = seen.filter(|seen| self.jump_max.is_some() && noted(seen)) {
            let (before, after) = (seen.at, now);
            tracing::warn!(%before, %after, "the clock has jumped ahead: events are stamped by it");
        }
        // One that goes back may come again to where it was.
        if seen.is_none_or(|seen| seen.at <= now) {
            *seen = Some(Seen {
                at: now,
                then: Instant::now(),
                by_clock: true,
            });
        }
        Ok(())
    }

    /// How the clock stands to a log whose last event was then.
    pub(crate) fn state(&self, last: Timestamp) -> ClockState {
        let now = self.now();
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(ahead) = ahead(seen, self.jump_max, now) {
            return ClockState::Ahead(ahead);
        }
        let behind = last.micros().saturating_sub(now.micros());
        let behind = Duration::from_micros(u64::try_from(behind).unwrap_or(0));
        if behind >= BEHIND_MIN {
            return ClockState::Behind(behind);
        }
        ClockState::Right
    }
}

fn ahead(seen: Option<Seen>, jump_max: Option<Duration>, now: Timestamp) -> Result<(), ClockAhead> {
    match (seen, jump_max) {
        (Some(seen), Some(jump_max)) if now > seen.latest(jump_max) => Err(ClockAhead {
            now,
            latest: seen.latest(jump_max),
        }),
        _ => Ok(()),
    }
}
