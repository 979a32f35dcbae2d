//! What stands where a log is looked for, and is none, is said in a sentence, with what to do; it
//! stays as it is.

use std::fs;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::{Desk, said};

/// Subcommands that open the log of a data folder, which is to be there.
const OPEN_A_LOG: [&[&str]; 14] = [
    &["log", "stat"],
    &["log", "tail", "--count", "0"],
    &["log", "show", "1"],
    &["log", "export"],
    &["views", "list"],
    &["views", "rebuild", "all"],
    &["erase", "hanako"],
    &["vault", "status"],
    &["auditor", "list"],
    &["operator", "revoke", "yuki"],
    &["audit", "check"],
    &["audit", "key"],
    &["audit", "redact", "1", "--reason", "R-1", "--by", "me"],
    &["backup", "backups"],
];
/// Those that make one where there is none.
const MAKE_A_LOG: [&[&str]; 3] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["demo", "--members", "4", "--exchanges", "0"],
    &["auditor", "add", "yuki"],
];

/// Something that is no log, made at a path.
type Other = fn(&Path);

fn text(path: &Path) {
    fs::write(path, "dear diary, this is no database\n").unwrap();
}

fn empty(path: &Path) {
    fs::write(path, "").unwrap();
}

fn folder(path: &Path) {
    fs::create_dir(path).unwrap();
}

fn device(path: &Path) {
    std::os::unix::fs::symlink("/dev/null", path).unwrap();
}

/// A database of another program.
fn bookmarks(path: &Path) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    changed(&options, "create table bookmarks (url text)");
}

/// Changes a database by another hand than the program's.
fn changed(options: &SqliteConnectOptions, statement: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let mut database = options.connect().await.unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
    });
}

/// The bytes of a file; of what is none, nothing.
fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

fn is_refused(desk: &Desk, call: &[&str], sentence: &str) {
    let output = desk.run(call);
    let said = said(&output);
    let failed = if call[..2] == ["audit", "check"] {
        2
    } else {
        1
    };
    assert_eq!(output.status.code(), Some(failed), "{call:?}: {said}");
    assert!(said.contains(sentence), "{call:?}: {sentence}: {said}");
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("WARN")).collect();
    assert_eq!(lines.len(), 2, "one sentence and what to do: {said}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn what_is_no_log_is_said_in_a_sentence_by_every_subcommand_that_opens_one() {
    let others: [(Other, &str); 5] = [
        (
            text,
            "data/log.db is a file that does not begin as those of SQLite",
        ),
        (folder, "data/log.db is a folder"),
        (
            device,
            "data/log.db is a device, a pipe or a socket, and no file",
        ),
        (
            bookmarks,
            "data/log.db is another database than the one that belongs there",
        ),
        (empty, "data/log.db is a file of 0 bytes"),
    ];
    for (other, sentence) in others {
        let desk = Desk::new();
        let log = desk.path().join("data/log.db");
        fs::create_dir(desk.path().join("data")).unwrap();
        other(&log);
        let before = bytes(&log);
        for call in OPEN_A_LOG {
            is_refused(&desk, call, sentence);
        }
        // An empty file is as good as none where a log is made.
        if !sentence.contains("0 bytes") {
            for call in MAKE_A_LOG {
                is_refused(&desk, call, sentence);
            }
        }
        assert_eq!(bytes(&log), before, "{sentence}");
        let left = fs::read_dir(desk.path().join("data")).unwrap().count();
        assert_eq!(left, 1, "{sentence}: nothing was made beside it");
    }
}

#[test]
fn what_is_no_vault_is_said_in_a_sentence() {
    let others: [(Other, &str); 4] = [
        (
            text,
            "data/vault.db is a file that does not begin as those of SQLite",
        ),
        (folder, "data/vault.db is a folder"),
        (
            device,
            "data/vault.db is a device, a pipe or a socket, and no file",
        ),
        (
            bookmarks,
            "data/vault.db is another database than the one that belongs there",
        ),
    ];
    for (other, sentence) in others {
        let desk = Desk::new();
        desk.answer(&["demo", "--members", "4", "--exchanges", "0"]);
        let vault = desk.path().join("data/vault.db");
        for journal in ["vault.db", "vault.db-wal", "vault.db-shm"] {
            let _ = fs::remove_file(desk.path().join("data").join(journal));
        }
        other(&vault);
        for call in OPEN_A_LOG.into_iter().chain([MAKE_A_LOG[0]]) {
            is_refused(&desk, call, sentence);
        }
    }
}

#[test]
fn a_log_of_another_release_is_called_so_where_it_is_only_read() {
    let desk = Desk::new();
    desk.answer(&["demo", "--members", "4", "--exchanges", "0"]);
    let log = desk.path().join("data/log.db");
    let log = SqliteConnectOptions::new().filename(log);
    let change = |statement| changed(&log, statement);
    change("drop table identities; delete from _sqlx_migrations where version >= 5");
    is_refused(
        &desk,
        &["audit", "check"],
        "an earlier release has written this log",
    );
    change("update _sqlx_migrations set version = 9000 where version = 4");
    is_refused(&desk, &["audit", "check"], "a later release than this one");
    is_refused(&desk, &["log", "stat"], "a later release than this one");
}
