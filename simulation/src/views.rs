//! A world of views: the real engine folds a log into a real file, while its machine dies at any
//! moment, commits fail, the way to the log is lost and the log falls back to an older state.
//!
//! What is served at a position is what the log adds up to there, a file that was merely cut off is
//! gone on with, and in the end the rows, their certificate and a build from nothing agree.

mod reading;
mod server;
mod writer;

use std::{sync::Arc, time::Duration};

use meguri_log::{
    ManualClock, Position, Timestamp, Vault,
    simulation::{Database, Faults, Kind, Machine, Random, Trace},
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::machine;
use reading::{Expected, expected};
use server::Server;

/// The view that is run.
const VIEW: &str = "blocks";
/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(30);
/// How long nothing goes wrong after that.
const QUIET: Duration = Duration::from_secs(90);
/// What waits between two blows, in milliseconds.
const BETWEEN_MS: u64 = 600;
/// How long a view may take to find out that its log has fallen back: it looks through its file
/// every few seconds, where it reaches the log.
const FOUND_OUT_WITHIN: Duration = Duration::from_secs(40);

/// What became of a world.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What should not have happened.
    pub violations: Vec<String>,
    /// How often something was served, and compared with the log.
    pub served: u64,
    /// How many events the log has at the end.
    pub events: u64,
}

/// A world and what was seen of it.
struct World {
    random: Random,
    database: Database,
    machine: Machine,
    folder: TempDir,
    trace: Arc<dyn Trace>,
    fell_back: Option<Instant>,
    /// Nothing is wrong with the log, nor with the way to it.
    is_gentle: bool,
    outcome: Outcome,
}

/// Runs the world of a seed.
///
/// # Panics
/// Where this machine has no folder for the files of the world.
pub fn run(seed: u64, vault: &Vault, trace: Arc<dyn Trace>) -> Outcome {
    machine::run(live(seed, vault.clone(), trace))
}

async fn live(seed: u64, vault: Vault, trace: Arc<dyn Trace>) -> Outcome {
    let random = Random::new(seed);
    let kind = if random.chance(5_000) {
        Kind::Postgres
    } else {
        Kind::Sqlite
    };
    let is_gentle = random.chance(4_000);
    trace.note(None, format_args!("views: {kind:?}, gentle: {is_gentle}"));
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    let database = Database::new(kind, random.clone(), Faults::default(), Arc::clone(&trace));
    let mut world = World {
        machine: Machine {
            clock: Arc::new(ManualClock::new(start)),
            randomness: Arc::new(random.clone()),
            clock_jump_max: None,
            // Nothing is sealed.
            vault: (vault, false),
        },
        random,
        database,
        folder: machine::folder(),
        trace,
        fell_back: None,
        is_gentle,
        outcome: Outcome::default(),
    };
    let writing = tokio::spawn(writer::write(
        world.random.clone(),
        world.database.clone(),
        world.machine.clone(),
    ));
    let mut server = Server::new(&world);
    trouble(&mut world, &mut server).await;
    writing.abort();
    calm_down(&mut world, &mut server).await;
    world.outcome.events = world.head().get();
    world.outcome
}

/// Things go wrong for a while.
async fn trouble(world: &mut World, server: &mut Server) {
    let begun = Instant::now();
    while begun.elapsed() < TROUBLE {
        world.pause(BETWEEN_MS).await;
        server.die_as_imaged(world);
        blow(world, server).await;
        server.look(world).await;
    }
}

/// One thing goes wrong.
async fn blow(world: &mut World, server: &mut Server) {
    let down = Duration::from_millis(world.random.below(2_000));
    match world.random.below(16) {
        0 => server.die(world),
        1 | 2 => server.die_before_a_commit(world),
        3..=6 => server.begin_again_if_dead(world),
        7 => server.fail_commits(world),
        8 => server.rebuild(world).await,
        9.. if world.is_gentle => {}
        9 => world.database.restart(down),
        10 => world.database.cut_off(server.process(), down * 2),
        11 => {
            let share = |bound: u64| u32::try_from(world.random.below(bound)).unwrap_or_default();
            let faults = Faults {
                latency_ms: world.random.below(30),
                unsent: share(300),
                unanswered: share(300),
                late: share(100),
                stalled: 0,
                hints_missed: share(3_000),
            };
            world.database.set_faults(faults);
        }
        12 if world.random.chance(2_500) => {
            let lost = 1 + usize::try_from(world.random.below(8)).unwrap_or_default();
            world.database.fail_over(lost, down);
            world.fell_back = Some(Instant::now());
        }
        _ => {}
    }
}

/// Nothing goes wrong any more: the view is what the log adds up to.
async fn calm_down(world: &mut World, server: &mut Server) {
    world.database.set_faults(Faults::default());
    server.let_commits_be(world);
    server.die_as_imaged(world);
    server.begin_again_if_dead(world);
    let begun = Instant::now();
    while begun.elapsed() < QUIET {
        sleep(Duration::from_secs(3)).await;
        server.look(world).await;
    }
    let head = world.head();
    let Some(shown) = server.served().await else {
        let state = server.state();
        return world.violate(format!(
            "after a long quiet time it is not served: {state:?}"
        ));
    };
    if shown.position != head || shown.rows != world.expected(head).rows {
        world.violate(format!(
            "after a long quiet time it serves {shown:?} at {head}"
        ));
    }
    if shown.root != world.expected(head).root {
        world.violate("its certificate is not that of the log".to_owned());
    }
    let mut anew = Server::anew(world);
    sleep(Duration::from_secs(10)).await;
    let built = anew.served().await;
    if built.as_ref() != Some(&shown) {
        world.violate(format!(
            "a build from nothing makes {built:?} of it, and not {shown:?}"
        ));
    }
    anew.die(world);
    server.die(world);
}

impl World {
    fn head(&self) -> Position {
        Position::new(self.database.events_after(Position::ZERO).len() as u64)
    }

    fn expected(&self, at: Position) -> Expected {
        expected(&self.database.events_after(Position::ZERO), at)
    }

    /// Whether it may not be known yet that the log has fallen back.
    fn is_in_doubt(&self) -> bool {
        let since = self.fell_back.map(|at| at.elapsed());
        since.is_some_and(|since| since < FOUND_OUT_WITHIN)
    }

    async fn pause(&self, below_ms: u64) {
        sleep(Duration::from_millis(1 + self.random.below(below_ms))).await;
    }

    fn violate(&mut self, what: String) {
        self.trace.note(None, format_args!("VIOLATION: {what}"));
        self.outcome.violations.push(what);
    }
}
