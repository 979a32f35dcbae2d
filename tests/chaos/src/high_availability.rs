//! `make ha`: writers go on while the primary of a real cluster is killed again and again. Nothing
//! that was acknowledged may be lost; how long no write went through is measured.

mod cluster;
mod programs;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use meguri_log::Log;
use meguri_simulation::history::{History, Moment};
use sqlx::{Connection as _, PgConnection};
use tokio::task::block_in_place;

use crate::{chance::Chance, fleet::Fleet, judge::judge, load::Orders};
use cluster::Cluster;
use programs::Programs;

/// How often the primary is killed where nobody says otherwise.
const KILLS: u64 = 10;
/// Says how often.
const VARIABLE: &str = "MEGURI_HA_KILLS";
/// Writers of each of the two processes.
const WRITERS: u64 = 4;

/// Runs it and prints the verdict; says what is missing where something is not installed.
///
/// # Panics
/// Where the log has broken a promise, or the cluster does not come back.
pub async fn run() {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(missing) => {
            return say(&format!(
                "NOT RUN: {missing} (Debian and Ubuntu: apt-get install postgresql patroni \
                 etcd-server etcd-client haproxy)"
            ));
        }
    };
    for version in programs.versions() {
        say(&version);
    }
    killed_again_and_again(programs).await;
}

/// When a primary was killed, and how.
struct Kill {
    at: Moment,
    whole_node: bool,
}

async fn killed_again_and_again(programs: Programs) {
    let kills = std::env::var(VARIABLE).ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut chance = Chance::new();
    let mut cluster = block_in_place(|| Cluster::start(&programs));
    say("three nodes are up, and every commit waits for a standby");
    let folder = tempfile::tempdir().expect("a folder for the key");
    let orders = orders(&cluster, folder.path());
    make_databases(&cluster).await;
    let log = Log::open(&orders.options()).await.expect("the log opens");
    log.close().await;
    let program = std::env::current_exe().expect("this program");
    let mut fleet = Fleet::new(&program, orders.clone(), &mut chance);
    for answer_within in [30_000, 5_000] {
        block_in_place(|| fleet.launch(&orders.log, &orders.vault, answer_within));
    }
    let mut killed = Vec::new();
    for number in 0..kills {
        tokio::time::sleep(chance.millis(2_000..6_000)).await;
        let whole_node = number % 2 == 0;
        let at = fleet.now();
        let (index, began) = block_in_place(|| (cluster.kill_primary(whole_node), Instant::now()));
        killed.push(Kill { at, whole_node });
        if whole_node {
            // One that is back before the others have noticed stays what it is.
            block_in_place(|| cluster.wait_for_another_primary(index));
            tokio::time::sleep(chance.millis(0..5_000)).await;
            cluster.start_node(index);
        } else {
            block_in_place(|| cluster.wait_until_noticed(index));
        }
        block_in_place(|| cluster.wait_until_whole());
        let (what, whole) = (described(whole_node), began.elapsed().as_secs_f64());
        let number = number + 1;
        say(&format!(
            "kill {number}: {what}; whole again after {whole:.1} s"
        ));
        fleet.assert_alive();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    tell_verdict(fleet, &orders, &killed).await;
}

/// Lets the writers finish, and holds all that they were told against the log.
async fn tell_verdict(mut fleet: Fleet, orders: &Orders, killed: &[Kill]) {
    block_in_place(|| fleet.stop());
    let log = Log::open(&orders.options()).await.expect("the log opens");
    let end = log.head().await.expect("where the log ends").position;
    let history = block_in_place(|| fleet.finish(end));
    tell_gaps(&history, killed);
    let counted = judge(&log, history).await;
    log.close().await;
    say(&format!(
        "0 of {} acknowledged appends lost, 0 violations of any promise: {counted:?}",
        counted.acknowledged
    ));
}

fn orders(cluster: &Cluster, folder: &Path) -> Orders {
    Orders {
        log: cluster.url("log"),
        vault: cluster.url("vault"),
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

async fn make_databases(cluster: &Cluster) {
    let connection = PgConnection::connect(&cluster.url("postgres")).await;
    let mut connection = connection.expect("the primary is reached through HAProxy");
    for statement in ["create database log", "create database vault"] {
        let made = sqlx::query(statement).execute(&mut connection).await;
        made.expect("a database is made");
    }
}

fn described(whole_node: bool) -> &'static str {
    if whole_node {
        "the whole node of the primary"
    } else {
        "the PostgreSQL of the primary"
    }
}

/// Says for how long nothing was acknowledged around each kill.
fn tell_gaps(history: &History, killed: &[Kill]) {
    let mut acknowledged: Vec<_> = history.acknowledgements().collect();
    acknowledged.sort_unstable();
    for kind in [true, false] {
        let kills = killed.iter().enumerate();
        let of_kind = kills.filter(|(_, kill)| kill.whole_node == kind);
        let mut gaps: Vec<_> = of_kind
            .map(|(index, kill)| {
                let next = killed.get(index + 1).map_or(Moment(u64::MAX), |it| it.at);
                longest_gap(&acknowledged, kill.at, next)
            })
            .collect();
        gaps.sort_unstable();
        let Some((least, most)) = gaps.first().zip(gaps.last()) else {
            continue;
        };
        let middle = gaps[gaps.len() / 2];
        say(&format!(
            "{} killed {} times: no write went through for {:.1} / {:.1} / {:.1} s (min / median \
             / max)",
            described(kind),
            gaps.len(),
            least.as_secs_f64(),
            middle.as_secs_f64(),
            most.as_secs_f64()
        ));
    }
}

/// The longest time between two acknowledgements of which the later one came after `from`, and the
/// earlier one before `until`.
fn longest_gap(acknowledged: &[Moment], from: Moment, until: Moment) -> Duration {
    let pairs = acknowledged.windows(2);
    let within = pairs.filter(|pair| pair[1] > from && pair[0] < until);
    let longest = within.map(|pair| pair[1].0 - pair[0].0).max();
    Duration::from_nanos(longest.unwrap_or_default())
}

#[expect(clippy::print_stdout, reason = "whoever runs it reads it")]
fn say(line: &str) {
    println!("{line}");
}
