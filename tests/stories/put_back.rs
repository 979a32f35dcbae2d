//! A part of an installation that is put back, alone or with another one, is refused or served
//! right, as the tables in `docs/backup.md` and `docs/put-back.md` say: a part that is older,
//! newer, missing, damaged or another's, on SQLite and on PostgreSQL.

mod parts;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use meguri_postgres_cluster::shared;

use super::proofs::{checkpoint, verifier};
use crate::support::chance::Chance;
use crate::support::server::{Installation, Server};
use parts::{Arrangement, PARTS, State, Story, arrangement, copy, states};
use table::{Cell, Table, alone};

/// How often a server is looked at: for 60 s.
const LOOKS_MAX: u32 = 1_200;
const PAUSE: Duration = Duration::from_millis(50);
/// How many pairs are tried, of all that there are, unless [`ALL`] says otherwise.
const PAIRS: usize = 16;
/// Names what lets a test try all pairs, and write down what it finds.
const ALL: &str = "MEGURI_TEST_PUT_BACK";

/// Waits for what becomes of publishing.
async fn published(server: &Server) -> String {
    for _ in 0..LOOKS_MAX {
        let status = server.api().get("/api/status", None).await;
        let state = status["published"]["state"].as_str().unwrap();
        if state == "publishing" || state == "refusing" {
            return state.to_owned();
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it neither publishes nor refuses");
}

/// What really becomes of it: never a wrong answer, and never a second tree of one size.
async fn outcome(story: &Story) -> Cell {
    let installation = &story.installation;
    let before = installation.diagnostics().len();
    let said = || installation.diagnostics().split_off(before);
    let mut child = installation.launch();
    let line = child.first_line();
    if line.is_empty() {
        return Cell::refused(&said(), installation);
    }
    let server = Installation::ready_at(child, &line).await;
    let hanako = server.api().get("/api/members/hanako", None).await;
    assert_eq!(hanako["nickname"], "はなこ");
    let head = server.api().get("/api/status", None).await["log"]["position"].clone();
    let taro = server.api().status("/api/members/taro", None).await;
    assert_eq!(
        taro.is_success(),
        head.as_u64().unwrap() >= story.last.size,
        "members are those of the log"
    );
    if published(&server).await != "publishing" {
        let cell = Cell::unsigned(&said(), installation);
        server.kill();
        return cell;
    }
    server.api().register("jiro", "じろう").await;
    let key = verifier(installation);
    let now = checkpoint(server.api(), &key, story.last.size + 1).await;
    let path = format!(
        "/api/proof/consistency?from={}&to={}",
        story.last.size, now.size
    );
    let answer = server.api().get(&path, None).await;
    let lines = answer["proof"].as_array().unwrap().iter();
    let hashes = lines.map(|line| meguri_proofs::hash_from_base64(line.as_str().unwrap()).unwrap());
    let proof = meguri_proofs::Proof::new(hashes.collect());
    proof.verify_consistency(&story.last, &now).unwrap();
    server.kill();
    Cell::right()
}

/// Tries arrangements on one backend. Each is tried once.
struct Trial {
    /// Without and with a rotation of the key of the vault between the days.
    stories: [Story; 2],
    found: BTreeMap<(bool, Arrangement), Cell>,
}

impl Trial {
    async fn new(installation: impl Fn() -> Installation) -> Self {
        let told = async |rotated| Story::told(installation(), rotated).await;
        Self {
            stories: [told(false).await, told(true).await],
            found: BTreeMap::new(),
        }
    }

    async fn of(&mut self, states: &[State]) -> Cell {
        // Only then is there an older key of the vault.
        let rotated = states.iter().any(|(part, _)| *part == "vault.key");
        let key = (rotated, arrangement(states));
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let story = &self.stories[usize::from(rotated)];
        story.arrange(&key.1);
        say(states);
        let cell = outcome(story).await;
        self.found.insert(key, cell.clone());
        cell
    }
}

/// Says what is being tried, so that a failure names it.
#[allow(clippy::print_stderr, reason = "names the states that failed")]
fn say(states: &[State]) {
    eprintln!("put back: {states:?}");
}

/// All pairs of parts, each with each of their states.
fn pairs() -> Vec<[State; 2]> {
    let mut pairs = Vec::new();
    for (number, one) in PARTS.iter().enumerate() {
        for other in &PARTS[number + 1..] {
            for state in states(one) {
                for other_state in states(other) {
                    pairs.push([(*one, *state), (*other, *other_state)]);
                }
            }
        }
    }
    pairs
}

/// Tries pairs on a backend: some, against the table; or all, and writes the table anew.
async fn walk(backend: &'static str, installation: impl Fn() -> Installation) {
    let mut trial = Trial::new(installation).await;
    let mut chance = Chance::new();
    let mut wrong = Vec::new();
    if std::env::var(ALL).is_ok() {
        let mut found = Vec::new();
        for pair in pairs() {
            found.push((pair, trial.of(&pair).await));
        }
        return Table::write(backend, &found);
    }
    let (table, all) = (Table::read(backend), pairs());
    for _ in 0..PAIRS {
        let pair = all[usize::try_from(chance.number(0..all.len() as u64)).unwrap()];
        let found = trial.of(&pair).await;
        if found != table.cell(&pair) {
            wrong.push(format!(
                "{pair:?}: {found:?}, and the table says {:?}",
                table.cell(&pair)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_tables_have_every_state_of_every_part_and_of_every_pair() {
    let alone: Vec<_> = alone()
        .into_iter()
        .map(|row| (row.part, row.state))
        .collect();
    let mut expected = Vec::new();
    for part in PARTS {
        expected.extend(
            states(part)
                .iter()
                .map(|state| (part.to_owned(), (*state).to_owned())),
        );
    }
    assert_eq!(alone, expected);
    for backend in ["SQLite", "PostgreSQL"] {
        let table = Table::read(backend);
        for pair in pairs() {
            let cell = table.cell(&pair);
            assert!(
                cell.outcome == "right" || !cell.says.is_empty(),
                "{pair:?} says why"
            );
        }
    }
}

#[tokio::test]
async fn a_part_that_is_put_back_alone_is_as_the_table_says() {
    let mut trial = Trial::new(Installation::on_sqlite).await;
    let mut wrong = Vec::new();
    for row in alone() {
        let part = PARTS.iter().find(|part| **part == row.part).unwrap();
        let state = states(part).iter().find(|state| **state == row.state);
        let found = trial.of(&[(part, state.unwrap())]).await;
        if found.outcome != row.outcome {
            wrong.push(format!("{row:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn two_parts_that_are_put_back_in_files_are_as_the_table_says() {
    walk("SQLite", Installation::on_sqlite).await;
}

#[tokio::test]
async fn two_parts_that_are_put_back_with_databases_are_as_the_table_says() {
    let database = || shared().unwrap().create_database().unwrap();
    walk("PostgreSQL", || Installation::on_databases(database)).await;
}

#[tokio::test]
async fn an_older_vault_with_every_key_lets_nobody_in_who_left_or_was_logged_out() {
    let vault = ["vault.db", "vault.db-wal", "vault.db-shm"];
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let hanako = server.api().register("hanako", "はなこ").await;
    let taro = server.api().register("taro", "たろう").await;
    server.terminate().await;
    let older = installation.folder().join("older");
    fs::create_dir(&older).unwrap();
    for name in vault {
        copy(&installation.data().join(name), &older.join(name));
    }
    let server = installation.serve().await;
    installation.run(&["erase", "hanako"]);
    server.terminate().await;
    for name in vault {
        copy(&older.join(name), &installation.data().join(name));
    }
    let server = installation.serve().await;
    for member in [&hanako, &taro] {
        let status = server.api().status("/api/me", Some(&member.token)).await;
        assert_eq!(status, reqwest::StatusCode::UNAUTHORIZED);
    }
    assert!(
        installation.diagnostics().contains("every token has ended"),
        "it is said"
    );
    installation.run(&["audit", "check"]);
    server.terminate().await;
}
