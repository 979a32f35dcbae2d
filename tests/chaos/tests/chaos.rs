//! Several processes of writers on one log, while everything below them fails at random.
//!
//! `MEGURI_CHAOS_SECONDS` says for how long; `make chaos` takes five minutes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::{
    cell::Cell,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use meguri_chaos::{Chance, Counts, Fleet, Proxy, judge, load::Orders, unknown};
use meguri_log::Log;
use meguri_postgres_cluster::Cluster;
use meguri_simulation::history::Counted;
use sqlx::{Connection as _, PgConnection};
use tokio::task::block_in_place;

/// Writers of each of the two processes.
const WRITERS: u64 = 8;
/// On a slow machine it takes longer, until so many events are there and every fault was.
const EVENTS_AT_LEAST: u64 = 800;
/// But no longer than this.
const LONGER_AT_MOST: Duration = Duration::from_mins(3);
/// What becomes of one in so many messages of a connection that writes.
const LOST_ONE_IN: u64 = 60;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_meguri-chaos"))
}

/// How often a process on SQLite is killed at least.
const KILLS_AT_LEAST: u64 = 4;

/// How long it takes: what is asked for, or this.
fn lasting(short: u64) -> Duration {
    let asked = std::env::var("MEGURI_CHAOS_SECONDS").ok();
    Duration::from_secs(asked.map_or(short, |seconds| seconds.parse().unwrap()))
}

fn orders(folder: &Path, log: &str, vault: &str) -> Orders {
    Orders {
        log: log.to_owned(),
        vault: vault.to_owned(),
        kek: folder.join("vault.kek"),
        answer_within: 30_000,
        number: 0,
        writers: WRITERS,
        seed: 0,
        rest: 25,
        records: folder.join("records"),
        before: None,
    }
}

/// When something happens next.
struct Every {
    next: Instant,
    millis: std::ops::Range<u64>,
}

impl Every {
    fn new(millis: std::ops::Range<u64>, chance: &mut Chance) -> Self {
        let next = Instant::now() + chance.millis(millis.clone());
        Self { next, millis }
    }

    fn is_due(&mut self, chance: &mut Chance) -> bool {
        let due = Instant::now() >= self.next;
        if due {
            self.next = Instant::now() + chance.millis(self.millis.clone());
        }
        due
    }
}

/// Kills one connection of the log; says whether there was any.
async fn terminate_one(database: &str, cluster: &Cluster) -> bool {
    let Ok(mut connection) = PgConnection::connect(&cluster.url("postgres")).await else {
        return false;
    };
    let killed = sqlx::query_scalar::<_, bool>(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = $1 order by random() limit 1",
    );
    let name = database.rsplit('/').next().unwrap();
    let killed = killed.bind(name).fetch_optional(&mut connection).await;
    matches!(killed, Ok(Some(true)))
}

async fn judged(log: &Log, mut fleet: Fleet) -> Counted {
    block_in_place(|| fleet.stop());
    let end = log.head().await.unwrap().position;
    let history = block_in_place(|| fleet.finish(end));
    let unknown = unknown(&history);
    let (operations, began) = (history.operations.len(), Instant::now());
    let counted = judge(log, history).await;
    eprintln!(
        "{operations} calls, of which {unknown} came to no certain end: {counted:?}; judged in \
         {:?}",
        began.elapsed()
    );
    counted
}

/// What goes wrong with PostgreSQL, and how often it has.
struct Outages {
    cluster: Cluster,
    database: String,
    terminating: Every,
    killing: Every,
    restarting: Every,
    terminated: u64,
    killed: u64,
    restarted: u64,
}

impl Outages {
    fn new(cluster: Cluster, database: String, chance: &mut Chance) -> Self {
        Self {
            cluster,
            database,
            terminating: Every::new(100..900, chance),
            killing: Every::new(4_000..9_000, chance),
            restarting: Every::new(7_000..12_000, chance),
            terminated: 0,
            killed: 0,
            restarted: 0,
        }
    }

    /// Whether there is something that never went wrong.
    fn never(&self, counts: &Counts) -> bool {
        let lost = [
            &counts.requests_lost,
            &counts.answers_lost,
            &counts.answers_cut,
            &counts.late,
        ];
        let lost = lost.map(|count| count.load(Ordering::Relaxed));
        [self.terminated, self.killed, self.restarted].contains(&0) || lost.contains(&0)
    }

    /// Lets what is due go wrong.
    async fn step(&mut self, fleet: &mut Fleet, chance: &mut Chance) {
        if self.terminating.is_due(chance) && terminate_one(&self.database, &self.cluster).await {
            self.terminated += 1;
        }
        if self.killing.is_due(chance) {
            let index = chance.number(0..fleet.len() as u64);
            block_in_place(|| fleet.kill(usize::try_from(index).unwrap()));
            self.killed += 1;
        }
        if self.restarting.is_due(chance) {
            block_in_place(|| self.cluster.stop_immediate().unwrap());
            tokio::time::sleep(chance.millis(0..1_500)).await;
            block_in_place(|| self.cluster.start_again().unwrap());
            self.restarted += 1;
        }
        fleet.assert_alive();
    }
}

/// Rests a moment, and says whether there is more to be done: until then, and on until every fault
/// was, and enough was written.
async fn is_to_go_on(until: Instant, orders: &Orders, never: impl Fn() -> bool) -> bool {
    tokio::time::sleep(Duration::from_millis(10)).await;
    let now = Instant::now();
    if now < until || now > until + LONGER_AT_MOST {
        return now < until;
    }
    let Ok(log) = Log::open_read_only(&orders.options(), false).await else {
        return true;
    };
    let head = log.head().await.map_or(0, |head| head.position.get());
    log.close().await;
    never() || head < EVENTS_AT_LEAST
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_of_two_processes_are_kept_every_promise_by_a_failing_postgresql() {
    let mut chance = Chance::new();
    let cluster = Cluster::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [url, vault] = [(); 2].map(|()| cluster.create_database().unwrap());
    let direct = orders(folder.path(), &url, &vault);
    Log::open(&direct.options()).await.unwrap().close().await;
    let proxy = Proxy::start(cluster.port(), LOST_ONE_IN, &mut chance).await;
    let mut fleet = Fleet::new(program(), direct.clone(), &mut chance);
    // One waits as long for answers as the program does, the other gives up soon.
    for answer_within in [30_000, 1_000] {
        block_in_place(|| fleet.launch(&proxy.url(&url), &proxy.url(&vault), answer_within));
    }
    let until = Instant::now() + lasting(20);
    let mut outages = Outages::new(cluster, url, &mut chance);
    while is_to_go_on(until, &direct, || outages.never(proxy.counts())).await {
        outages.step(&mut fleet, &mut chance).await;
    }
    proxy.pass_all();
    let (
        counts,
        Outages {
            terminated,
            killed,
            restarted,
            ..
        },
    ) = (proxy.counts(), &outages);
    eprintln!(
        "{terminated} connections terminated, {restarted} restarts, {killed} processes killed, \
         {counts:?}"
    );
    let log = Log::open(&direct.options()).await.unwrap();
    assert_enough(&judged(&log, fleet).await);
    assert!(!outages.never(counts), "a fault that never was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_processes_that_are_killed_on_sqlite_are_kept_every_promise() {
    let mut chance = Chance::new();
    let folder = tempfile::tempdir().unwrap();
    let [path, vault] =
        ["log.db", "vault.db"].map(|name| folder.path().join(name).display().to_string());
    let orders = orders(folder.path(), &path, &vault);
    Log::open(&orders.options()).await.unwrap().close().await;
    let mut fleet = Fleet::new(program(), orders.clone(), &mut chance);
    for _ in 0..2 {
        block_in_place(|| fleet.launch(&path, &vault, 30_000));
    }
    let until = Instant::now() + lasting(10);
    let mut kills = Every::new(200..1_500, &mut chance);
    let killed = Cell::new(0);
    while is_to_go_on(until, &orders, || killed.get() < KILLS_AT_LEAST).await {
        if kills.is_due(&mut chance) {
            let index = chance.number(0..fleet.len() as u64);
            block_in_place(|| fleet.kill(usize::try_from(index).unwrap()));
            killed.set(killed.get() + 1);
        }
        fleet.assert_alive();
    }
    eprintln!("{} processes killed", killed.get());
    let log = Log::open(&orders.options()).await.unwrap();
    let counted = judged(&log, fleet).await;
    assert!(
        killed.get() >= KILLS_AT_LEAST,
        "too few kills to prove anything"
    );
    assert_enough(&counted);
}

/// A history in which nothing happened shows nothing.
fn assert_enough(counted: &Counted) {
    let Counted {
        conditions,
        acknowledged,
        repeated,
        refused,
        readings,
        followed,
        roots,
        ..
    } = *counted;
    for (count, least) in [
        (acknowledged, 200),
        (conditions, 50),
        (refused, 50),
        (repeated, 1),
        (readings, 50),
        (followed, 500),
        (roots, 5),
    ] {
        assert!(count >= least, "too little to prove anything: {counted:?}");
    }
}
