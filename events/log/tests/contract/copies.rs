//! A log that was copied, moved or restored signs nothing before it is certain that nothing later
//! was signed: there are never two trees of one size under one key.

use std::{collections::BTreeMap, path::Path, time::Duration};

use meguri_log::{
    LastSigned, Log, Publication, PublishOptions, PublishState, Publisher, Refusal, SigningKey,
};
use meguri_proofs::{Hash, Tree};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{
    frontiers::fill,
    immutability::Database,
    publish::{opened, options, publish, published},
};

on_both_backends!(
    a_copy_signs_nothing_before_somebody_says_what_was_signed_last,
    an_older_copy_is_not_taken_for_the_log,
    a_copy_without_any_of_the_small_files_signs_nothing,
    of_two_copies_side_by_side_the_first_goes_on_and_the_second_never_signs,
    a_file_elsewhere_that_was_copied_too_is_no_evidence,
    a_moved_log_that_locks_the_same_file_elsewhere_goes_on,
    copies_that_share_a_file_elsewhere_never_sign_two_trees_of_one_size,
    a_file_elsewhere_finds_out_what_was_put_back_with_its_checkpoint,
    the_last_checkpoint_lets_a_moved_log_go_on,
    a_checkpoint_that_is_ahead_of_a_copy_or_not_of_this_log_does_not,
    a_log_that_was_filled_before_it_was_published_is_published,
    a_log_that_only_restarts_is_not_asked,
);

/// Every tree that was signed under one key.
#[derive(Default)]
struct Signed(BTreeMap<u64, Hash>);

impl Signed {
    /// Takes in everything that a log has signed.
    async fn of(&mut self, log: &Log) {
        for checkpoint in log.checkpoints_from(0, 1_000).await.unwrap() {
            let Tree { size, root } = checkpoint.tree;
            let known = *self.0.entry(size).or_insert(root);
            assert_eq!(known, root, "two trees of {size} events under one key");
        }
    }
}

/// Waits until it publishes or refuses.
async fn settled(publisher: &Publisher) -> Publication {
    let mut watch = publisher.watch();
    let settled = watch.wait_for(|now| {
        matches!(
            now.state,
            PublishState::Publishing | PublishState::Refusing(_)
        )
    });
    let now = tokio::time::timeout(Duration::from_secs(20), settled).await;
    now.expect("it settles in time").unwrap().clone()
}

async fn refusal(publisher: &Publisher) -> Refusal {
    let state = settled(publisher).await.state;
    let PublishState::Refusing(refusal) = state else {
        panic!("{state:?}");
    };
    refusal
}

fn is_moved(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Moved { .. })
}

/// A log of so many events that are published, closed.
async fn home_of(backend: Backend, count: usize) -> Home {
    let home = Home::new(backend);
    let log = home.open().await;
    grown(&home, &log, count).await;
    log.close().await;
    home
}

/// Appends so many events, and publishes all there is.
async fn grown(home: &Home, log: &Log, count: usize) -> Tree {
    let publisher = publish(home, log).await;
    fill(log, count).await;
    let head = log.head().await.unwrap().position.get();
    let checkpoint = published(&publisher, head).await;
    let tree = opened(&checkpoint, publisher.verifier());
    publisher.close().await;
    tree
}

fn all(_: &str) -> bool {
    true
}

async fn started(home: &Home, log: &Log, last_signed: Option<LastSigned>) -> Publisher {
    let options = PublishOptions {
        last_signed,
        ..options(home)
    };
    Publisher::start(log.clone(), options).await.unwrap()
}

async fn a_copy_signs_nothing_before_somebody_says_what_was_signed_last(backend: Backend) {
    let home = home_of(backend, 10).await;
    let copy = home.copied(all);
    let log = copy.open().await;
    fill(&log, 5).await;
    let publisher = publish(&copy, &log).await;
    let refused = refusal(&publisher).await;
    assert!(is_moved(&refused), "{refused}");
    for word in ["--last-checkpoint", "--nothing-later-was-published"] {
        assert!(refused.to_string().contains(word), "{refused}");
    }
    fill(&log, 5).await;
    publisher.close().await;
    let signed = log.latest_checkpoint().await.unwrap().unwrap();
    assert_eq!(signed.tree.size, 10);
    // Nor does it after a restart.
    let publisher = publish(&copy, &log).await;
    assert!(is_moved(&refusal(&publisher).await));
    publisher.close().await;
    let publisher = started(&copy, &log, Some(LastSigned::NothingLater)).await;
    published(&publisher, 20).await;
    publisher.close().await;
    // The word is needed once.
    fill(&log, 1).await;
    let publisher = publish(&copy, &log).await;
    published(&publisher, 21).await;
}

async fn an_older_copy_is_not_taken_for_the_log(backend: Backend) {
    let home = home_of(backend, 10).await;
    let older = home.copied(all);
    let log = home.open().await;
    let mut signed = Signed::default();
    grown(&home, &log, 10).await;
    signed.of(&log).await;
    let copy = older.open().await;
    fill(&copy, 10).await;
    let publisher = publish(&older, &copy).await;
    assert!(is_moved(&refusal(&publisher).await));
    signed.of(&copy).await;
    // The true one is not disturbed.
    grown(&home, &log, 1).await;
    signed.of(&log).await;
}

async fn a_copy_without_any_of_the_small_files_signs_nothing(backend: Backend) {
    let home = home_of(backend, 10).await;
    // What somebody copies who knows of the databases and the keys alone.
    let copy = home
        .copied(|name| name.starts_with("log.db") || name.ends_with('k') || name.ends_with("key"));
    std::fs::copy(
        home.folder().join("vault.kek"),
        copy.folder().join("vault.kek"),
    )
    .unwrap();
    for name in ["vault.db", "vault.db-wal"] {
        let _ = std::fs::copy(home.folder().join(name), copy.folder().join(name));
    }
    assert!(!copy.folder().join("checkpoint").exists());
    let log = copy.open().await;
    fill(&log, 1).await;
    let publisher = publish(&copy, &log).await;
    let refused = refusal(&publisher).await;
    assert!(is_moved(&refused), "{refused}");
    // With the key alone, and a log that begins anew, neither.
    let alone = Home::new(backend);
    std::fs::copy(
        home.folder().join("log.key"),
        alone.folder().join("log.key"),
    )
    .unwrap();
    let log = alone.open().await;
    fill(&log, 10).await;
    let publisher = publish(&alone, &log).await;
    assert!(is_moved(&refusal(&publisher).await));
}

async fn of_two_copies_side_by_side_the_first_goes_on_and_the_second_never_signs(backend: Backend) {
    let home = home_of(backend, 10).await;
    let copies = [home.copied(all), home.copied(all)];
    let mut signed = Signed::default();
    let log = home.open().await;
    let logs = [copies[0].open().await, copies[1].open().await];
    let publisher = publish(&home, &log).await;
    let others = [
        publish(&copies[0], &logs[0]).await,
        publish(&copies[1], &logs[1]).await,
    ];
    for round in 1..=3_usize {
        for log in [&log, &logs[0], &logs[1]] {
            fill(log, 4).await;
        }
        published(&publisher, 10 + 4 * round as u64).await;
    }
    for other in &others {
        assert!(is_moved(&refusal(other).await));
    }
    for log in [&log, &logs[0], &logs[1]] {
        signed.of(log).await;
    }
}

fn with_elsewhere(home: &Home, file: &Path, last_signed: Option<LastSigned>) -> PublishOptions {
    PublishOptions {
        elsewhere: vec![file.to_owned()],
        last_signed,
        ..options(home)
    }
}

async fn a_file_elsewhere_that_was_copied_too_is_no_evidence(backend: Backend) {
    let home = Home::new(backend);
    let file = home.folder().join("elsewhere");
    let log = home.open().await;
    let publisher = Publisher::start(log.clone(), with_elsewhere(&home, &file, None)).await;
    let publisher = publisher.unwrap();
    fill(&log, 10).await;
    published(&publisher, 10).await;
    publisher.close().await;
    log.close().await;
    let copy = home.copied(all);
    let file = copy.folder().join("elsewhere");
    let log = copy.open().await;
    let publisher = Publisher::start(log, with_elsewhere(&copy, &file, None)).await;
    assert!(is_moved(&refusal(&publisher.unwrap()).await));
}

async fn a_moved_log_that_locks_the_same_file_elsewhere_goes_on(backend: Backend) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("meguri.checkpoint");
    let home = Home::new(backend);
    let log = home.open().await;
    let publisher = Publisher::start(log.clone(), with_elsewhere(&home, &file, None)).await;
    let publisher = publisher.unwrap();
    fill(&log, 10).await;
    published(&publisher, 10).await;
    publisher.close().await;
    log.close().await;
    let copy = home.copied(all);
    let log = copy.open().await;
    fill(&log, 10).await;
    let publisher = Publisher::start(log, with_elsewhere(&copy, &file, None)).await;
    published(&publisher.unwrap(), 20).await;
}

async fn copies_that_share_a_file_elsewhere_never_sign_two_trees_of_one_size(backend: Backend) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("meguri.checkpoint");
    let home = Home::new(backend);
    let log = home.open().await;
    let publisher = Publisher::start(log.clone(), with_elsewhere(&home, &file, None)).await;
    let publisher = publisher.unwrap();
    fill(&log, 10).await;
    published(&publisher, 10).await;
    publisher.close().await;
    log.close().await;
    let copy = home.copied(all);
    let logs = [home.open().await, copy.open().await];
    // Somebody says of both what can be true of one.
    let word = Some(LastSigned::NothingLater);
    let publishers = [
        Publisher::start(logs[0].clone(), with_elsewhere(&home, &file, None)).await,
        Publisher::start(logs[1].clone(), with_elsewhere(&copy, &file, word)).await,
    ]
    .map(Result::unwrap);
    for publisher in &publishers {
        assert_eq!(settled(publisher).await.state, PublishState::Publishing);
    }
    for _ in 0..20 {
        for log in &logs {
            fill(log, 1).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = async |publisher: &Publisher| {
        let mut watch = publisher.watch();
        let refuses = watch.wait_for(|now| matches!(now.state, PublishState::Refusing(_)));
        drop(refuses.await.unwrap());
    };
    let one = async {
        tokio::select! {
            () = refused(&publishers[0]) => {}
            () = refused(&publishers[1]) => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), one)
        .await
        .expect("one of them refuses");
    let mut signed = Signed::default();
    for log in &logs {
        signed.of(log).await;
    }
}

async fn a_file_elsewhere_finds_out_what_was_put_back_with_its_checkpoint(backend: Backend) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("meguri.checkpoint");
    let home = Home::new(backend);
    let log = home.open().await;
    let publisher = Publisher::start(log.clone(), with_elsewhere(&home, &file, None)).await;
    let publisher = publisher.unwrap();
    fill(&log, 10).await;
    published(&publisher, 10).await;
    publisher.close().await;
    log.close().await;
    let older = home.copied(all);
    let log = home.open().await;
    let publisher = Publisher::start(log.clone(), with_elsewhere(&home, &file, None)).await;
    fill(&log, 10).await;
    published(publisher.as_ref().unwrap(), 20).await;
    publisher.unwrap().close().await;
    // Whatever somebody says, the file knows better.
    let copy = older.open().await;
    fill(&copy, 20).await;
    let word = Some(LastSigned::NothingLater);
    let publisher = Publisher::start(copy.clone(), with_elsewhere(&older, &file, word)).await;
    let refused = refusal(&publisher.unwrap()).await;
    let Refusal::Changed { size: 20, .. } = refused else {
        panic!("{refused}");
    };
    // Where nothing can be kept elsewhere, nothing is signed.
    let missing = elsewhere.path().join("missing").join("checkpoint");
    let options = with_elsewhere(&home, &missing, None);
    let publisher = Publisher::start(log.clone(), options).await.unwrap();
    let mut watch = publisher.watch();
    let fails = watch.wait_for(|now| matches!(now.state, PublishState::Failing(_)));
    tokio::time::timeout(Duration::from_secs(20), fails)
        .await
        .expect("it fails")
        .unwrap();
}

async fn the_last_checkpoint_lets_a_moved_log_go_on(backend: Backend) {
    let home = home_of(backend, 300).await;
    let copy = home.copied(all);
    let last = std::fs::read(home.folder().join("checkpoint")).unwrap();
    let log = copy.open().await;
    fill(&log, 300).await;
    let word = LastSigned::Checkpoint(last);
    let publisher = started(&copy, &log, Some(word)).await;
    let tree = opened(&published(&publisher, 600).await, publisher.verifier());
    let root = log.frontier_at(log.known_head()).await.unwrap().root();
    assert_eq!(tree.root, root.0);
}

async fn a_checkpoint_that_is_ahead_of_a_copy_or_not_of_this_log_does_not(backend: Backend) {
    let home = home_of(backend, 10).await;
    let copy = home.copied(all);
    let log = home.open().await;
    grown(&home, &log, 10).await;
    let last = std::fs::read(home.folder().join("checkpoint")).unwrap();
    let log = copy.open().await;
    let word = || Some(LastSigned::Checkpoint(last.clone()));
    let publisher = started(&copy, &log, word()).await;
    let refused = refusal(&publisher).await;
    assert!(
        matches!(
            refused,
            Refusal::Shorter {
                head: 10,
                published: 20,
                ..
            }
        ),
        "{refused}"
    );
    publisher.close().await;
    fill(&log, 20).await;
    let publisher = started(&copy, &log, word()).await;
    let refused = refusal(&publisher).await;
    assert!(
        matches!(refused, Refusal::Changed { size: 20, .. }),
        "{refused}"
    );
    publisher.close().await;
    for text in [b"no note".to_vec(), vec![0xff], Vec::new()] {
        let publisher = started(&copy, &log, Some(LastSigned::Checkpoint(text))).await;
        let refused = refusal(&publisher).await;
        assert!(matches!(refused, Refusal::Foreign { .. }), "{refused}");
        publisher.close().await;
    }
    assert_eq!(
        log.latest_checkpoint().await.unwrap().unwrap().tree.size,
        10
    );
}

async fn a_log_that_was_filled_before_it_was_published_is_published(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 10).await;
    let given = PublishOptions {
        key: SigningKey::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap(),
        ..options(&home)
    };
    log.close().await;
    let copy = home.copied(all);
    let log = home.open().await;
    let publisher = Publisher::start(log, given.clone()).await.unwrap();
    published(&publisher, 10).await;
    // Of a copy from before, the key that is given may have signed something.
    let log = copy.open().await;
    let options = PublishOptions {
        key: given.key,
        ..options(&copy)
    };
    let publisher = Publisher::start(log, options).await.unwrap();
    assert!(is_moved(&refusal(&publisher).await));
}

async fn a_log_that_only_restarts_is_not_asked(backend: Backend) {
    let home = home_of(backend, 10).await;
    for round in 1..=3 {
        let log = home.open().await;
        let publisher = publish(&home, &log).await;
        fill(&log, 1).await;
        published(&publisher, 10 + round).await;
        // Once it ends well, and once it is killed.
        if round == 1 {
            publisher.close().await;
            log.close().await;
        }
    }
    if backend == Backend::Postgres {
        // Another process has a folder of its own.
        let other = tempfile::tempdir().unwrap();
        let key = SigningKey::File(home.folder().join("log.key"));
        let options = PublishOptions {
            key,
            outside: other.path().join("checkpoint"),
            place: other.path().join("log.place"),
            ..options(&home)
        };
        let publisher = Publisher::start(home.open().await, options).await.unwrap();
        assert_eq!(settled(&publisher).await.state, PublishState::Publishing);
    }
}

#[tokio::test]
async fn files_that_were_put_back_in_place_are_noticed() {
    let home = home_of(Backend::Sqlite, 10).await;
    let backup = home.copied(all);
    let log = home.open().await;
    grown(&home, &log, 10).await;
    log.close().await;
    // Written over, so that every file keeps its place on the disk.
    for file in std::fs::read_dir(home.folder()).unwrap() {
        let file = file.unwrap();
        let before = backup.folder().join(file.file_name());
        if before.exists() {
            std::fs::copy(before, file.path()).unwrap();
        } else {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let log = home.open().await;
    assert_eq!(log.head().await.unwrap().position.get(), 10);
    fill(&log, 10).await;
    let publisher = publish(&home, &log).await;
    let refused = refusal(&publisher).await;
    assert!(is_moved(&refused), "{refused}");
}

#[tokio::test]
async fn a_log_on_another_machine_is_asked() {
    for field in ["host", "folder", "log", "inode", "born"] {
        let home = home_of(Backend::Sqlite, 1).await;
        let path = home.folder().join("log.place");
        let text = std::fs::read(&path).unwrap();
        let mut place: serde_json::Value = serde_json::from_slice(&text).unwrap();
        place[field] = serde_json::Value::Null;
        // Over what is there: its numbers stay.
        std::fs::write(&path, place.to_string()).unwrap();
        let log = home.open().await;
        let publisher = publish(&home, &log).await;
        if serde_json::from_slice::<serde_json::Value>(&text).unwrap()[field].is_null() {
            continue;
        }
        assert!(is_moved(&refusal(&publisher).await), "{field}");
    }
    // And where the file is well and the database comes from elsewhere.
    let home = home_of(Backend::Sqlite, 1).await;
    let other = Database::of(&home).await;
    let moved = "update publishing set place = 'elsewhere'";
    assert_eq!(other.run(moved).await, Ok(1));
    let publisher = publish(&home, &home.open().await).await;
    assert!(is_moved(&refusal(&publisher).await));
}
