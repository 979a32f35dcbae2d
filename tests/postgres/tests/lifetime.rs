//! A cluster keeps what was committed while it lives, and leaves nothing behind when it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use meguri_postgres_cluster::{Cluster, Durability, Options, shared};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Runs one statement and returns its answer, as `psql` prints it bare.
fn query(url: &str, statement: &str) -> String {
    let mut psql = Command::new("psql");
    psql.args([
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--dbname",
        url,
    ]);
    let output = psql.args(["--command", statement]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..150 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("not within 15 s: {what}");
}

#[test]
fn what_was_committed_survives_an_immediate_stop() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.create_database().unwrap();
    assert_eq!(query(&url, "show fsync"), "on");
    query(
        &url,
        "create table kept (n int); insert into kept values (7)",
    );

    cluster.stop_immediate().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", cluster.port())).is_err());
    assert!(cluster.create_database().is_err());

    cluster.start_again().unwrap();
    assert_eq!(query(&url, "select n from kept"), "7");
}

#[test]
fn a_dropped_cluster_is_gone_with_its_folder() {
    let options = Options::new(Durability::Off).setting("application_name", "it's quoted");
    let cluster = Cluster::start_with(&options).unwrap();
    let (port, folder) = (cluster.port(), cluster.folder().to_owned());
    assert_eq!(
        query(&cluster.url("postgres"), "show application_name"),
        "psql"
    );
    assert_eq!(query(&cluster.url("postgres"), "show fsync"), "off");
    assert!(folder.exists());

    drop(cluster);
    assert!(!folder.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_killed_owner_leaves_no_server_behind() {
    let program = env!("CARGO_BIN_EXE_meguri-postgres-cluster");
    let mut owner = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    // Kept open: the program says more than its first line.
    let mut said = BufReader::new(owner.stdout.take().unwrap());
    said.read_line(&mut url).unwrap();
    let folder = query(url.trim(), "show data_directory");
    let folder = std::path::Path::new(&folder).parent().unwrap();

    owner.kill().unwrap(); // SIGKILL: no destructor runs
    owner.wait().unwrap();
    eventually("the folder is removed", || !folder.exists());
    let (_, port) = url
        .trim()
        .rsplit_once('/')
        .unwrap()
        .0
        .rsplit_once(':')
        .unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).is_err());
}

#[test]
fn tests_share_a_server_and_have_a_database_each() {
    let [one, other] = [(); 2].map(|()| shared().unwrap().create_database().unwrap());
    assert_ne!(one, other);
    query(&one, "create table mine ()");
    assert_eq!(query(&other, "select to_regclass('mine') is null"), "t");
    let start = "select pg_postmaster_start_time()";
    assert_eq!(
        query(&one, start),
        query(&shared().unwrap().url("postgres"), start)
    );
}
