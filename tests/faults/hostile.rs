//! One client without a token, whatever it does with two thousand sockets, keeps no other waiting.
//!
//! The attacker comes from one address, the other client from another; both are loopback. The
//! attacks follow each other for a minute, or for as many seconds as `MEGURI_HOSTILE_SECONDS` says.

mod attack;
mod other;

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout};

use crate::support::connection::{Connection, get};
use crate::support::server::{Installation, Server};
use attack::{Attack, MARK};
use other::Other;

/// Sockets of the attacker.
const SOCKETS: usize = 2_000;
/// Descriptors that the tests need for other things.
const OWN: u64 = 200;
/// How long all attacks take together, unless somebody says otherwise.
const SECONDS: u64 = 60;
/// How long the other client is alone, to see how fast it is answered then.
const IDLE: Duration = Duration::from_secs(8);
/// Below this the machine is measured, and not the server.
const NOISE: Duration = Duration::from_millis(20);
/// How much slower the other client may be answered than when it is alone.
const SLOWER: u32 = 5;
/// An attack that lasts as long has to keep the bound by itself, and not only with all others.
const EACH_BY_ITSELF: Duration = Duration::from_secs(10);
/// Longest time for a health check.
const HEALTH_MAX: Duration = Duration::from_secs(1);
/// What is waited for an answer at most.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory that all of this may take, in KiB.
const MEMORY_MAX: u64 = 256 * 1024;
/// Series that there may be in all: known methods, routes and answers.
const SERIES_MAX: usize = 6_000;

#[tokio::test(flavor = "multi_thread")]
async fn one_client_keeps_no_other_waiting_at_the_usual_1024_descriptors() {
    one_client_keeps_no_other_waiting(1_024).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_keeps_no_other_waiting_at_65536_descriptors() {
    one_client_keeps_no_other_waiting(65_536).await;
}

async fn one_client_keeps_no_other_waiting(descriptors: u64) {
    let sockets = sockets();
    let installation = Installation::on_sqlite();
    let server = installation.serve_within(descriptors).await;
    furnish(&server).await;
    let host = server.api().host().to_owned();
    let mut alone = Other::watch(&host, Instant::now() + IDLE).await;
    let memory = status_of(&server, "VmRSS");

    let all = Duration::from_secs(seconds()) / u32::try_from(Attack::ALL.len()).unwrap();
    let mut attacks = Vec::new();
    for attack in Attack::ALL {
        let until = Instant::now() + all;
        let attackers = attack.begin(&host, sockets, until);
        let seen = Other::watch(&host, until).await;
        let files = files_of(&server);
        attackers.end().await;
        assert!(files < descriptors, "{attack:?}: {files} descriptors");
        attacks.push((attack, files, seen));
    }
    // A machine may have become busier meanwhile.
    let again = Other::watch(&host, Instant::now() + IDLE).await;
    alone = if again.p99() > alone.p99() {
        again
    } else {
        alone
    };
    say(descriptors, &alone, &attacks);
    let bound = alone.p99().max(NOISE) * SLOWER;
    let mut beside = Other::default();
    for (attack, _, seen) in attacks {
        // In a few seconds one answer is a per cent.
        let long_enough = all >= EACH_BY_ITSELF;
        assert!(
            !long_enough || seen.p99() <= bound,
            "{attack:?}: {seen:?}, alone {alone:?}"
        );
        assert!(seen.slowest_health() <= HEALTH_MAX, "{attack:?}: {seen:?}");
        beside = beside.and(seen);
    }
    assert!(beside.p99() <= bound, "{beside:?}, alone {alone:?}");
    let peak = status_of(&server, "VmHWM");
    assert!(peak - memory < MEMORY_MAX, "{memory} KiB grew to {peak}");
    every_series_is_one_of_ours(&server).await;
    nothing_long_is_logged(&installation);
    server.terminate().await;
}

/// The usual bounds leave descriptors for everything; here somebody takes them away.
#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_the_server_rests_says_so_once_and_serves_on() {
    let installation = Installation::on_sqlite();
    let server = installation.serve_within(1_024).await;
    may_have(&server, files_of(&server) + 24);
    let host = server.api().host().to_owned();
    let mut silent = Vec::new();
    for number in 0..64 {
        // Each from an address of its own, so that none has more than its share.
        let socket = TcpSocket::new_v4().unwrap();
        let address = format!("127.0.0.{}:0", 2 + number);
        socket.bind(address.parse().unwrap()).unwrap();
        silent.push(socket.connect(host.parse().unwrap()).await.unwrap());
    }
    for _ in 0..3 {
        let mut other = Connection::open(&host).await.unwrap();
        let answer = timeout(PATIENCE, other.ask(&get("/healthz"))).await;
        assert_eq!(answer.unwrap().unwrap().status, 200);
    }
    drop(silent);
    let said = installation.diagnostics();
    let rests = said.matches("no connection can be accepted").count();
    assert_eq!(rests, 1, "it rested, and said so once");
    server.terminate().await;
}

/// The same for a witness, which shares what accepts connections.
#[tokio::test(flavor = "multi_thread")]
async fn one_client_keeps_no_other_from_a_witness() {
    let sockets = sockets();
    let log = Installation::on_sqlite();
    log.serve().await.terminate().await;
    let key = log.run(&["audit", "key"]).trim_end().to_owned();
    let home = Installation::on_sqlite();
    let arguments = ["witness", "--log", &key, "--listen", "127.0.0.1:0"];
    let mut witness = home.launch_within(1_024, &arguments);
    let line = witness.first_line();
    let host = line.rsplit("http://").next().unwrap().trim_end().to_owned();
    let all = Duration::from_secs(seconds()) / 3 / u32::try_from(Attack::ALL.len()).unwrap();
    for attack in Attack::ALL {
        let until = Instant::now() + all;
        let attackers = attack.begin(&host, sockets, until);
        while Instant::now() < until {
            let begun = Instant::now();
            let mut other = Connection::open(&host).await.unwrap();
            assert_eq!(other.ask(&get("/")).await.unwrap().status, 200);
            assert!(begun.elapsed() < HEALTH_MAX, "{attack:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        attackers.end().await;
    }
    assert!(witness.is_running());
}

fn seconds() -> u64 {
    let said = std::env::var("MEGURI_HOSTILE_SECONDS");
    said.map_or(SECONDS, |seconds| seconds.parse().unwrap())
}

/// As many sockets as this process may have, up to [`SOCKETS`].
fn sockets() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(u64::MAX).min(65_536);
    let raised = Rlimit {
        current: Some(most),
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    SOCKETS.min(usize::try_from(most - OWN).unwrap())
}

/// Puts something on the board.
async fn furnish(server: &Server) {
    let member = server.api().register("hanako", "はなこ").await;
    for number in 0..20 {
        let need = json!({"title": format!("庭の草むしり {number}"), "description": "二時間ほど",
            "online": true, "category": "talk", "no_return_needed": true});
        server.api().done(&member, "needs", &need).await;
    }
}

/// What the other client has seen beside each attack: how many times as long as alone it waited for
/// the board, and for the server's health at most.
#[allow(clippy::print_stdout, reason = "shown with `--no-capture`")]
fn say(descriptors: u64, alone: &Other, attacks: &[(Attack, u64, Other)]) {
    println!("At {descriptors} descriptors; alone: {alone:?}");
    for (attack, files, seen) in attacks {
        let times = seen.p99().as_secs_f64() / alone.p99().as_secs_f64().max(1e-9);
        println!("  {attack:?}: {times:.2} times, {files} descriptors; {seen:?}");
    }
}

/// A number of `/proc/PID/status`, in KiB.
fn status_of(server: &Server, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn files_of(server: &Server) -> u64 {
    let files = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    u64::try_from(files.count()).unwrap()
}

/// From now on it may have so many descriptors.
fn may_have(server: &Server, descriptors: u64) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let bound = Rlimit {
        current: Some(descriptors),
        maximum: Some(descriptors),
    };
    prlimit(pid, Resource::Nofile, bound).unwrap();
}

/// Walks all metrics: their labels are of a few words, and none is the attacker's.
async fn every_series_is_one_of_ours(server: &Server) {
    let text = server.api().text("/metrics", None).await;
    let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(series.len() < SERIES_MAX, "{} series", series.len());
    assert!(!text.contains(MARK));
    let long = series.iter().find(|line| line.len() > 300);
    assert!(long.is_none(), "{long:?}");
    let methods: HashSet<_> = series
        .iter()
        .filter_map(|line| line.split_once("method=\"")?.1.split_once('"'))
        .map(|(method, _)| method)
        .collect();
    let known = HashSet::from(["GET", "POST", "other"]);
    assert_eq!(methods, known);
}

fn nothing_long_is_logged(installation: &Installation) {
    let said = installation.diagnostics();
    assert!(!said.contains(MARK));
    let long = said.lines().find(|line| line.len() > 1_000);
    assert!(long.is_none(), "{long:?}");
}
