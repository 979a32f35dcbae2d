//! A backup is made while members write, says what it holds, and is restored whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meguri_postgres_cluster::shared;
use serde_json::Value;

use super::proofs::{checkpoint, verifier};
use crate::support::api::Api;
use crate::support::server::{Installation, Server};

/// How often something is looked at: for 60 s.
const LOOKS_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// What nobody may lose, and no backup holds.
const KEYS: [&str; 3] = ["vault.key", "log.key", "backup.key"];

fn manifest(backup: &Path) -> Value {
    let text = fs::read(backup.join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The whole backups in a folder, the oldest first.
fn backups(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("manifest.json").exists())
        .collect();
    found.sort_unstable();
    found
}

pub(crate) fn backed_up(installation: &Installation, more: &[&str]) -> PathBuf {
    let to = installation.folder().join("backups");
    let arguments = [&["backup", to.to_str().unwrap()], more].concat();
    installation.run(&arguments);
    backups(&to).pop().unwrap()
}

/// A new place with the keys of another one.
pub(crate) fn with_keys_of(installation: &Installation) -> Installation {
    let new = Installation::on_sqlite();
    fs::create_dir(new.data()).unwrap();
    for key in KEYS {
        let key_file = installation.data().join(key);
        if key_file.exists() {
            fs::copy(key_file, new.data().join(key)).unwrap();
        }
    }
    new
}

/// What a restore of it says, and whether it went well.
pub(crate) fn restored(
    into: &Installation,
    backup: impl AsRef<Path>,
    more: &[&str],
) -> (bool, String) {
    let (code, said) = end_of_restore(into, backup, more);
    (code == Some(0), said)
}

/// What a restore of it says, and its exit code.
pub(crate) fn end_of_restore(
    into: &Installation,
    backup: impl AsRef<Path>,
    more: &[&str],
) -> (Option<i32>, String) {
    let arguments = [&["restore", backup.as_ref().to_str().unwrap()], more].concat();
    let output = into.end_of(&arguments);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

pub(crate) async fn state(server: &Server, wanted: &str) {
    for _ in 0..LOOKS_MAX {
        let status = server.api().get("/api/status", None).await;
        if status["published"]["state"] == wanted {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("publishing is not {wanted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_made_while_members_write_is_whole() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (api, stopped) = (
        Api::new(&format!("http://{}", server.api().host())),
        Arc::clone(&stop),
    );
    let writing = tokio::spawn(async move {
        let mut names = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let name = format!("member{}", names.len());
            api.register(&name, "だれか").await;
            names.push(name);
        }
        names
    });
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(backed_up(&installation, &[]));
    }
    stop.store(true, Ordering::Relaxed);
    let names = writing.await.unwrap();
    let mut last = 0;
    for backup in taken {
        let position = manifest(&backup)["log"]["position"].as_u64().unwrap();
        assert!(position >= last, "it is as new as the log was");
        last = position;
        // Each member is three events; the first is hanako.
        let known = names.len().min(usize::try_from(position / 3 - 1).unwrap());
        holds(&installation, &backup, position, &names[..known]).await;
    }
    server.terminate().await;
}

/// A backup restores to a log that ends there, in which everybody of whom it knows is, with the
/// words that they wrote; it does not sign beside the one that it is a copy of.
async fn holds(of: &Installation, backup: &Path, position: u64, names: &[String]) {
    let new = with_keys_of(of);
    let (went_well, said) = restored(&new, backup, &[]);
    assert!(went_well, "{said}");
    assert!(said.contains("nothing that does not fit"), "{said}");
    assert!(said.contains("--last-checkpoint"), "{said}");
    let server = new.serve().await;
    let status = server.api().get("/api/status", None).await;
    assert_eq!(status["log"]["position"], position);
    let hanako = server.api().get("/api/members/hanako", None).await;
    assert_eq!(hanako["nickname"], "はなこ");
    if let Some(name) = names.last() {
        let member = server
            .api()
            .get(&format!("/api/members/{name}"), None)
            .await;
        assert_eq!(member["nickname"], "だれか");
    }
    state(&server, "refusing").await;
    server.terminate().await;
}

#[tokio::test]
async fn a_restored_log_signs_once_the_last_checkpoint_is_given() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let key = verifier(&installation);
    let tree = checkpoint(server.api(), &key, 3).await;
    let address = format!("http://{}/checkpoint", server.api().host());
    let backup = backed_up(&installation, &[]);
    let new = with_keys_of(&installation);
    let (went_well, said) = restored(&new, &backup, &[]);
    assert!(went_well, "{said}");
    let given = Installation::ready(new.launch_with(&[
        "serve",
        "--last-checkpoint",
        &address,
        "--listen",
        "127.0.0.1:0",
    ]));
    let given = given.await;
    server.terminate().await;
    state(&given, "publishing").await;
    given.api().register("taro", "たろう").await;
    checkpoint(given.api(), &key, tree.size + 1).await;
    given.terminate().await;
    // From then on it is the log, and the word is not needed any more.
    let server = new.serve().await;
    state(&server, "publishing").await;
}

#[tokio::test]
async fn a_log_is_never_restored_over() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    server.terminate().await;
    let backup = backed_up(&installation, &[]);
    let before = fs::read(installation.data().join("log.db")).unwrap();
    let (went_well, said) = restored(&installation, &backup, &[]);
    assert!(!went_well && said.contains("never written over"), "{said}");
    assert_eq!(
        fs::read(installation.data().join("log.db")).unwrap(),
        before
    );
    for (name, found) in [
        ("log.db", "is a file of 0 bytes"),
        ("log.db-wal", "is left of a log"),
    ] {
        let new = with_keys_of(&installation);
        fs::write(new.data().join(name), "").unwrap();
        let (went_well, said) = restored(&new, &backup, &[]);
        assert!(
            !went_well && said.contains(&format!("{name} {found}")),
            "{said}"
        );
        assert!(said.contains("move it away"), "{said}");
    }
    // But it may be checked anywhere.
    let (went_well, said) = restored(&installation, &backup, &["--check"]);
    assert!(went_well, "{said}");
    assert_eq!(
        fs::read(installation.data().join("log.db")).unwrap(),
        before
    );
    assert!(!installation.data().join("restore.part").exists());
}

#[tokio::test]
async fn a_backup_in_which_one_byte_differs_is_refused() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    checkpoint(server.api(), &verifier(&installation), 3).await;
    server.terminate().await;
    let backup = backed_up(&installation, &[]);
    let files: Vec<_> = fs::read_dir(&backup)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let whole = fs::read(&file).unwrap();
        let mut damages = vec![whole[..whole.len() / 2].to_vec()];
        if !file.ends_with("manifest.json") {
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            damages.push(flipped);
        }
        for damaged in damages {
            fs::write(&file, damaged).unwrap();
            let new = with_keys_of(&installation);
            let (went_well, said) = restored(&new, &backup, &[]);
            assert!(!went_well, "{}: {said}", file.display());
            assert!(!new.data().join("log.db").exists(), "{}", file.display());
            assert!(!new.data().join("vault.db").exists(), "{}", file.display());
        }
        fs::remove_file(&file).unwrap();
        let new = with_keys_of(&installation);
        let (went_well, said) = restored(&new, &backup, &[]);
        assert!(!went_well, "{} is missing: {said}", file.display());
        fs::write(&file, whole).unwrap();
    }
    // A manifest that tells another story than the log.
    let path = backup.join("manifest.json");
    let whole = fs::read_to_string(&path).unwrap();
    let position = manifest(&backup)["log"]["position"].clone();
    let other = whole.replace(&format!("\"position\": {position}"), "\"position\": 2");
    assert_ne!(other, whole);
    fs::write(&path, other).unwrap();
    let (went_well, said) = restored(&with_keys_of(&installation), &backup, &[]);
    assert!(!went_well && said.contains("the manifest says 2"), "{said}");
}

#[tokio::test]
async fn without_its_keys_a_backup_gives_nothing_away_and_says_what_is_missing() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    server.terminate().await;
    let backup = backed_up(&installation, &[]);
    for key in KEYS {
        let secret = fs::read(installation.data().join(key)).unwrap();
        for file in fs::read_dir(&backup).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let holds = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!holds, "{key} is in the backup");
        }
    }
    let sealed = fs::read(backup.join("vault.sealed")).unwrap();
    assert!(
        !sealed.windows(11).any(|window| window == b"vault_token"),
        "it is sealed"
    );
    each_key_is_missed(&installation, &backup);
    for way in [0, 1] {
        let new = with_keys_of(&installation);
        let unread = new.unread_once(&["restore", backup.to_str().unwrap()], way);
        assert_eq!(unread, Some(4), "it is done, and nobody was told");
        assert!(new.data().join("log.db").exists());
    }
    let left_out = backed_up(&installation, &["--without-vault"]);
    assert!(!left_out.join("vault.sealed").exists());
    let new = with_keys_of(&installation);
    let (code, said) = end_of_restore(&new, &left_out, &[]);
    assert!(said.contains("it was left out"), "{said}");
    assert_eq!(code, Some(5), "{said}");
    assert!(!new.data().join("vault.db").exists());
}

/// Without a key, or with another one in its place, a restore says which.
fn each_key_is_missed(installation: &Installation, backup: &Path) {
    for (key, says) in [
        ("backup.key", "the key of the backups"),
        ("vault.key", "key of the vault"),
        ("log.key", "the key that signs"),
    ] {
        let other = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        for instead in [None, Some(other), Some("no key")] {
            for more in [&["--check"][..], &[]] {
                let new = with_keys_of(installation);
                fs::remove_file(new.data().join(key)).unwrap();
                if let Some(text) = instead {
                    fs::write(new.data().join(key), text).unwrap();
                }
                let (code, said) = end_of_restore(&new, backup, more);
                let says = match (key, instead) {
                    ("backup.key", Some(_)) => "vault:",
                    _ => says,
                };
                assert!(said.contains(says), "{key} {instead:?}: {said}");
                // Without the key of backups there is no vault; the others may come later.
                let wanted = if key == "backup.key" { 1 } else { 5 };
                assert_eq!(code, Some(wanted), "{key} {instead:?} {more:?}: {said}");
                let is_restored = key != "backup.key" && more.is_empty();
                assert_eq!(new.data().join("log.db").exists(), is_restored, "{said}");
                let after = fs::read_to_string(new.data().join(key)).ok();
                assert_eq!(after.as_deref(), instead, "{key} is as it was");
            }
        }
    }
}

#[tokio::test]
async fn half_a_backup_is_never_taken_for_a_whole_one() {
    let installation = Installation::on_sqlite();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    server.terminate().await;
    let folder = installation.folder().join("backups");
    let whole = backed_up(&installation, &[]);
    // Cut off at any point: a folder of another name, with or without its files.
    let half = folder.join("99991231T000000.000000Z.part");
    fs::create_dir(&half).unwrap();
    for file in ["log.db", "manifest.json"] {
        fs::copy(whole.join(file), half.join(file)).unwrap();
    }
    let (went_well, said) = restored(&with_keys_of(&installation), &folder, &[]);
    assert!(
        went_well && said.contains(whole.to_str().unwrap()),
        "{said}"
    );
    let next = backed_up(&installation, &["--keep", "1"]);
    assert!(!half.exists(), "the next one removes it");
    assert_eq!(backups(&folder), [next], "as many as are kept");
    // Nowhere to write: no backup, and it says so.
    let file = installation.folder().join("a file");
    fs::write(&file, "").unwrap();
    let refused = installation.end_of(&["backup", file.to_str().unwrap()]);
    assert!(!refused.status.success());
}

#[tokio::test]
async fn the_server_makes_backups_and_says_how_old_the_last_one_is() {
    let installation = Installation::on_sqlite();
    let folder = installation.folder().join("backups");
    let settings = "backup_to = \"backups\"\nbackup_every = \"10s\"\nbackup_keep = 1\n";
    fs::write(installation.folder().join("meguri.toml"), settings).unwrap();
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let mut seen = Vec::new();
    for _ in 0..LOOKS_MAX {
        let made = backups(&folder);
        if let Some(newest) = made.last()
            && seen.last() != Some(newest)
        {
            seen.push(newest.clone());
        }
        if seen.len() == 3 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(seen.len() >= 3, "one after the other: {seen:?}");
    let status = server.api().get("/api/status", None).await;
    let backup = &status["backup"];
    assert_eq!(backup["failing"], false, "{status}");
    assert!(backup["position"].as_u64().unwrap() >= 3, "{status}");
    assert!(
        backup["age_seconds"].is_u64() && backup["at"].is_string(),
        "{status}"
    );
    let metrics = server.api().text("/metrics", None).await;
    for name in ["meguri_backup_age_seconds", "meguri_backup_position"] {
        assert!(metrics.contains(name), "{metrics}");
    }
    let running = status["loops"].as_array().unwrap().iter();
    assert!(
        running.clone().any(|one| one["name"] == "backups"),
        "{status}"
    );
    // The target keeps the last checkpoint, too.
    let key = verifier(&installation);
    checkpoint(server.api(), &key, 3).await;
    assert!(folder.join("checkpoint").exists());
    server.terminate().await;
    let (went_well, said) = restored(&with_keys_of(&installation), &folder, &[]);
    assert!(went_well, "{said}");
}

#[tokio::test]
async fn databases_in_postgresql_are_checked_against_the_same_manifest() {
    let database = || shared().unwrap().create_database().unwrap();
    let installation = Installation::on_databases(database);
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    let key = verifier(&installation);
    checkpoint(server.api(), &key, 3).await;
    server.terminate().await;
    let to = installation.folder().join("backups");
    let said = installation.run(&["backup", to.to_str().unwrap()]);
    assert!(
        said.contains("pg_dump") && said.contains("DATABASE_URL"),
        "{said}"
    );
    let backup = backups(&to).pop().unwrap();
    assert_eq!(manifest(&backup)["backend"], "postgresql");
    let (went_well, said) = restored(&installation, &backup, &[]);
    assert!(
        went_well && said.contains("nothing that does not fit"),
        "{said}"
    );
    // A copy is another database, and does not sign.
    let (log, vault) = installation.databases().unwrap();
    let mut copies = [log, vault]
        .map(|of| shared().unwrap().copy_database(&of).unwrap())
        .into_iter();
    let copy = Installation::on_databases(|| copies.next().unwrap());
    fs::create_dir(copy.data()).unwrap();
    for key in KEYS {
        let _ = fs::copy(installation.data().join(key), copy.data().join(key));
    }
    let (went_well, said) = restored(&copy, &backup, &[]);
    assert!(went_well, "{said}");
    let server = copy.serve().await;
    state(&server, "refusing").await;
    server.terminate().await;
    // Another log is not the one of the manifest.
    let other = Installation::on_databases(database);
    let server = other.serve().await;
    for name in ["jiro", "saburo"] {
        server.api().register(name, "だれか").await;
    }
    server.terminate().await;
    let (went_well, said) = restored(&other, &backup, &[]);
    assert!(!went_well && said.contains("the manifest says"), "{said}");
}
