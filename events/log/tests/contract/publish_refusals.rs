//! Two stories are never signed: what a publisher does about crashes, other publishers, restored
//! backups, changed entries and foreign keys.

use std::{path::PathBuf, time::Duration};

use meguri_log::{
    KeptIn, Log, PublishOptions, PublishState, Publisher, Refusal, SigningKey, SigningKeyError,
};
use meguri_proofs::{Tile, Tree};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{
    frontiers::{entries, fill},
    immutability::Database,
    publish::{opened, options, publish, published},
};

on_both_backends!(
    a_publisher_that_is_killed_anywhere_is_continued,
    what_was_signed_and_not_published_before_a_crash_is_published_then,
    of_two_publishers_one_works_and_the_other_takes_over,
    a_log_that_was_restored_from_an_older_backup_is_not_signed,
    a_log_that_grew_again_after_a_restore_is_not_signed,
    a_log_with_a_changed_entry_is_not_signed,
    a_tile_that_somebody_put_there_is_not_signed_over,
    a_checkpoint_of_another_log_is_not_taken_for_ones_own,
    another_key_or_another_name_does_not_start,
    a_published_log_does_not_get_a_new_key,
    the_database_refuses_to_change_or_delete_what_was_published,
);

async fn refusal(publisher: &Publisher) -> Refusal {
    let mut watch = publisher.watch();
    let refuses = watch.wait_for(|now| matches!(now.state, PublishState::Refusing(_)));
    let now = tokio::time::timeout(Duration::from_secs(20), refuses).await;
    let now = now.expect("it refuses in time").unwrap();
    let PublishState::Refusing(refusal) = &now.state else {
        panic!("{:?}", now.state);
    };
    refusal.clone()
}

pub(super) fn outside(home: &Home) -> PathBuf {
    home.folder().join("checkpoint")
}

/// Publishes all there is.
async fn publish_all(home: &Home, log: &Log) -> Tree {
    let publisher = publish(home, log).await;
    let mut watch = publisher.watch();
    let publishing = watch.wait_for(|now| now.state == PublishState::Publishing);
    publishing.await.unwrap();
    let checkpoint = published(&publisher, log.head().await.unwrap().position.get()).await;
    let tree = opened(&checkpoint, publisher.verifier());
    publisher.close().await;
    tree
}

/// Lets somebody change what the database refuses to.
pub(super) async fn unguarded(home: &Home, backend: Backend) -> Database {
    let database = Database::of(home).await;
    match backend {
        Backend::Sqlite => {
            for trigger in [
                "events_are_never_deleted",
                "events_are_never_changed",
                "tiles_are_never_deleted",
                "tiles_are_never_changed",
                "checkpoints_are_never_deleted",
                "checkpoints_are_never_changed",
            ] {
                database
                    .run(&format!("drop trigger if exists {trigger}"))
                    .await
                    .unwrap();
            }
        }
        Backend::Postgres => {
            for table in ["events", "tiles", "checkpoints"] {
                let disable = format!("alter table {table} disable trigger user");
                database.run(&disable).await.unwrap();
            }
        }
    }
    database
}

async fn a_publisher_that_is_killed_anywhere_is_continued(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut checked = Tree::EMPTY;
    for round in 0..20_u64 {
        let publisher = publish(&home, &log).await;
        let (filling, killing) = (fill(&log, 300), async {
            // Anywhere within a round; which step it hits differs from run to run.
            tokio::time::sleep(Duration::from_micros(round * 1_700)).await;
            drop(publisher);
        });
        tokio::join!(filling, killing);
        if let Some(last) = log.latest_checkpoint().await.unwrap() {
            let proof = log
                .consistency_proof(checked.size, last.tree.size)
                .await
                .unwrap();
            proof.verify_consistency(&checked, &last.tree).unwrap();
            checked = last.tree;
        }
    }
    let tree = publish_all(&home, &log).await;
    assert_eq!(tree.size, 6_000);
    let root = log.frontier_at(log.known_head()).await.unwrap().root();
    assert_eq!(tree.root, root.0);
    let mut builder = meguri_proofs::Builder::default();
    for entry in entries(&log).await {
        for piece in builder.push(&entry).unwrap() {
            if let meguri_proofs::Piece::Tile(tile, hashes) = piece {
                assert_eq!(log.tile(tile).await.unwrap(), hashes);
            }
        }
    }
}

async fn what_was_signed_and_not_published_before_a_crash_is_published_then(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 300).await;
    publish_all(&home, &log).await;
    let first = std::fs::read(outside(&home)).unwrap();
    fill(&log, 300).await;
    let tree = publish_all(&home, &log).await;
    let second = std::fs::read_to_string(outside(&home)).unwrap();
    let database = unguarded(&home, backend).await;
    let forget = "delete from checkpoints where size = 600";
    // Killed between the file and the database: what is in the file was signed, and stands.
    assert_eq!(database.run(forget).await, Ok(1));
    assert_eq!(publish_all(&home, &log).await, tree);
    assert_eq!(log.checkpoint_of(600).await.unwrap().unwrap().note, second);
    // Killed between the tiles and the file: the tiles are there already, and are not new.
    assert_eq!(database.run(forget).await, Ok(1));
    std::fs::write(outside(&home), &first).unwrap();
    assert_eq!(publish_all(&home, &log).await, tree);
    // The file lost: it is made anew.
    std::fs::remove_file(outside(&home)).unwrap();
    assert_eq!(publish_all(&home, &log).await, tree);
    assert_eq!(std::fs::read_to_string(outside(&home)).unwrap(), second);
}

async fn of_two_publishers_one_works_and_the_other_takes_over(backend: Backend) {
    let home = Home::new(backend);
    let [one, two] = [home.open().await, home.open().await];
    let first = publish(&home, &one).await;
    fill(&one, 10).await;
    published(&first, 10).await;
    let second = publish(&home, &two).await;
    // The one that waits tells what the other publishes.
    published(&second, 10).await;
    assert_eq!(second.watch().borrow().state, PublishState::Waiting);
    assert_eq!(first.watch().borrow().state, PublishState::Publishing);
    drop(first);
    fill(&one, 10).await;
    published(&second, 20).await;
    assert_eq!(second.watch().borrow().state, PublishState::Publishing);
}

async fn a_log_that_was_restored_from_an_older_backup_is_not_signed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 10).await;
    publish_all(&home, &log).await;
    let backup = std::fs::read(outside(&home)).unwrap();
    fill(&log, 10).await;
    publish_all(&home, &log).await;
    forget_the_last_ten(&home, backend).await;
    let publisher = publish(&home, &log).await;
    let kept_in = KeptIn::File(outside(&home));
    let refused = refusal(&publisher).await;
    assert_eq!(
        refused,
        Refusal::Shorter {
            head: 10,
            published: 20,
            kept_in
        }
    );
    assert!(
        refused
            .to_string()
            .contains("Restore one that has all of them")
    );
    // Nothing was signed, and nothing else stands still.
    assert_eq!(
        log.latest_checkpoint().await.unwrap().unwrap().tree.size,
        10
    );
    assert_ne!(std::fs::read(outside(&home)).unwrap(), backup);
}

/// Makes the database what it was ten events ago, as a restored backup would.
async fn forget_the_last_ten(home: &Home, backend: Backend) {
    let database = unguarded(home, backend).await;
    for forget in [
        "delete from checkpoints where size > 10",
        "delete from events where position > 10",
        "update log_head set position = 10",
    ] {
        assert_eq!(
            database.run(forget).await.map(|rows| rows > 0),
            Ok(true),
            "{forget}"
        );
    }
}

async fn a_log_that_grew_again_after_a_restore_is_not_signed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 20).await;
    publish_all(&home, &log).await;
    log.close().await;
    let database = unguarded(&home, backend).await;
    database.run("delete from checkpoints").await.unwrap();
    let swap = "update events set entry = (select entry from events where position = 1) \
                where position > 10";
    database.run(swap).await.unwrap();
    let log = home.open().await;
    let publisher = publish(&home, &log).await;
    let Refusal::Changed {
        size: 20, kept_in, ..
    } = refusal(&publisher).await
    else {
        panic!("it should not agree with the file");
    };
    assert_eq!(kept_in, KeptIn::File(outside(&home)));
    assert_eq!(log.latest_checkpoint().await.unwrap(), None);
}

async fn a_log_with_a_changed_entry_is_not_signed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 300).await;
    publish_all(&home, &log).await;
    let swap = "update events set entry = (select entry from events where position = 2) \
                where position = 1";
    assert_eq!(unguarded(&home, backend).await.run(swap).await, Ok(1));
    let publisher = publish(&home, &log).await;
    let Refusal::Changed {
        size: 300,
        kept_in: KeptIn::Database,
        ..
    } = refusal(&publisher).await
    else {
        panic!("it should not agree with the database");
    };
    fill(&log, 1).await;
    assert_eq!(
        log.latest_checkpoint().await.unwrap().unwrap().tree.size,
        300
    );
}

async fn a_tile_that_somebody_put_there_is_not_signed_over(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 256).await;
    publish_all(&home, &log).await;
    let database = unguarded(&home, backend).await;
    // As if the tile of the next events had been put there beforehand.
    let forge = "insert into tiles select level, 1, hashes, root from tiles where number = 0 \
                 and level = 0";
    assert_eq!(database.run(forge).await, Ok(1));
    fill(&log, 256).await;
    let publisher = publish(&home, &log).await;
    let tile = Tile::new(0, 1, 256).unwrap();
    assert_eq!(refusal(&publisher).await, Refusal::Tile(tile));
    publisher.close().await;
    // And one that was published and then changed.
    let change = match backend {
        Backend::Sqlite => "update tiles set root = zeroblob(32) where number = 0",
        Backend::Postgres => {
            "update tiles set root = decode(repeat('00', 32), 'hex') where number = 0"
        }
    };
    assert_eq!(database.run(change).await, Ok(1));
    let publisher = publish(&home, &log).await;
    assert_eq!(refusal(&publisher).await, Refusal::Tiles { size: 256 });
}

async fn a_checkpoint_of_another_log_is_not_taken_for_ones_own(backend: Backend) {
    let [home, other] = [Home::new(backend), Home::new(backend)];
    for home in [&home, &other] {
        let log = home.open().await;
        fill(&log, 3).await;
        publish_all(home, &log).await;
        log.close().await;
    }
    for text in [std::fs::read(outside(&other)).unwrap(), b"no note".to_vec()] {
        std::fs::write(outside(&home), text).unwrap();
        let log = home.open().await;
        let publisher = publish(&home, &log).await;
        let Refusal::Foreign { kept_in, .. } = refusal(&publisher).await else {
            panic!("it should not be taken");
        };
        assert_eq!(kept_in, KeptIn::File(outside(&home)));
        publisher.close().await;
        log.close().await;
    }
}

async fn another_key_or_another_name_does_not_start(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let known = publish(&home, &log).await.verifier().to_string();
    let key = SigningKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let origin = Some("other.example.org".parse().unwrap());
    let wrong = [
        PublishOptions {
            key,
            ..options(&home)
        },
        PublishOptions {
            origin,
            ..options(&home)
        },
    ];
    for options in wrong {
        let refused = Publisher::start(log.clone(), options).await.unwrap_err();
        let SigningKeyError::Foreign { expected, found } = &refused else {
            panic!("{refused}");
        };
        assert_eq!(*expected, known);
        assert_ne!(*found, known);
        assert!(
            refused.to_string().contains("give the key and the origin"),
            "{refused}"
        );
    }
}

async fn a_published_log_does_not_get_a_new_key(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    publish(&home, &log).await.close().await;
    let key = home.folder().join("log.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_file(&key).unwrap();
    let refused = Publisher::start(log.clone(), options(&home))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, SigningKeyError::Missing { .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("put the key back"),
        "{refused}"
    );
    assert!(!key.exists());
}

async fn the_database_refuses_to_change_or_delete_what_was_published(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 300).await;
    publish_all(&home, &log).await;
    let database = Database::of(&home).await;
    let mut attacks = vec![
        "delete from tiles",
        "update tiles set number = 7",
        "update tiles set hashes = hashes",
        "update tiles set root = root",
        "delete from checkpoints",
        "update checkpoints set size = 299",
        "update checkpoints set root = root",
        "update checkpoints set note = 'forged'",
    ];
    match backend {
        Backend::Sqlite => attacks.extend([
            "insert or replace into tiles select * from tiles",
            "insert or replace into checkpoints select * from checkpoints",
        ]),
        Backend::Postgres => attacks.extend(["truncate tiles", "truncate checkpoints"]),
    }
    for attack in attacks {
        let refused = database.run(attack).await.unwrap_err();
        assert!(refused.contains("append-only"), "{attack}: {refused}");
    }
}
