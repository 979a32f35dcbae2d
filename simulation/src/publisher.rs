//! A world of publishers: processes that compete for the right to publish one log, copies of it,
//! and witnesses, while machines die, the database falls back, and files are left as they were.
//!
//! Everything that one process lets another see is written down. Whatever happens, no two trees of
//! one size are published under one key, what a process says only grows, and no witness cosigns two
//! stories. Where the last checkpoint is kept elsewhere, two such trees are not even signed.

mod life;
mod told;
mod witness;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use meguri_log::{
    ManualClock, PublishOptions, SigningKey, Timestamp, Vault, Witness, Witnesses,
    simulation::{Database, Faults, Kind, Machine, Random, Trace},
};
use meguri_proofs::{KeyName, SignerKey, VerifierKey};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::{Outcome, machine};
use life::Life;
use told::Told;
use witness::SimulatedWitness;

/// The key of the log.
const SEED_OF_KEY: [u8; 32] = [9; 32];
/// Its name.
const ORIGIN: &str = "log.example.org";
/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(25);
/// How long nothing goes wrong after that: longer than a server takes to notice that a client is
/// gone, and than anybody waits before the next try.
const QUIET: Duration = Duration::from_secs(90);
/// What waits between two blows, in milliseconds.
const BETWEEN_MS: u64 = 700;

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
struct Rules {
    kind: Kind,
    /// Whether the last checkpoint is kept where no failover brings an older one back.
    elsewhere: bool,
    witnesses: u32,
    quorum: usize,
    /// Whether the database may fall back: only where something tells what was signed before.
    falls_back: bool,
    copies: bool,
}

impl Rules {
    fn draw(random: &Random) -> Self {
        let kind = if random.chance(5_000) {
            Kind::Postgres
        } else {
            Kind::Sqlite
        };
        let elsewhere = random.chance(5_000);
        let witnesses = u32::try_from(random.below(4)).unwrap_or_default();
        let quorum = match witnesses {
            0 => 0,
            // More than half: two of them that are enough have one witness in common.
            all => {
                1 + usize::try_from(u64::from(all / 2) + random.below(u64::from(all.div_ceil(2))))
                    .unwrap_or_default()
            }
        };
        Self {
            kind,
            elsewhere,
            witnesses,
            quorum,
            falls_back: elsewhere || quorum > 0,
            copies: random.chance(4_000),
        }
    }
}

/// A world, as its lives see it.
struct World {
    random: Random,
    rules: Rules,
    folder: TempDir,
    clock: ManualClock,
    told: Arc<Told>,
    witnesses: Vec<Arc<SimulatedWitness>>,
    /// Nothing goes wrong any more, and nothing is appended.
    calm: AtomicBool,
}

/// Everything that happens in a world.
pub(crate) async fn live(seed: u64, vault: Vault, trace: Arc<dyn Trace>) -> Outcome {
    let random = Random::new(seed);
    let rules = Rules::draw(&random);
    trace.note(None, format_args!("publishers: {rules:?}"));
    let told = Arc::new(Told::new(verifier(), rules.elsewhere, Arc::clone(&trace)));
    let folder = machine::folder();
    let clock = ManualClock::new(Timestamp::from_micros(1_800_000_000_000_000));
    let witnesses = (0..rules.witnesses).map(|number| {
        let folder = folder.path().join(format!("witness-{number}"));
        let told = Arc::clone(&told);
        Arc::new(SimulatedWitness::new(number, folder, random.clone(), told))
    });
    let witnesses = witnesses.collect();
    let database = Database::new(rules.kind, random.clone(), Faults::default(), trace);
    let world = Arc::new(World {
        random,
        rules,
        folder,
        clock,
        told,
        witnesses,
        calm: AtomicBool::new(false),
    });
    let machine = Machine {
        clock: Arc::new(world.clock.clone()),
        randomness: Arc::new(world.random.clone()),
        clock_jump_max: None,
        // Nothing is sealed.
        vault: (vault, false),
    };
    let mut lives: Vec<Life> = (0..2)
        .map(|slot| Life::begin(&world, &database, &machine, slot))
        .collect();
    trouble(&world, &database, &machine, &mut lives).await;
    database.set_faults(Faults::default());
    world.calm.store(true, Ordering::Relaxed);
    for witness in &world.witnesses {
        witness.calm_down();
    }
    for life in &mut lives {
        life.begin_again_if_dead(&world, &machine);
    }
    let calm = Instant::now();
    while calm.elapsed() < QUIET {
        sleep(Duration::from_secs(2)).await;
        look(&world, &lives);
    }
    end(&world, &database, lives)
}

/// Things go wrong for a while.
async fn trouble(
    world: &Arc<World>,
    database: &Database,
    machine: &Machine,
    lives: &mut Vec<Life>,
) {
    let begun = Instant::now();
    while begun.elapsed() < TROUBLE {
        let pause = Duration::from_millis(1 + world.random.below(BETWEEN_MS));
        sleep(pause).await;
        world.clock.advance_seconds(1);
        blow(world, database, machine, lives);
        look(world, lives);
    }
}

/// One thing goes wrong.
fn blow(world: &Arc<World>, database: &Database, machine: &Machine, lives: &mut Vec<Life>) {
    let random = &world.random;
    let some = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap_or_default();
    let down = Duration::from_millis(random.below(2_000));
    let (one, another) = (some(lives.len()), some(lives.len()));
    match random.below(16) {
        0 | 1 => lives[one].die(),
        2..=4 => {
            for life in lives {
                life.begin_again_if_dead(world, machine);
            }
        }
        5 => database.restart(down),
        6 if world.rules.falls_back => {
            database.fail_over(1 + some(8), down);
        }
        7 => database.cut_off(lives[another].process(), down * 3),
        8 => database.set_faults(faults(random)),
        9 if !world.witnesses.is_empty() => {
            world.witnesses[some(world.witnesses.len())].fail();
        }
        10 => world.witnesses.iter().for_each(|witness| witness.recover()),
        11 if world.rules.copies && lives.len() < 3 => {
            let copy = database.copy();
            copy_folder(&folder_of(world, 0), &folder_of(world, 2));
            lives.push(Life::begin(world, &copy, machine, 2));
        }
        _ => {}
    }
}

fn faults(random: &Random) -> Faults {
    let share = |bound: u64| u32::try_from(random.below(bound)).unwrap_or_default();
    Faults {
        latency_ms: random.below(40),
        unsent: share(300),
        unanswered: share(300),
        late: share(100),
        stalled: share(20),
        hints_missed: share(3_000),
    }
}

/// Sees everything that a process lets others see.
fn look(world: &World, lives: &[Life]) {
    for path in elsewhere(world) {
        if let Ok(note) = fs::read_to_string(&path) {
            world.told.sign("the file elsewhere", &note);
        }
    }
    for life in lives {
        life.look(world);
    }
}

/// What holds in the end.
fn end(world: &World, database: &Database, lives: Vec<Life>) -> Outcome {
    let checkpoints = database.checkpoints();
    let published = checkpoints.last().map_or(0, |it| it.tree.size);
    let events = database.events_after(meguri_log::Position::ZERO).len() as u64;
    let refuses = lives.iter().any(Life::refuses);
    if !refuses && published != events {
        let states: Vec<_> = lives.iter().map(Life::state).collect();
        world.told.violate(format!(
            "after a long quiet time {published} of {events} events are published: {states:?}"
        ));
    }
    if refuses && !world.rules.falls_back && !world.rules.copies {
        let states: Vec<_> = lives.iter().map(Life::state).collect();
        world
            .told
            .violate(format!("nothing was lost, and it is refused: {states:?}"));
    }
    for life in lives {
        life.end();
    }
    Outcome {
        wrong: world.told.wrong(),
        events,
        published,
        ..Outcome::default()
    }
}

impl World {
    fn options(&self, slot: usize) -> PublishOptions {
        let folder = folder_of(self, slot);
        let all = self.witnesses.iter();
        PublishOptions {
            key: SigningKey::Given(Zeroizing::new(SEED_OF_KEY)),
            origin: Some(origin()),
            interval: Duration::from_millis(250),
            outside: folder.join("checkpoint"),
            elsewhere: elsewhere(self),
            keepers: Vec::new(),
            place: folder.join("log.place"),
            last_signed: None,
            witnesses: Witnesses {
                all: all.map(|it| Arc::clone(it) as Arc<dyn Witness>).collect(),
                quorum: self.rules.quorum,
            },
        }
    }
}

fn elsewhere(world: &World) -> Vec<PathBuf> {
    let path = world.folder.path().join("elsewhere").join("checkpoint");
    let there = world.rules.elsewhere.then_some(path);
    there.into_iter().collect()
}

/// The data folder of a process. Processes that share a file of SQLite share their folder.
fn folder_of(world: &World, slot: usize) -> PathBuf {
    let slot = match (world.rules.kind, slot) {
        (Kind::Sqlite, 0 | 1) => 0,
        (Kind::Sqlite | Kind::Postgres, slot) => slot,
    };
    world.folder.path().join(format!("process-{slot}"))
}

fn copy_folder(from: &Path, to: &Path) {
    make(to);
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        // Taken while it is written to: some of it may just be gone.
        let _ = fs::copy(entry.path(), to.join(entry.file_name()));
    }
}

fn make(folder: &Path) {
    fs::create_dir_all(folder)
        .expect("INVARIANT: the machine has a folder for the files of a world");
}

fn origin() -> KeyName {
    ORIGIN.parse().expect("INVARIANT: it is a name")
}

fn verifier() -> VerifierKey {
    SignerKey::from_seed(origin(), &SEED_OF_KEY).verifier()
}
