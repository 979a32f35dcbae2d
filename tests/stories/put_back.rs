//! Every row of the table in `docs/backup.md`: a part that is older, newer, missing or damaged is
//! refused, or served right, as the table says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_proofs::Tree;

use super::proofs::{checkpoint, verifier};
use crate::sources::root;
use crate::support::server::{Installation, Server};

/// How often a server is looked at: for 60 s.
const LOOKS_MAX: u32 = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

/// What the table says of a part in a state.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    part: String,
    state: String,
    outcome: String,
}

fn table() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/backup.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(cells);
    let rows = rows.filter(|cells| cells.len() == 4 && cells[0] != "part");
    rows.map(|cells| {
        assert!(
            !cells[3].is_empty(),
            "{cells:?}: a sentence, and what to do"
        );
        let [part, state, outcome, _] = <[String; 4]>::try_from(cells).unwrap();
        Row {
            part,
            state,
            outcome,
        }
    })
    .collect()
}

#[test]
fn the_table_has_every_state_of_every_part() {
    let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table() {
        assert!(
            ["refused", "unsigned", "right"].contains(&row.outcome.as_str()),
            "{row:?}"
        );
        states.entry(row.part).or_default().push(row.state);
    }
    for part in [
        "log",
        "vault",
        "vault.key",
        "checkpoint",
        "log.place",
        "views",
    ] {
        let states = states.remove(part).unwrap();
        assert_eq!(states, ["older", "newer", "missing", "damaged"], "{part}");
    }
    // A key that signs is never another one.
    assert_eq!(states.remove("log.key").unwrap(), ["missing", "damaged"]);
    assert!(states.is_empty(), "{states:?}");
}

/// The files of a part in the data folder.
fn files_of(part: &str) -> &[&str] {
    match part {
        "log" => &["log.db", "log.db-wal", "log.db-shm"],
        "vault" => &["vault.db", "vault.db-wal", "vault.db-shm"],
        "vault.key" => &["vault.key"],
        "log.key" => &["log.key"],
        "checkpoint" => &["checkpoint"],
        "log.place" => &["log.place"],
        "views" => &["views"],
        other => panic!("nobody knows the part {other}"),
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// Copies files over what is there, so that each keeps its place on the disk.
fn copy(from: &Path, to: &Path) {
    if !from.exists() {
        return remove(to);
    }
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() && !entry.file_type().unwrap().is_file() {
            continue;
        }
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

fn damage(path: &Path) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            damage(&entry.unwrap().path());
        }
    } else if path.metadata().is_ok_and(|file| file.len() > 0) {
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(bytes.len() / 2 + 1);
        for byte in bytes.iter_mut().take(200) {
            *byte ^= 0x5a;
        }
        fs::write(path, bytes).unwrap();
    }
}

/// An installation with a story of two days, and what it was after the first.
struct Story {
    installation: Installation,
    older: PathBuf,
    last: Tree,
}

impl Story {
    async fn told(part: &str) -> Self {
        let installation = Installation::on_sqlite();
        let server = installation.serve().await;
        server.api().register("hanako", "はなこ").await;
        let key = verifier(&installation);
        let first = checkpoint(server.api(), &key, 3).await;
        server.terminate().await;
        let older = installation.folder().join("older");
        copy(&installation.data(), &older);
        if part == "vault.key" {
            installation.run(&["vault", "rotate"]);
        }
        let server = installation.serve().await;
        server.api().register("taro", "たろう").await;
        let last = checkpoint(server.api(), &key, first.size + 1).await;
        server.terminate().await;
        Self {
            installation,
            older,
            last,
        }
    }

    fn put(&self, part: &str, state: &str) {
        let data = self.installation.data();
        let is_part = |name: &str| files_of(part).contains(&name);
        match state {
            "older" => {
                for name in files_of(part) {
                    copy(&self.older.join(name), &data.join(name));
                }
            }
            "newer" => {
                for entry in fs::read_dir(&data).unwrap() {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    if !is_part(&name) {
                        copy(&self.older.join(&name), &data.join(&name));
                    }
                }
            }
            "missing" => files_of(part)
                .iter()
                .for_each(|name| remove(&data.join(name))),
            "damaged" => files_of(part)
                .iter()
                .for_each(|name| damage(&data.join(name))),
            other => panic!("nobody knows the state {other}"),
        }
    }
}

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
async fn outcome(story: &Story) -> String {
    let installation = &story.installation;
    let mut child = installation.launch();
    let line = child.first_line();
    if line.is_empty() {
        let said = installation.diagnostics();
        assert!(said.contains("meguri:"), "it says why: {said}");
        return "refused".to_owned();
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
    let state = published(&server).await;
    server.api().register("jiro", "じろう").await;
    let outcome = if state == "publishing" {
        let key = verifier(installation);
        let now = checkpoint(server.api(), &key, story.last.size + 1).await;
        let path = format!(
            "/api/proof/consistency?from={}&to={}",
            story.last.size, now.size
        );
        let answer = server.api().get(&path, None).await;
        let lines = answer["proof"].as_array().unwrap().iter();
        let hashes =
            lines.map(|line| meguri_proofs::hash_from_base64(line.as_str().unwrap()).unwrap());
        let proof = meguri_proofs::Proof::new(hashes.collect());
        proof.verify_consistency(&story.last, &now).unwrap();
        "right"
    } else {
        "unsigned"
    };
    server.terminate().await;
    outcome.to_owned()
}

async fn walk(part: &str) {
    let rows: Vec<_> = table().into_iter().filter(|row| row.part == part).collect();
    assert!(!rows.is_empty(), "{part}");
    for row in rows {
        let story = Story::told(part).await;
        story.put(part, &row.state);
        let found = outcome(&story).await;
        assert_eq!(found, row.outcome, "{row:?}");
    }
}

#[tokio::test]
async fn a_log_that_is_put_back_is_as_the_table_says() {
    walk("log").await;
}

#[tokio::test]
async fn a_vault_that_is_put_back_is_as_the_table_says() {
    walk("vault").await;
}

#[tokio::test]
async fn keys_that_are_put_back_are_as_the_table_says() {
    walk("vault.key").await;
    walk("log.key").await;
}

#[tokio::test]
async fn a_checkpoint_that_is_put_back_is_as_the_table_says() {
    walk("checkpoint").await;
}

#[tokio::test]
async fn a_place_that_is_put_back_is_as_the_table_says() {
    walk("log.place").await;
}

#[tokio::test]
async fn views_that_are_put_back_are_as_the_table_says() {
    walk("views").await;
}

#[tokio::test]
async fn an_older_vault_with_every_key_lets_nobody_in_who_left_or_was_logged_out() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    let hanako = server.api().register("hanako", "はなこ").await;
    let taro = server.api().register("taro", "たろう").await;
    server.terminate().await;
    let older = installation.folder().join("older");
    fs::create_dir(&older).unwrap();
    for name in files_of("vault") {
        copy(&installation.data().join(name), &older.join(name));
    }
    let server = installation.serve().await;
    installation.run(&["erase", "hanako"]);
    server.terminate().await;
    for name in files_of("vault") {
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
