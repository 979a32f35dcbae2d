//! A log that is gone is not served as a new one.

use std::fs;
use std::path::Path;

use crate::support::server::Installation;

const OF_THE_LOG: [&str; 3] = ["log.db", "log.db-wal", "log.db-shm"];
const OF_THE_VAULT: [&str; 3] = ["vault.db", "vault.db-wal", "vault.db-shm"];

/// A log that was served and published.
async fn lived_in() -> Installation {
    let installation = Installation::on_sqlite();
    installation.run(&["demo", "--members", "4", "--exchanges", "2"]);
    let server = installation.serve().await;
    let checkpoint = installation.data().join("checkpoint");
    for _ in 0..6_000 {
        if checkpoint.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(checkpoint.exists());
    server.terminate().await;
    installation
}

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        let path = data.join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, entry.metadata().unwrap().len())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// Refused by all that would make a log, and left as it was.
fn refused(installation: &Installation, why: &[&str]) {
    let data = installation.data();
    let before = files(&data);
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["log", "stat"],
        &["audit", "key"],
    ] {
        let output = installation.end_of(command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        for word in why {
            assert!(said.contains(word), "{command:?}: {word} in {said}");
        }
        assert!(said.contains("--start-anew"), "{said}");
        assert_eq!(files(&data), before, "{command:?} has changed something");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_missing_or_empty_beside_what_is_not_is_refused_with_what_to_do() {
    let all = ["vault.db", "checkpoint", "views", "policies"];
    for only in [
        None,
        Some("vault.db"),
        Some("checkpoint"),
        Some("views"),
        Some("policies"),
    ] {
        let installation = lived_in().await;
        let data = installation.data();
        remove(&data, &OF_THE_LOG);
        if let Some(only) = only {
            remove(&data, &OF_THE_VAULT[1..]);
            let others: Vec<_> = all.into_iter().filter(|name| *name != only).collect();
            remove(&data, &others);
        }
        refused(&installation, &[only.unwrap_or("vault.db")]);
        fs::write(data.join("log.db"), "").unwrap();
        refused(&installation, &[only.unwrap_or("checkpoint")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_events_in_the_place_of_one_with_is_refused() {
    let (installation, fresh) = (lived_in().await, Installation::on_sqlite());
    fresh.serve().await.terminate().await;
    let data = installation.data();
    remove(&data, &OF_THE_LOG);
    fs::copy(fresh.data().join("log.db"), data.join("log.db")).unwrap();
    let output = installation.end_of(&["log", "stat"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("vault") && said.contains("--start-anew"),
        "{said}"
    );
    // With the vault of the empty log, too, the checkpoint says what was there.
    remove(&data, &OF_THE_VAULT);
    for name in ["vault.db", "vault.key"] {
        fs::copy(fresh.data().join(name), data.join(name)).unwrap();
    }
    let output = installation.end_of(&["log", "stat"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("checkpoint") && said.contains("--start-anew"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_begins_a_new_log_in_so_many_words_and_the_old_keys_sign_no_more() {
    let installation = lived_in().await;
    let data = installation.data();
    let anew = ["serve", "--listen", "127.0.0.1:0", "--start-anew"];
    let output = installation.end_of(&anew);
    assert_eq!(output.status.code(), Some(2), "there is a log");
    let key = fs::read_to_string(data.join("log.vkey")).unwrap();

    remove(&data, &OF_THE_LOG);
    let server = installation.serve_with(&anew).await;
    server.api().register("yuki", "ゆき").await;
    server.terminate().await;
    assert_ne!(fs::read_to_string(data.join("log.vkey")).unwrap(), key);
    let aside = fs::read_dir(&data).unwrap().map(Result::unwrap);
    let aside = aside.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("set-aside-")
    });
    let aside: Vec<_> = aside.map(|entry| entry.path()).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read_to_string(aside[0].join("log.vkey")).unwrap(), key);
    for name in ["vault.db", "vault.key", "log.key", "checkpoint", "views"] {
        assert!(aside[0].join(name).exists(), "{name}");
    }
    installation.serve().await.terminate().await;
}
