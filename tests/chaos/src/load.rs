//! What one process does: writers that ask for everything a log can be asked, followers, and
//! somebody who tells roots; each call is recorded before and after.

mod request;
mod writer;

use std::{
    io::{BufRead as _, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use meguri_log::{Kek, Location, Log, LogOptions, Position};
use meguri_simulation::history::RootTold;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    chance::Chance,
    record::{Line, Recorder, unsettled},
};
use writer::Writer;

/// How often somebody tells the root.
const ROOT_EVERY: Duration = Duration::from_millis(200);
/// How long one waits before what failed is tried again.
pub(crate) const AGAIN: Duration = Duration::from_millis(50);

/// What a process is told on its command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    /// Where the log is: two files, or two addresses.
    pub log: String,
    /// Its vault.
    pub vault: String,
    /// The file of its key.
    pub kek: PathBuf,
    /// How long it waits for an answer of the database, in milliseconds.
    pub answer_within: u64,
    /// Which process this is.
    pub number: u64,
    /// How many writers it has.
    pub writers: u64,
    /// Where its chance begins.
    pub seed: u64,
    /// How long a writer rests at most between two requests, in milliseconds.
    pub rest: u64,
    /// Where it records what it does.
    pub records: PathBuf,
    /// What the process before it recorded, which was killed.
    pub before: Option<PathBuf>,
}

impl Orders {
    /// How the log is opened.
    pub fn options(&self) -> LogOptions {
        let location = if self.log.contains("://") {
            Location::Postgres {
                log: self.log.clone(),
                vault: self.vault.clone(),
            }
        } else {
            Location::Sqlite {
                log: PathBuf::from(&self.log),
                vault: PathBuf::from(&self.vault),
            }
        };
        LogOptions {
            answer_within: Duration::from_millis(self.answer_within),
            ..LogOptions::new(location, Kek::File(self.kek.clone()))
        }
    }
}

/// What the writers and followers of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) recorder: Recorder,
    pub(crate) orders: Orders,
    operations: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    pub(crate) fn next_operation(&self) -> u64 {
        self.operations.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Runs a process until it is told to stop and where to follow to, or its parent is gone.
///
/// # Panics
/// Where it cannot do its work: whoever started it sees that it has ended.
pub async fn run(orders: Orders) {
    let began = Instant::now();
    let recorder = Recorder::new(began, &orders.records);
    let (stop, stopped) = watch::channel(false);
    let (reach, end) = watch::channel(None);
    std::thread::spawn(move || obey(began, &stop, &reach));
    let log = loop {
        match Log::open(&orders.options()).await {
            Ok(log) => break log,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    };
    let shared = Arc::new(Shared {
        log,
        recorder,
        orders,
        operations: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    work(&shared, stopped, end).await;
    shared.log.close().await;
}

async fn work(
    shared: &Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
    end: watch::Receiver<Option<Position>>,
) {
    let mut chance = Chance::seeded(shared.orders.seed);
    let before = shared.orders.before.as_deref().map(unsettled);
    let mut open = before.unwrap_or_default();
    let writers: Vec<_> = (0..shared.orders.writers)
        .map(|number| {
            let rest = usize::try_from(shared.orders.writers - number).unwrap_or(1);
            let own = open.split_off(open.len() - open.len() / rest);
            let mut writer = Writer::new(Arc::clone(shared), number, chance.draw());
            tokio::spawn(async move { writer.run(own).await })
        })
        .collect();
    let followers: Vec<_> = (0..2)
        .map(|number| {
            let followed = follow(Arc::clone(shared), number, chance.draw(), end.clone());
            tokio::spawn(followed)
        })
        .collect();
    let roots = tokio::spawn(tell_roots(Arc::clone(shared)));
    let _ = stopped.wait_for(|stopped| *stopped).await;
    shared.stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer does its work");
    }
    say("written");
    for follower in followers {
        follower.await.expect("a follower does its work");
    }
    roots.await.expect("somebody tells roots");
    say("done");
}

/// Does what the one who started this says, line by line; ends with them.
fn obey(began: Instant, stop: &watch::Sender<bool>, reach: &watch::Sender<Option<Position>>) {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("orders are read");
        match line.split_once(' ') {
            None if line == "clock" => say(&began.elapsed().as_nanos().to_string()),
            None if line == "stop" => drop(stop.send(true)),
            Some(("reach", position)) => {
                let position = position.parse().expect("a position");
                let _ = reach.send(Some(position));
            }
            _ => panic!("{line:?} is no order"),
        }
    }
    std::process::exit(1);
}

#[expect(clippy::print_stdout, reason = "the one who started this reads it")]
fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Follows from somewhere on to the end; one of the two begins anew now and then.
async fn follow(
    shared: Arc<Shared>,
    number: u64,
    seed: u64,
    mut end: watch::Receiver<Option<Position>>,
) {
    let mut chance = Chance::seeded(seed);
    let known = shared.log.known_head().get();
    let start = Position::new(chance.number(0..known + 1));
    shared.recorder.keep(&Line::Follows(number, start));
    let mut follower = shared.log.follow(start);
    loop {
        let reached = end.borrow().is_some_and(|end| follower.position() >= end);
        if reached {
            return;
        }
        let block = tokio::select! {
            block = follower.next() => block,
            _ = end.changed() => continue,
        };
        match block {
            Ok(block) => {
                let saw = block.events.iter().map(|event| {
                    let header = event.header().expect("nothing is redacted");
                    (event.position(), header.expect("a header").id)
                });
                shared.recorder.keep(&Line::Saw(number, saw.collect()));
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
        if number == 1 && chance.one_in(20) {
            tokio::time::sleep(chance.millis(0..50)).await;
            follower = shared.log.follow(follower.position());
        }
    }
}

async fn tell_roots(shared: Arc<Shared>) {
    while !shared.stopped() {
        tokio::time::sleep(ROOT_EVERY).await;
        let Ok(head) = shared.log.head().await else {
            continue;
        };
        if let Ok(frontier) = shared.log.frontier_at(head.position).await {
            let by = format!("process {}", shared.orders.number);
            let (size, root) = (frontier.size(), frontier.root().0);
            shared
                .recorder
                .keep(&Line::Root(RootTold { size, root, by }));
        }
    }
}
