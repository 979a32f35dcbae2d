//! Reading: streams in both directions, the whole log in blocks, filters.

use std::{future::poll_fn, pin::pin, task::Poll};

use meguri_log::{
    Block, Direction, Filter, Log, Position, Recorded, RequestKey, StreamRange, Version,
};
use meguri_test_logs::{Backend, Home, on_both_backends};

use super::{append, event, sealed, stream};

on_both_backends!(
    a_stream_is_read_forward_backward_and_from_a_version,
    a_long_stream_is_read_in_order_in_both_directions,
    the_log_is_read_in_blocks_that_meet_without_a_gap,
    a_filter_leaves_out_other_categories_types_and_streams,
    an_event_that_comes_bare_has_its_place_and_its_entry_and_nothing_else,
    what_is_read_is_what_was_appended,
    a_read_that_is_cut_off_anywhere_harms_no_other,
);

fn versions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.version().get()).collect()
}

fn positions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.position().get()).collect()
}

async fn a_stream_is_read_forward_backward_and_from_a_version(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for _ in 0..5 {
        log.append(append([event("a-1", "Made"), event("a-2", "Made")]))
            .await
            .unwrap();
    }
    let read = async |range| versions(&log.read_stream(&stream("a-1"), range).await.unwrap());
    assert_eq!(
        read(StreamRange::forward_from(Version::ZERO)).await,
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        read(StreamRange::forward_from(Version::new(4))).await,
        [4, 5]
    );
    assert_eq!(
        read(StreamRange::forward_from(Version::new(6))).await,
        [0; 0]
    );
    assert_eq!(read(StreamRange::newest(2)).await, [5, 4]);
    let (from, direction) = (Version::new(3), Direction::Backward);
    assert_eq!(
        read(StreamRange {
            from,
            direction,
            limit: 10
        })
        .await,
        [3, 2, 1]
    );
    let none = log
        .read_stream(&stream("a-3"), StreamRange::newest(1))
        .await
        .unwrap();
    assert!(none.is_empty());
}

async fn a_long_stream_is_read_in_order_in_both_directions(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    // More than one row of a block holds, with others in between.
    for _ in 0..5 {
        let events = (0..500).flat_map(|_| [event("a-1", "Made"), event("a-2", "Made")]);
        log.append(append(events)).await.unwrap();
    }
    let read = async |range| versions(&log.read_stream(&stream("a-1"), range).await.unwrap());
    let all: Vec<u64> = (1..=2_500).collect();
    let backward: Vec<u64> = (1..=2_500).rev().collect();
    assert_eq!(read(StreamRange::forward_from(Version::ZERO)).await, all);
    assert_eq!(read(StreamRange::newest(10_000)).await, backward);
    assert_eq!(read(StreamRange::newest(1_000)).await, backward[..1_000]);
    assert_eq!(read(StreamRange::newest(1_001)).await, backward[..1_001]);
    let range = StreamRange {
        limit: 1_700,
        ..StreamRange::forward_from(Version::new(801))
    };
    assert_eq!(read(range).await, all[800..]);
}

async fn read_through(log: &Log, filter: &Filter, limit: usize) -> Vec<Block> {
    let (mut blocks, mut after) = (Vec::new(), Position::ZERO);
    loop {
        let block = log.read_all(after, filter, limit).await.unwrap();
        if block.up_to == after {
            return blocks;
        }
        after = block.up_to;
        blocks.push(block);
    }
}

async fn the_log_is_read_in_blocks_that_meet_without_a_gap(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for _ in 0..5 {
        log.append(append((0..600).map(|_| event("a-1", "Made"))))
            .await
            .unwrap();
    }
    for limit in [7_777, 1_000, 999, 250] {
        let blocks = read_through(&log, &Filter::default(), limit).await;
        let read: Vec<u64> = blocks
            .iter()
            .flat_map(|block| positions(&block.events))
            .collect();
        assert_eq!(
            read,
            (1..=3_000).collect::<Vec<_>>(),
            "in blocks of {limit}"
        );
        assert!(blocks.iter().all(|block| block.events.len() <= limit));
    }
}

async fn a_filter_leaves_out_other_categories_types_and_streams(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    for number in 0..50 {
        let ab = event(&format!("ab-{number}"), "Changed");
        log.append(append([event("a-1", "Made"), event("b-1", "Made"), ab]))
            .await
            .unwrap();
    }
    let count = async |filter: Filter| {
        let blocks = read_through(&log, &filter, 20).await;
        assert_eq!(blocks.last().unwrap().up_to, Position::new(150));
        blocks.iter().map(|block| block.events.len()).sum::<usize>()
    };
    assert_eq!(count(Filter::default().category("a").unwrap()).await, 50);
    assert_eq!(count(Filter::default().category("ab").unwrap()).await, 50);
    assert_eq!(
        count(Filter::default().event_type("Made").unwrap()).await,
        100
    );
    let both = Filter::default()
        .event_type("Made")
        .unwrap()
        .event_type("Changed")
        .unwrap();
    assert_eq!(count(both).await, 150);
    assert_eq!(count(Filter::default().stream(stream("ab-7"))).await, 1);
    assert_eq!(count(Filter::default().stream(stream("b-1"))).await, 50);
    assert!(Filter::default().category("a' or 1=1 --").is_err());
    assert!(Filter::default().event_type("Made'").is_err());
}

async fn an_event_that_comes_bare_has_its_place_and_its_entry_and_nothing_else(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let told = sealed(event("a-1", "Told"), "member-1", r#"{"words":"秘密"}"#);
    let made = sealed(event("a-1", "Made"), "member-1", r#"{"words":"秘密"}"#);
    log.append(append([told, made])).await.unwrap();
    let whole = log.read_all(Position::ZERO, &Filter::default(), 10).await;
    let filter = Filter::default().bare("Told").unwrap();
    let bare = log.read_all(Position::ZERO, &filter, 10).await;
    let (whole, bare) = (whole.unwrap().events, bare.unwrap().events);
    let place = |event: &Recorded| {
        let (stream, event_type) = (event.stream().to_owned(), event.event_type().to_owned());
        (
            event.position(),
            stream,
            event.version(),
            event_type,
            *event.entry(),
        )
    };
    for (whole, bare) in whole.iter().zip(&bare) {
        assert_eq!(place(whole), place(bare));
    }
    let content = |event: &Recorded| {
        (
            event.header_text().is_some(),
            !event.sealed_bytes().is_empty(),
        )
    };
    assert_eq!(
        whole.iter().map(content).collect::<Vec<_>>(),
        [(true, true); 2]
    );
    assert_eq!(
        bare.iter().map(content).collect::<Vec<_>>(),
        [(false, false), (true, true)]
    );
    assert!(Filter::default().bare("Told') or (1=1").is_err());
}

async fn what_is_read_is_what_was_appended(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let mut made = event("a-1", "Made");
    made.data = r#"{"text":"こんにちは 𝄞 \u001e \" \\","n":1.50}"#.into();
    let (id, data) = (made.id, made.data.clone());
    log.append(append([sealed(made, "member-1", r#"{"words":"秘密"}"#)]))
        .await
        .unwrap();
    let from_stream = log
        .read_stream(&stream("a-1"), StreamRange::newest(1))
        .await
        .unwrap();
    let from_log = log
        .read_all(Position::ZERO, &Filter::default(), 10)
        .await
        .unwrap()
        .events;
    let followed = log.follow(Position::ZERO).next().await.unwrap().events;
    for read in [&from_stream, &from_log, &followed] {
        let event = &read[0];
        assert_eq!((event.stream(), event.event_type()), ("a-1", "Made"));
        assert_eq!(event.header_text(), from_stream[0].header_text());
        assert_eq!(event.entry(), from_stream[0].entry());
        assert_eq!(event.sealed_bytes(), from_stream[0].sealed_bytes());
        let header = event.header().unwrap().unwrap();
        assert_eq!((header.id, header.data), (id, data.as_str()));
        assert_eq!((header.version, header.schema), (Version::new(1), 1));
    }
}

/// Polls a future so many times, then drops it.
pub(super) async fn cut_off_after(polls: usize, future: impl Future) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(drop)
    })
    .await;
}

async fn a_read_that_is_cut_off_anywhere_harms_no_other(backend: Backend) {
    let home = Home::new(backend);
    let log = home.open().await;
    let one = || append([event("a-1", "Made"), event("a-2", "Made")]);
    log.append(one()).await.unwrap();
    let everything = Filter::default();
    let key = RequestKey {
        key: [1; 32],
        request: [1; 32],
        expires: true,
    };
    for polls in 0..24 {
        let all = log.read_all(Position::ZERO, &everything, 10);
        let name = stream("a-1");
        let single = log.read_stream(&name, StreamRange::newest(9));
        let (outcome, head) = (log.outcome(&key), log.head());
        tokio::join!(
            cut_off_after(polls, all),
            cut_off_after(polls, single),
            cut_off_after(polls, outcome),
            cut_off_after(polls, head),
        );
        for _ in 0..8 {
            let block = log.read_all(Position::ZERO, &everything, 10).await.unwrap();
            assert_eq!(positions(&block.events), [1, 2], "after {polls} polls");
            assert_eq!(log.outcome(&key).await.unwrap(), None);
        }
    }
}
