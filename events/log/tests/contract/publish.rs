//! What is published: tiles, bundles and checkpoints are those of the entries, and every proof
//! made of them verifies with the verifier key alone.

use std::time::Duration;

use meguri_log::{
    Log, Position, PublishOptions, PublishState, PublishedError, Publisher, SignedCheckpoint,
    SigningKey, Witnesses,
};
use meguri_proofs::{Builder, Bundle, Checkpoint, Note, Piece, Tile, Tree, VerifierKey, leaf};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{
    append, event,
    frontiers::{entries, fill},
};

on_both_backends!(
    tiles_and_bundles_are_those_of_the_entries_at_every_border,
    every_proof_verifies_against_a_checkpoint_that_was_published,
    nothing_is_published_before_it_is_signed,
    publishing_goes_on_after_a_restart,
    a_log_without_a_name_gets_one_from_its_key,
    an_append_is_published_without_being_asked_for,
);

pub(super) fn options(home: &Home) -> PublishOptions {
    PublishOptions {
        key: SigningKey::File(home.folder().join("log.key")),
        origin: Some("log.example.org".parse().unwrap()),
        interval: Duration::from_millis(5),
        outside: home.folder().join("checkpoint"),
        elsewhere: Vec::new(),
        keepers: Vec::new(),
        place: home.folder().join("log.place"),
        last_signed: None,
        witnesses: Witnesses::default(),
    }
}

pub(super) async fn publish(home: &Home, log: &Log) -> Publisher {
    Publisher::start(log.clone(), options(home)).await.unwrap()
}

/// Waits until so many events are published.
pub(super) async fn published(publisher: &Publisher, size: u64) -> SignedCheckpoint {
    let mut watch = publisher.watch();
    let covers = watch.wait_for(|now| now.latest.as_ref().is_some_and(|it| it.tree.size >= size));
    let found = tokio::time::timeout(Duration::from_secs(20), covers).await;
    let found = found.expect("it is published in time").unwrap();
    found.latest.as_deref().unwrap().clone()
}

/// What a checkpoint says to somebody who has the verifier key and nothing else.
pub(super) fn opened(checkpoint: &SignedCheckpoint, key: &VerifierKey) -> Tree {
    let note = Note::parse(&checkpoint.note).unwrap();
    let opened = Checkpoint::open(&note, key).unwrap();
    assert_eq!(*opened.tree(), checkpoint.tree);
    *opened.tree()
}

async fn tiles_and_bundles_are_those_of_the_entries_at_every_border(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let publisher = publish(&home, &log).await;
    for size in [1_usize, 255, 256, 257, 1_257, 1_280] {
        let before = log.known_head().get();
        fill(&log, size - usize::try_from(before).unwrap()).await;
        let checkpoint = published(&publisher, size as u64).await;
        let mut builder = Builder::default();
        let mut pieces = Vec::new();
        for entry in entries(&log).await {
            pieces.extend(builder.push(&entry).unwrap());
        }
        pieces.extend(builder.edge());
        assert_eq!(opened(&checkpoint, publisher.verifier()), builder.tree());
        for piece in pieces {
            match piece {
                Piece::Tile(tile, hashes) => assert_eq!(log.tile(tile).await.unwrap(), hashes),
                Piece::Bundle(bundle, bytes) => {
                    assert_eq!(log.bundle(bundle).await.unwrap(), bytes);
                }
            }
        }
        // A narrower tile of a smaller tree is still there.
        let narrow = Tile::new(0, 0, 1).unwrap();
        assert_eq!(
            log.tile(narrow).await.unwrap(),
            [leaf(&entries(&log).await[0])]
        );
    }
}

async fn every_proof_verifies_against_a_checkpoint_that_was_published(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let publisher = publish(&home, &log).await;
    for size in [3_u64, 256, 300, 700] {
        let more = size - log.known_head().get();
        fill(&log, usize::try_from(more).unwrap()).await;
        published(&publisher, size).await;
    }
    let checkpoints = log.checkpoints_from(0, 100).await.unwrap();
    let trees: Vec<Tree> = checkpoints
        .iter()
        .map(|it| opened(it, publisher.verifier()))
        .collect();
    assert!(trees.len() >= 4 && trees.last().unwrap().size == 700);
    let entries = entries(&log).await;
    for newer in &trees {
        for older in trees.iter().filter(|older| older.size <= newer.size) {
            let proof = log.consistency_proof(older.size, newer.size).await.unwrap();
            proof.verify_consistency(older, newer).unwrap();
        }
        for position in (1..=newer.size).step_by(37).chain([newer.size]) {
            let proof = log
                .inclusion_proof(Position::new(position), newer.size)
                .await
                .unwrap();
            let index = position - 1;
            let entry = &entries[usize::try_from(index).unwrap()];
            proof.verify_inclusion(&leaf(entry), index, newer).unwrap();
        }
    }
    assert_eq!(
        log.checkpoint_of(700).await.unwrap().unwrap().tree,
        trees[trees.len() - 1]
    );
    assert_eq!(log.checkpoint_of(699).await.unwrap(), None);
    for (position, size) in [(0, 700), (701, 700)] {
        let refused = log.inclusion_proof(Position::new(position), size).await;
        assert!(
            matches!(refused, Err(PublishedError::NoProof(_))),
            "{position}"
        );
    }
}

async fn nothing_is_published_before_it_is_signed(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    fill(&log, 300).await;
    assert_eq!(log.latest_checkpoint().await.unwrap(), None);
    assert_eq!(log.verifier().await.unwrap(), None);
    let not_yet = |published| PublishedError::NotYet { published };
    let tile = Tile::new(0, 0, 256).unwrap();
    assert_eq!(log.tile(tile).await, Err(not_yet(0)));
    let publisher = publish(&home, &log).await;
    published(&publisher, 300).await;
    publisher.close().await;
    fill(&log, 300).await;
    assert_eq!(log.tile(tile).await.unwrap().len(), 256);
    let refused = log.tile(Tile::new(0, 1, 45).unwrap()).await;
    assert_eq!(refused, Err(not_yet(300)));
    let refused = log.bundle(Bundle::new(1, 45).unwrap()).await;
    assert_eq!(refused, Err(not_yet(300)));
    assert_eq!(
        log.inclusion_proof(Position::new(1), 301).await,
        Err(not_yet(300))
    );
    assert_eq!(log.consistency_proof(300, 301).await, Err(not_yet(300)));
}

async fn publishing_goes_on_after_a_restart(backend: Backend) {
    let home = Home::new(backend);
    let mut trees = Vec::new();
    for size in [300, 600, 600, 1_000] {
        let log = home.open().await;
        let before = usize::try_from(log.known_head().get()).unwrap();
        fill(&log, size - before).await;
        let publisher = publish(&home, &log).await;
        let checkpoint = published(&publisher, size as u64).await;
        trees.push(opened(&checkpoint, publisher.verifier()));
        assert_eq!(
            log.verifier().await.unwrap().as_ref(),
            Some(publisher.verifier())
        );
        publisher.close().await;
        log.close().await;
    }
    assert_eq!(trees[1], trees[2]);
    let log = home.open().await;
    for pair in trees.windows(2) {
        let proof = log
            .consistency_proof(pair[0].size, pair[1].size)
            .await
            .unwrap();
        proof.verify_consistency(&pair[0], &pair[1]).unwrap();
    }
    // What did not grow was not signed twice.
    let sizes = log.checkpoints_from(0, 100).await.unwrap();
    let sizes: Vec<u64> = sizes.iter().map(|it| it.tree.size).collect();
    assert_eq!(sizes, [300, 600, 1_000]);
}

async fn a_log_without_a_name_gets_one_from_its_key(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let nameless = || PublishOptions {
        origin: None,
        ..options(&home)
    };
    let publisher = Publisher::start(log.clone(), nameless()).await.unwrap();
    let name = publisher.verifier().name().to_string();
    let digits = name.strip_prefix("meguri-").unwrap();
    assert!(
        digits.len() == 8 && digits.bytes().all(|c| c.is_ascii_hexdigit()),
        "{name}"
    );
    publisher.close().await;
    let again = Publisher::start(log.clone(), nameless()).await.unwrap();
    assert_eq!(again.verifier().name().as_str(), name);
}

async fn an_append_is_published_without_being_asked_for(backend: Backend) {
    let home = Home::new(backend);
    let [here, there] = [home.open().await, home.open().await];
    let publisher = publish(&home, &here).await;
    // By another process, so to speak.
    let appended = there.append(append([event("a-1", "Made")])).await.unwrap();
    let checkpoint = published(&publisher, 1).await;
    assert_eq!(checkpoint.tree.size, appended.position.get());
    assert_eq!(publisher.watch().borrow().state, PublishState::Publishing);
    let outside = std::fs::read_to_string(home.folder().join("checkpoint")).unwrap();
    assert_eq!(outside, checkpoint.note);
}
