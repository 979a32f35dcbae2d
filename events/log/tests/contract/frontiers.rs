//! The tree at any position: what was appended and nothing else, kept every 4,096 positions.

use futures::future::join_all;
use meguri_log::{Entry, Filter, Frontier, Log, Position, TreeError};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, immutability::Database, sealed};

on_both_backends!(
    the_tree_at_a_position_is_that_of_what_was_appended,
    the_tree_beyond_the_head_is_refused,
    many_may_ask_for_the_tree_at_once_while_others_append,
    a_redaction_leaves_the_tree_as_it_was,
    deleting_what_is_kept_of_the_tree_loses_nothing,
    what_is_kept_of_the_tree_and_wrong_is_found_and_put_right,
    a_missing_event_leaves_no_tree,
);

pub(super) async fn fill(log: &Log, events: usize) {
    for first in (0..events).step_by(1_000) {
        let count = (events - first).min(1_000);
        log.append(append((0..count).map(|_| event("a-1", "Made"))))
            .await
            .unwrap();
    }
}

pub(super) async fn entries(log: &Log) -> Vec<Entry> {
    let (mut entries, mut blocks) = (
        Vec::new(),
        log.read_ahead(Position::ZERO, Filter::default()),
    );
    while let Some(block) = blocks.next().await {
        entries.extend(block.unwrap().events.iter().map(|event| *event.entry()));
    }
    entries
}

fn tree(entries: &[Entry]) -> Frontier {
    let mut tree = Frontier::default();
    tree.extend(entries);
    tree
}

async fn at(log: &Log, position: usize) -> Frontier {
    log.frontier_at(Position::new(position as u64))
        .await
        .unwrap()
}

async fn the_tree_at_a_position_is_that_of_what_was_appended(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    assert_eq!(at(&log, 0).await, Frontier::default());
    fill(&log, 20_500).await;
    let entries = entries(&log).await;
    assert_eq!(entries.len(), 20_500);
    // In an order in which some find a kept frontier and some do not.
    for position in [
        5_000, 1, 4_095, 4_096, 4_097, 20_500, 16_384, 12_289, 0, 20_480, 5_000,
    ] {
        assert_eq!(
            at(&log, position).await,
            tree(&entries[..position]),
            "at {position}"
        );
    }
    log.close().await;
    let log = home.open().await;
    assert_eq!(at(&log, 20_499).await, tree(&entries[..20_499]));
    fill(&log, 1).await;
    assert_eq!(at(&log, 20_501).await.size(), 20_501);
    assert_eq!(log.check_frontiers().await.unwrap(), []);
    let kept = "delete from frontiers where position in (4096, 8192, 12288, 16384, 20480)";
    assert_eq!(Database::of(&home).await.run(kept).await, Ok(5));
}

async fn the_tree_beyond_the_head_is_refused(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for head in [0, 3] {
        fill(&log, head).await;
        let head = Position::new(head as u64);
        let refused = log.frontier_at(head.next()).await;
        assert_eq!(refused, Err(TreeError::Beyond { head }));
        assert_eq!(log.frontier_at(head).await.unwrap().position(), head);
    }
}

async fn many_may_ask_for_the_tree_at_once_while_others_append(backend: Backend) {
    let home = Home::new(backend);
    let logs = [home.open().await, home.open().await];
    fill(&logs[0], 9_000).await;
    let (trees, ()) = tokio::join!(
        join_all((0..20).map(|number| at(&logs[number % 2], 8_990 + number % 7))),
        fill(&logs[1], 1_000),
    );
    let entries = entries(&logs[0]).await;
    for found in trees {
        let size = usize::try_from(found.size()).unwrap();
        assert_eq!(found, tree(&entries[..size]));
    }
    assert_eq!(at(&logs[1], 10_000).await, tree(&entries));
    assert_eq!(logs[0].check_frontiers().await.unwrap(), []);
}

async fn a_redaction_leaves_the_tree_as_it_was(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let thanks = || sealed(event("a-1", "Thanked"), "member-1", "{}");
    log.append(append([thanks(), thanks(), thanks()]))
        .await
        .unwrap();
    let before = at(&log, 3).await;
    let redact = "update events set header = null, blind = null, sealed = null where position = 2";
    assert_eq!(Database::of(&home).await.run(redact).await, Ok(1));
    assert_eq!(at(&log, 3).await, before);
}

async fn deleting_what_is_kept_of_the_tree_loses_nothing(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 9_000).await;
    let before = at(&log, 9_000).await;
    let database = Database::of(&home).await;
    assert_eq!(database.run("delete from frontiers").await, Ok(2));
    assert_eq!(at(&log, 9_000).await, before);
    // Between the multiples of 4,096 nothing can be kept that would be taken for a frontier.
    let elsewhere = "insert into frontiers select 8999, frontier from frontiers";
    assert!(database.run(elsewhere).await.is_err());
}

async fn what_is_kept_of_the_tree_and_wrong_is_found_and_put_right(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 9_000).await;
    let right = at(&log, 8_192).await;
    let database = Database::of(&home).await;
    let put = async |bytes: &[u8]| {
        let bytes = match backend {
            Backend::Sqlite => format!("x'{}'", hex::encode(bytes)),
            Backend::Postgres => format!("'\\x{}'", hex::encode(bytes)),
        };
        let put = format!("update frontiers set frontier = {bytes} where position = 8192");
        assert_eq!(database.run(&put).await, Ok(1));
    };
    // Broken in its form, or of another size: not used, and put right by whoever passes it.
    let (cut, other) = (
        right.to_bytes()[..39].to_vec(),
        at(&log, 4_096).await.to_bytes(),
    );
    for broken in [cut, other] {
        put(&broken).await;
        assert_eq!(at(&log, 8_192).await, right);
        assert_eq!(log.check_frontiers().await.unwrap(), []);
    }
    // Well-formed and wrong: only the entries tell.
    let mut forged = right.to_bytes();
    forged[20] ^= 1;
    put(&forged).await;
    assert_ne!(at(&log, 8_192).await, right);
    assert_eq!(log.check_frontiers().await.unwrap(), [Position::new(8_192)]);
    assert_eq!(log.check_frontiers().await.unwrap(), []);
    assert_eq!(at(&log, 8_192).await, right);
}

async fn a_missing_event_leaves_no_tree(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 3).await;
    let database = Database::of(&home).await;
    let unguarded = match backend {
        Backend::Sqlite => "drop trigger events_are_never_deleted",
        Backend::Postgres => "alter table events disable trigger user",
    };
    database.run(unguarded).await.unwrap();
    database
        .run("delete from events where position = 2")
        .await
        .unwrap();
    assert_eq!(at(&log, 1).await.size(), 1);
    let refused = log.frontier_at(Position::new(3)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the log is damaged: entries between 0 and 3 are missing"
    );
}
