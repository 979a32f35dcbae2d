//! A world of views: the real engine folds a log into real files, while its machine dies at any
//! moment, commits fail, the way to the log is lost and the log falls back to an older state; and
//! members have what they typed erased.
//!
//! What is served at a position is what the log adds up to there, a file that was merely cut off is
//! gone on with, and in the end the rows, their certificate and a build from nothing agree, and
//! nothing is left of what is erased.

mod model;
mod reading;
mod server;
mod writer;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use meguri_log::{
    Log, ManualClock, Position, Timestamp, Vault,
    simulation::{Database, Faults, Kind, Link, Machine, Random, Trace},
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{Outcome, Wrong, machine};
use model::{Expected, VIEWS, expected};
use server::Server;
use writer::{Writer, Written};

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(30);
/// How long nothing goes wrong after that.
const QUIET: Duration = Duration::from_secs(90);
/// What waits between two blows, in milliseconds.
const BETWEEN_MS: u64 = 600;
/// How long a view may take to find out that its log has fallen back: it looks through its file
/// every few seconds, where it reaches the log.
const FOUND_OUT_WITHIN: Duration = Duration::from_secs(40);
/// How long a process waits before it tries again to open the log.
const AGAIN: Duration = Duration::from_millis(300);

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
struct Rules {
    kind: Kind,
    /// Nothing is wrong with the log, nor with the way to it.
    is_gentle: bool,
    /// The log may fall back to an older state. The vault does not: so nothing is erased then.
    falls_back: bool,
}

impl Rules {
    fn draw(random: &Random) -> Self {
        let kind = if random.chance(5_000) {
            Kind::Postgres
        } else {
            Kind::Sqlite
        };
        let is_gentle = random.chance(4_000);
        let falls_back = !is_gentle && random.chance(5_000);
        Self {
            kind,
            is_gentle,
            falls_back,
        }
    }
}

/// What a process of a world has of its machine.
#[derive(Clone)]
struct Process {
    machine: Machine,
    vault: PathBuf,
}

impl Process {
    /// Opens log and vault, however often it takes.
    async fn open(mut self, link: &Link) -> Log {
        let vault = loop {
            match Machine::vault_at(&self.vault, &self.machine.clock).await {
                Ok(vault) => break vault,
                Err(error) => {
                    link.say(format_args!("the vault does not open: {error}"));
                    sleep(AGAIN).await;
                }
            }
        };
        self.machine.vault = (vault, false);
        loop {
            match Log::simulated(link, &self.machine).await {
                Ok(log) => return log,
                Err(_) => sleep(AGAIN).await,
            }
        }
    }
}

/// A world and what was seen of it.
struct World {
    random: Random,
    database: Database,
    machine: Machine,
    folder: TempDir,
    trace: Arc<dyn Trace>,
    written: Written,
    /// When the log fell back last, and which files of views there were then.
    fell_back: Option<(Instant, BTreeSet<(&'static str, String)>)>,
    is_gentle: bool,
    outcome: Outcome,
}

/// Everything that happens in a world.
pub(crate) async fn live(seed: u64, vault: Vault, trace: Arc<dyn Trace>) -> Outcome {
    let random = Random::new(seed);
    let rules = Rules::draw(&random);
    trace.note(None, format_args!("views: {rules:?}"));
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    let (told, faults) = (Arc::clone(&trace), Faults::default());
    let mut world = World {
        machine: Machine {
            clock: Arc::new(ManualClock::new(start)),
            randomness: Arc::new(random.clone()),
            clock_jump_max: None,
            vault: (vault, false),
        },
        database: Database::new(rules.kind, random.clone(), faults, told),
        written: Written {
            typed: Arc::default(),
            is_calm: Arc::default(),
            erases: !rules.falls_back,
        },
        random,
        folder: machine::folder(),
        trace,
        fell_back: None,
        is_gentle: rules.is_gentle,
        outcome: Outcome::default(),
    };
    let writing = tokio::spawn(write(
        world.random.clone(),
        world.database.clone(),
        world.process(),
        world.written.clone(),
    ));
    let mut server = Server::new(&world);
    trouble(&mut world, rules, &mut server).await;
    world.written.is_calm.store(true, Ordering::Relaxed);
    calm_down(&mut world, &mut server).await;
    writing.abort();
    world.outcome.events = world.head().get();
    world.outcome
}

async fn write(random: Random, database: Database, process: Process, written: Written) {
    let link = database.link(1);
    let log = process.open(&link).await;
    let writer = Writer {
        random,
        database,
        link,
        log,
        written,
    };
    writer.run().await;
}

/// Things go wrong for a while.
async fn trouble(world: &mut World, rules: Rules, server: &mut Server) {
    let begun = Instant::now();
    while begun.elapsed() < TROUBLE {
        world.pause(BETWEEN_MS).await;
        server.die_as_imaged(world);
        blow(world, rules, server).await;
        server.look(world).await;
    }
}

/// One thing goes wrong.
async fn blow(world: &mut World, rules: Rules, server: &mut Server) {
    let down = Duration::from_millis(world.random.below(2_000));
    match world.random.below(16) {
        0 => server.die(world),
        1 | 2 => server.die_before_a_commit(world),
        3..=6 => server.begin_again_if_dead(world),
        7 => server.fail_commits(world),
        8 => server.rebuild(world).await,
        9.. if rules.is_gentle => {}
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
        12 if rules.falls_back => {
            let most = if world.random.chance(3_000) { 60 } else { 8 };
            let lost = 1 + usize::try_from(world.random.below(most)).unwrap_or_default();
            world.fell_back = Some((Instant::now(), server.files()));
            world.database.fail_over(lost, down);
        }
        _ => {}
    }
}

/// Nothing goes wrong any more: the views are what the log adds up to.
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
    let mut anew = Server::anew(world);
    sleep(Duration::from_secs(10)).await;
    for view in VIEWS {
        is_in_order(view, world, server, &anew).await;
    }
    nothing_is_left(world, server);
    anew.die(world);
    server.die(world);
}

/// A view serves what the log holds, as one does that is built from nothing.
async fn is_in_order(view: &'static str, world: &mut World, server: &Server, anew: &Server) {
    let head = world.head();
    let Some(shown) = server.served(view).await else {
        let state = server.state(view);
        return world.violate(format!(
            "after a long quiet time {view} is not served: {state:?}"
        ));
    };
    if shown.position != head {
        let position = shown.position;
        world.violate(format!(
            "after a long quiet time {view} stands at {position}, and the log at {head}"
        ));
    }
    if shown.root != world.expected(view, head).root {
        world.violate(format!("the certificate of {view} is not that of the log"));
    }
    let built = anew.served(view).await;
    if built.as_ref() != Some(&shown) {
        world.violate(format!(
            "a build of {view} from nothing makes {built:?} of it, and not {shown:?}"
        ));
    }
}

/// What is erased is in no file of the views any more.
fn nothing_is_left(world: &mut World, server: &Server) {
    let events = world.database.events_after(Position::ZERO);
    let gone = world.written.typed().gone(&events);
    world.outcome.erased = gone.len() as u64;
    for (file, text) in server.files_with(&gone) {
        let file = file.strip_prefix(world.folder.path()).unwrap_or(&file);
        let file = file.display();
        world.violate(format!("{text:?} is erased, and is still in {file}"));
    }
    let known = model::erasures(&events);
    if let Some(((member, class), _)) = known.iter().find(|(_, (_, is_done))| !is_done) {
        world.violate(format!("the keys of {class} of {member} are not destroyed"));
    }
}

impl World {
    fn head(&self) -> Position {
        Position::new(self.database.events_after(Position::ZERO).len() as u64)
    }

    fn expected(&self, view: &str, at: Position) -> Expected {
        let typed = self.written.typed();
        expected(
            view,
            &self.database.events_after(Position::ZERO),
            at,
            &typed,
        )
    }

    /// A process of this world.
    fn process(&self) -> Process {
        Process {
            machine: self.machine.clone(),
            vault: self.folder.path().join("vault.db"),
        }
    }

    fn any_view(&self) -> &'static str {
        let index = self.random.below(VIEWS.len() as u64);
        VIEWS[usize::try_from(index).unwrap_or_default()]
    }

    /// Whether it may not be known yet of this file that the log has fallen back. A file that was
    /// begun after that is of the log as it is.
    fn is_in_doubt(&self, view: &'static str, file: &str) -> bool {
        let Some((at, files)) = &self.fell_back else {
            return false;
        };
        at.elapsed() < FOUND_OUT_WITHIN && files.contains(&(view, file.to_owned()))
    }

    async fn pause(&self, below_ms: u64) {
        sleep(Duration::from_millis(1 + self.random.below(below_ms))).await;
    }

    fn violate(&mut self, what: String) {
        self.trace.note(None, format_args!("VIOLATION: {what}"));
        self.outcome.wrong.push(Wrong::Broken(what));
    }
}
