//! A witness of its own process cosigns a log that only grows, and neither one that was forked nor
//! one that was rolled back: those are not published any further.

use std::fs;
use std::path::Path;
use std::time::Duration;

use meguri::http_client;
use meguri_postgres_cluster::shared;
use meguri_proofs::{Checkpoint, Note, Tree, VerifierKey, WitnessKey, cosigners};

use super::proofs::{checkpoint, verifier};
use crate::support::server::{Installation, Server};

const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A running witness.
struct Witness {
    process: Server,
    key: WitnessKey,
    address: String,
}

async fn witness_of(log: &VerifierKey, home: &Installation) -> Witness {
    let log = log.to_string();
    let arguments = ["witness", "--log", &log, "--name", "witness.example.jp"];
    let mut process = home.launch_with(&[&arguments[..], &LISTEN].concat());
    let line = process.first_line();
    let address = line.split_whitespace().last().unwrap().to_owned();
    assert!(address.starts_with("http://"), "{line}");
    let key = http_client::builder()
        .build()
        .unwrap()
        .get(&address)
        .send()
        .await
        .unwrap();
    let key = key.text().await.unwrap().trim_end().parse().unwrap();
    Witness {
        process,
        key,
        address,
    }
}

/// From its next start on, nothing is published that this witness has not cosigned.
fn names(installation: &Installation, witness: &Witness) {
    let settings = format!("witnesses = [\"{} {}\"]\n", witness.key, witness.address);
    fs::write(installation.folder().join("meguri.toml"), settings).unwrap();
}

/// Has so many members register, and answers where the log ends.
async fn grow(server: &Server, names: &[&str]) -> u64 {
    for name in names {
        server.api().register(name, "はなこ").await;
    }
    let status = server.api().get("/api/status", None).await;
    status["log"]["position"].as_u64().unwrap()
}

async fn cosigned(server: &Server, witness: &Witness) -> Tree {
    let note = Note::parse(server.api().text("/checkpoint", None).await).unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    let witnesses = [witness.key.clone()];
    let found = cosigners(&checkpoint, note.signatures(), &witnesses).unwrap();
    assert_eq!(found.len(), 1, "{note}");
    *checkpoint.tree()
}

async fn a_log_that_only_grows_is_cosigned(log: &Installation) {
    let server = log.serve().await;
    let before = grow(&server, &["hanako"]).await;
    let key = verifier(log);
    checkpoint(server.api(), &key, before).await;
    server.terminate().await;

    let home = Installation::on_sqlite();
    let witness = witness_of(&key, &home).await;
    names(log, &witness);
    let server = log.serve().await;
    for name in ["taro", "jiro"] {
        let head = grow(&server, &[name]).await;
        checkpoint(server.api(), &key, head).await;
        assert!(cosigned(&server, &witness).await.size >= head);
    }
    // A witness that is away is waited for: nothing is published without it.
    let Witness { process, .. } = witness;
    process.terminate().await;
    let head = grow(&server, &["saburo"]).await;
    not_published(&server, head, "0 of 1 witnesses have cosigned", log).await;
    let witness = witness_of(&key, &home).await;
    names(log, &witness);
    server.terminate().await;
    let server = log.serve().await;
    checkpoint(server.api(), &key, head).await;
    cosigned(&server, &witness).await;
}

#[tokio::test]
async fn a_log_that_only_grows_is_cosigned_on_sqlite() {
    a_log_that_only_grows_is_cosigned(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn a_log_that_only_grows_is_cosigned_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    a_log_that_only_grows_is_cosigned(&Installation::on_databases(database)).await;
}

/// The checkpoint stays what it was, and the server says why.
async fn not_published(server: &Server, head: u64, why: &str, of: &Installation) {
    for _ in 0..200 {
        let status = server.api().get("/api/status", None).await;
        let state = &status["published"]["state"];
        if (state == "failing" || state == "refusing") && of.diagnostics().contains(why) {
            assert!(status["published"]["position"].as_u64().unwrap() < head);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{why:?} was not said: {}", of.diagnostics());
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // Views grow back.
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn a_forked_log_and_a_rolled_back_one_are_not_cosigned_and_not_published() {
    let log = Installation::on_sqlite();
    let server = log.serve().await;
    let before = grow(&server, &["hanako"]).await;
    let key = verifier(&log);
    checkpoint(server.api(), &key, before).await;
    server.terminate().await;
    let (fork, restored) = (Installation::on_sqlite(), Installation::on_sqlite());
    copied(&log.data(), &fork.data());
    copied(&log.data(), &restored.data());

    let home = Installation::on_sqlite();
    let witness = witness_of(&key, &home).await;
    for installation in [&log, &fork, &restored] {
        names(installation, &witness);
    }
    let server = log.serve().await;
    let head = grow(&server, &["taro", "jiro"]).await;
    checkpoint(server.api(), &key, head).await;
    cosigned(&server, &witness).await;

    let forked = fork.serve().await;
    let longer = grow(&forked, &["ichiro", "kenji", "shiro"]).await;
    assert!(longer > head);
    let why = "the log was restored from an older backup, or somebody else signs with its key";
    not_published(&forked, longer, why, &fork).await;

    let restored_server = restored.serve().await;
    let shorter = grow(&restored_server, &["ichiro"]).await;
    assert!(before < shorter && shorter < head);
    not_published(&restored_server, shorter, why, &restored).await;

    // The true one goes on.
    let head = grow(&server, &["goro"]).await;
    checkpoint(server.api(), &key, head).await;
    cosigned(&server, &witness).await;
}
