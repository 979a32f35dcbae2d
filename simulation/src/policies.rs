//! A world of policies: members act by commands of several processes, each of which runs the
//! policies as well, and dies at any moment, while the way to the log is lost and the log falls
//! back.
//!
//! What follows on what has happened is done in the end, whoever died meanwhile, and it is done
//! once, by however many.

mod judge;
mod people;
mod process;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use meguri_commands::{CommandSettings, Commands};
use meguri_domain::FollowUpPeriods;
use meguri_log::{
    Position, Vault,
    simulation::{Database, Faults, Kind, Random, Trace},
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{Outcome, Wrong, clock::WorldClock, machine};
use people::Person;
use process::Process;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(40);
/// How long nothing goes wrong after that: longer than any period after which something follows,
/// and than anything that failed is left alone.
const QUIET: Duration = Duration::from_mins(4);
/// What waits between two blows, in milliseconds.
const BETWEEN_MS: u64 = 900;
/// After a report of one party, the other is reminded, and then taken to be done.
const PERIODS: FollowUpPeriods = FollowUpPeriods {
    remind_after: Duration::from_secs(8),
    complete_after: Duration::from_secs(20),
};
/// So many act at the same time.
const PEOPLE: u64 = 3;

/// What is open of a process: its commands, while it lives.
type Open = Arc<Mutex<Option<Commands>>>;

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
struct Rules {
    kind: Kind,
    /// The log may fall back to an older state. The vault does not: so nothing is erased then.
    falls_back: bool,
    processes: usize,
}

impl Rules {
    fn draw(random: &Random) -> Self {
        let kind = if random.chance(5_000) {
            Kind::Postgres
        } else {
            Kind::Sqlite
        };
        let falls_back = kind == Kind::Postgres && random.chance(6_000);
        let processes = 1 + usize::try_from(random.below(3)).unwrap_or_default();
        Self {
            kind,
            falls_back,
            processes,
        }
    }
}

/// What all who act in a world share.
struct World {
    rules: Rules,
    random: Random,
    database: Database,
    clock: WorldClock,
    folder: TempDir,
    trace: Arc<dyn Trace>,
    vault: Vault,
}

/// Everything that happens in a world.
pub(crate) async fn live(seed: u64, vault: Vault, trace: Arc<dyn Trace>) -> Outcome {
    let random = Random::new(seed);
    let rules = Rules::draw(&random);
    trace.note(None, format_args!("policies: {rules:?}"));
    let (told, faults) = (Arc::clone(&trace), Faults::default());
    let world = Arc::new(World {
        rules,
        database: Database::new(rules.kind, random.clone(), faults, told),
        random,
        clock: WorldClock::new(),
        folder: machine::folder(),
        trace,
        vault,
    });
    let mut processes: Vec<_> = (0..rules.processes)
        .map(|place| Process::new(&world, place))
        .collect();
    for process in &mut processes {
        process.begin_again_if_dead(&world);
    }
    let open: Vec<_> = processes.iter().map(Process::running).collect();
    let people = (0..PEOPLE).map(|_| {
        let person = Person::new(Arc::clone(&world), open.clone());
        tokio::spawn(person.act())
    });
    let people: Vec<JoinHandle<()>> = people.collect();
    trouble(&world, &mut processes).await;
    for person in people {
        person.abort();
    }
    world.database.set_faults(Faults::default());
    for process in &mut processes {
        process.begin_again_if_dead(&world);
    }
    sleep(QUIET).await;
    world.end(processes)
}

/// Things go wrong for a while.
async fn trouble(world: &Arc<World>, processes: &mut [Process]) {
    let begun = Instant::now();
    while begun.elapsed() < TROUBLE {
        let pause = 1 + world.random.below(BETWEEN_MS);
        sleep(Duration::from_millis(pause)).await;
        blow(world, processes);
    }
}

/// One thing goes wrong.
fn blow(world: &Arc<World>, processes: &mut [Process]) {
    let random = &world.random;
    let some = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap_or_default();
    let down = Duration::from_millis(random.below(2_000));
    let one = some(processes.len());
    match random.below(12) {
        0 | 1 => processes[one].die(world),
        2..=5 => {
            for process in processes {
                process.begin_again_if_dead(world);
            }
        }
        6 => world.database.restart(down),
        7 => world.database.cut_off(processes[one].number(), down * 2),
        8 => {
            let share = |bound: u64| u32::try_from(random.below(bound)).unwrap_or_default();
            world.database.set_faults(Faults {
                latency_ms: random.below(30),
                unsent: share(300),
                unanswered: share(400),
                late: share(100),
                stalled: 0,
                hints_missed: share(3_000),
            });
        }
        9 if world.rules.falls_back => {
            let most = if random.chance(5_000) { 2 } else { 8 };
            world.database.fail_over(1 + some(most), down);
        }
        // Others go on in the log that fell back before one process hears of it.
        10 if world.rules.falls_back => {
            let number = processes[one].number();
            world.database.cut_off(number, Duration::from_secs(9));
            world.database.fail_over(1 + some(5), Duration::ZERO);
        }
        _ => {}
    }
}

impl World {
    fn commands_settings() -> CommandSettings {
        CommandSettings {
            follow_up: PERIODS,
            ..CommandSettings::default()
        }
    }

    /// The vault that all processes open.
    fn vault_file(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    /// What holds in the end.
    fn end(&self, processes: Vec<Process>) -> Outcome {
        let events = self.database.events_after(Position::ZERO);
        let judged = judge::judge(&events, PERIODS);
        for wrong in &judged.wrong {
            self.trace.note(None, format_args!("VIOLATION: {wrong}"));
        }
        for mut process in processes {
            process.die(self);
        }
        Outcome {
            wrong: judged.wrong.into_iter().map(Wrong::Broken).collect(),
            events: events.len() as u64,
            followed_up: judged.followed_up,
            erased: judged.erased,
            ..Outcome::default()
        }
    }
}
