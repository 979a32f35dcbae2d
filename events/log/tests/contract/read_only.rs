//! A log that is only looked into: an audit of it says the same, and leaves nothing behind.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use meguri_log::{Log, Position, SystemClock};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::audit::{audit, two_people_write};

on_both_backends!(
    an_audit_without_the_vault_says_what_it_did_not_look_at,
    an_audit_of_a_log_that_is_only_read_leaves_nothing_behind,
);

fn files(folder: &Path) -> BTreeSet<(String, u64)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, entry.metadata().unwrap().len())
    });
    named.collect()
}

async fn an_audit_without_the_vault_says_what_it_did_not_look_at(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let events = two_people_write(&home, &log).await;
    let whole = audit(&home, &log).await;
    assert_eq!(
        (whole.1.len(), whole.0.opened, whole.0.unopened),
        (0, 30, 0)
    );
    let options = home.options(Arc::new(SystemClock));
    // Beside the process that writes, and after it.
    for close in [true, false] {
        let read_only = Log::open_read_only(&options, false).await.unwrap();
        let (audited, findings) = audit(&home, &read_only).await;
        assert_eq!(findings, []);
        assert_eq!((audited.opened, audited.unopened), (0, 30));
        assert_eq!((audited.events, audited.root), (events, whole.0.root));
        read_only.close().await;
        if close {
            log.close().await;
        }
    }
}

async fn an_audit_of_a_log_that_is_only_read_leaves_nothing_behind(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    two_people_write(&home, &log).await;
    log.close().await;
    let options = home.options(Arc::new(SystemClock));
    let before = files(home.folder());
    for has_vault in [true, false] {
        let read_only = Log::open_read_only(&options, has_vault).await.unwrap();
        let (audited, findings) = audit(&home, &read_only).await;
        assert_eq!(findings, []);
        assert_eq!(audited.opened, if has_vault { 30 } else { 0 });
        assert!(read_only.frontier_at(Position::new(200)).await.is_ok());
        read_only.close().await;
        assert_eq!(files(home.folder()), before, "with the vault: {has_vault}");
    }
    if backend == Backend::Sqlite {
        // A copy of the files with a journal beside them, as a running server has it.
        let log = home.open().await;
        log.append(super::append([super::event("a-1", "Made")]))
            .await
            .unwrap();
        let copied = tempfile::tempdir().unwrap();
        for name in ["log.db", "log.db-wal"] {
            std::fs::copy(home.folder().join(name), copied.path().join(name)).unwrap();
        }
        let mut options = options;
        options.location = meguri_log::Location::Sqlite {
            log: copied.path().join("log.db"),
            vault: copied.path().join("vault.db"),
        };
        let before = files(copied.path());
        let read_only = Log::open_read_only(&options, false).await.unwrap();
        assert_eq!(read_only.head().await.unwrap().position, Position::new(301));
        read_only.close().await;
        assert_eq!(files(copied.path()), before);
        log.close().await;
    }
}
