//! What a world is like: drawn from its seed, each kind of trouble present in some worlds and
//! absent in others, for many of them at once hide each other.

use std::time::Duration;

use meguri_log::simulation::{Faults, Kind, Random};

/// What may befall a world beside lost statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A process ends at any point, and begins anew.
    Crash,
    /// A process is closed, and begins anew.
    Close,
    /// The database restarts.
    Restart,
    /// A standby takes over that has everything.
    FailOver,
    /// A standby takes over that has not heard of the last changes.
    FailOverBehind,
    /// A process does not reach the database for a while.
    CutOff,
    /// The clock of a process jumps.
    ClockJump,
    /// All clocks jump so far that keys expire.
    MonthPasses,
    /// Faults of statements come and go.
    FaultsChange,
}

/// What a world is like.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) processes: u32,
    pub(crate) clients: u32,
    /// Requests of each client.
    pub(crate) requests: u32,
    pub(crate) streams: u64,
    /// The longest that a client thinks before it asks again, in milliseconds.
    pub(crate) think_ms: u64,
    /// Followers of each process.
    pub(crate) followers: u32,
    /// The longest that a follower is busy with what it was given, in milliseconds.
    pub(crate) busy_ms: u64,
    pub(crate) faults: Faults,
    pub(crate) troubles: Vec<Trouble>,
    /// The longest between two troubles, in milliseconds.
    pub(crate) trouble_ms: u64,
    /// How far clocks may be ahead.
    pub(crate) clock_jump_max: Option<Duration>,
}

impl Plan {
    pub(crate) fn new(random: &Random) -> Self {
        let one_of = |of: u64| random.below(of) == 0;
        let kind = if one_of(6) {
            Kind::Sqlite
        } else {
            Kind::Postgres
        };
        let clock_jump_max = one_of(2).then_some(Duration::from_hours(1));
        Self {
            kind,
            processes: count(random, 1, 4),
            clients: count(random, 1, 7),
            requests: count(random, 3, 16),
            streams: 1 + random.below(6),
            think_ms: 1 + random.below(if one_of(3) { 2_000 } else { 60 }),
            followers: count(random, 0, 2),
            busy_ms: 1 + random.below(if one_of(3) { 3_000 } else { 50 }),
            faults: faults(random),
            troubles: troubles(random, kind, clock_jump_max),
            trouble_ms: 50 + random.below(if one_of(2) { 5_000 } else { 500 }),
            clock_jump_max,
        }
    }
}

/// A number between two, both among them.
fn count(random: &Random, least: u32, most: u32) -> u32 {
    let drawn = random.below(u64::from(most - least) + 1);
    least + u32::try_from(drawn).expect("INVARIANT: drawn below a number of 32 bits")
}

/// Faults of statements, each kind in half of the worlds.
pub(crate) fn faults(random: &Random) -> Faults {
    let some = |most: u64| {
        let share = if random.below(2) == 0 {
            0
        } else {
            random.below(most)
        };
        u32::try_from(share).expect("INVARIANT: a share is of ten thousand")
    };
    Faults {
        latency_ms: random.below(if random.below(4) == 0 { 200 } else { 12 }),
        unsent: some(600),
        unanswered: some(900),
        late: some(500),
        stalled: some(100),
        hints_missed: some(8_000),
    }
}

fn troubles(random: &Random, kind: Kind, clock_jump_max: Option<Duration>) -> Vec<Trouble> {
    let mut troubles = vec![
        Trouble::Crash,
        Trouble::Close,
        Trouble::ClockJump,
        Trouble::FaultsChange,
    ];
    if kind == Kind::Postgres {
        let of_hosts = [
            Trouble::Restart,
            Trouble::FailOver,
            Trouble::CutOff,
            Trouble::FailOverBehind,
        ];
        troubles.extend(of_hosts);
    }
    if clock_jump_max.is_none() {
        troubles.push(Trouble::MonthPasses);
    }
    troubles.retain(|_| random.below(5) < 2);
    troubles
}
