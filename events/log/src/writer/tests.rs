//! The writer on a store that fails on demand.

mod chaos;
mod schedules;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Writer;
use crate::{
    append::{
        AppendError, Appended, AppendedEvent, Cause, Condition, Expected, NewEvent, RequestKey,
    },
    appending::Appending,
    clock::{Clock, ManualClock, Timestamp},
    clock_guard::ClockGuard,
    decide::{DoneBefore, Prepared, PreparedEvent},
    follow::{Follower, Recent},
    header::OpenHeader,
    queue::Queue,
    read::ReadError,
    recorded::{Entry, Recorded},
    store::Head,
    stream::{Position, StreamName, Version},
};
use chaos::{Chaos, Fault};

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn prepared(name: &str, event_type: &'static str, expected: Expected) -> Prepared {
    let event = NewEvent {
        id: Uuid::now_v7(),
        stream: stream(name),
        event_type: event_type.into(),
        schema: 1,
        data: "{}".into(),
        sealed: Vec::new(),
    };
    let header = OpenHeader::new(&event, &Cause::default(), &[]);
    let (id, blind, sealed) = (event.id, [0; 32], Vec::new());
    let (stream, event_type) = (event.stream, event_type.into());
    let event = PreparedEvent {
        id,
        stream: stream.clone(),
        event_type,
        header,
        blind,
        sealed,
    };
    let conditions = vec![Condition { stream, expected }];
    Prepared {
        events: vec![event],
        done_before: None,
        conditions,
        key: None,
        bytes: 100,
    }
}

fn clock(head: Head) -> Arc<ClockGuard> {
    Arc::new(ClockGuard::new(
        Arc::new(ManualClock::default()),
        head,
        None,
    ))
}

/// Lets a writer that knows the store's head carry out all requests in one batch.
async fn write(chaos: &Chaos, requests: Vec<Prepared>) -> Vec<Result<Appended, AppendError>> {
    let appending = Arc::new(Appending::default());
    write_watched(chaos, requests, appending).await
}

async fn write_watched(
    chaos: &Chaos,
    requests: Vec<Prepared>,
    appending: Arc<Appending>,
) -> Vec<Result<Appended, AppendError>> {
    let clock = clock(chaos.memory.lock().unwrap().head());
    write_by(chaos, requests, appending, clock).await
}

async fn write_by(
    chaos: &Chaos,
    requests: Vec<Prepared>,
    appending: Arc<Appending>,
    clock: Arc<ClockGuard>,
) -> Vec<Result<Appended, AppendError>> {
    let (queue, waiting) = Queue::new();
    let head = chaos.memory.lock().unwrap().head();
    let store = Arc::new(chaos.clone());
    let recent = Arc::new(Recent::new(head.position));
    let writer = Writer::new(
        store,
        clock,
        waiting,
        head,
        recent,
        appending,
        Duration::from_millis(500),
    );
    // All are in the queue before the writer looks at it for the first time.
    let asking = async move {
        let asked = requests.into_iter().map(|prepared| queue.append(prepared));
        join_all(asked).await
    };
    let run = writer.run(CancellationToken::new());
    futures::future::join(asking, run).await.0
}

fn streams(chaos: &Chaos) -> Vec<String> {
    chaos
        .memory
        .lock()
        .unwrap()
        .events
        .iter()
        .map(|(name, _)| name.to_string())
        .collect()
}

#[tokio::test]
async fn what_waits_is_committed_at_once() {
    let chaos = Chaos::default();
    let requests = (0..5)
        .map(|_| prepared("a-1", "Made", Expected::Any))
        .collect();
    let answers = write(&chaos, requests).await;
    let versions: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().events[0].version.get())
        .collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
    assert_eq!(chaos.memory.lock().unwrap().commits, 1);
}

#[tokio::test]
async fn bad_data_of_one_request_never_fails_its_neighbours() {
    let chaos = Chaos::default();
    let requests = ["Made", "Made", "Bad", "Made"].into_iter().enumerate();
    let requests = requests.map(|(n, kind)| prepared(&format!("a-{n}"), kind, Expected::NoStream));
    let answers = write(&chaos, requests.collect()).await;
    let taken: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, true, false, true]);
    assert!(matches!(answers[2], Err(AppendError::Unavailable(_))));
    assert_eq!(streams(&chaos), ["a-0", "a-1", "a-3"]);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_found_and_not_written_again() {
    let chaos = Chaos::default();
    chaos.memory.lock().unwrap().faults.push(Fault::LostAfter);
    let requests = (0..3).map(|n| prepared(&format!("a-{n}"), "Made", Expected::NoStream));
    let answers = write(&chaos, requests.collect()).await;
    let positions: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().position.get())
        .collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(streams(&chaos), ["a-0", "a-1", "a-2"]);
}

#[tokio::test]
async fn a_batch_that_was_lost_on_its_way_is_written_again_once() {
    for losses in 1..4 {
        let chaos = Chaos::default();
        chaos.memory.lock().unwrap().faults = vec![Fault::LostBefore; losses];
        let answers = write(&chaos, vec![prepared("a-1", "Made", Expected::NoStream)]).await;
        assert_eq!(answers[0].as_ref().unwrap().position, Position::new(1));
        assert_eq!(streams(&chaos), ["a-1"]);
    }
}

/// A clock on which a second passes whenever it is looked at.
#[derive(Debug, Default)]
struct Ticking(std::sync::atomic::AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus_seconds(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn of_several_tries_that_got_no_answer_the_one_that_was_written_is_told() {
    for lost_before in 1..4 {
        let chaos = Chaos::default();
        // The first tries never arrive; the answer to the last one is lost.
        let mut faults = vec![Fault::LostAfter];
        faults.extend(vec![Fault::LostBefore; lost_before]);
        chaos.memory.lock().unwrap().faults = faults;
        let requests = ["a-1", "b-1"].map(|name| prepared(name, "Made", Expected::NoStream));
        let head = chaos.memory.lock().unwrap().head();
        let clock = Arc::new(ClockGuard::new(Arc::new(Ticking::default()), head, None));
        let appending = Arc::default();
        let answers = write_by(&chaos, requests.into(), appending, clock).await;
        let at = chaos.memory.lock().unwrap().at;
        for answer in answers {
            assert_eq!(answer.unwrap().at, at, "after {lost_before} lost tries");
        }
        assert_eq!(streams(&chaos), ["a-1", "b-1"]);
    }
}

#[tokio::test]
async fn a_writer_that_was_overtaken_decides_again() {
    let chaos = Chaos::default();
    chaos
        .memory
        .lock()
        .unwrap()
        .faults
        .push(Fault::OvertakenBy(7));
    let requests = vec![
        prepared("a-1", "Made", Expected::NoStream),
        prepared("b-1", "Made", Expected::NoStream),
    ];
    let answers = write(&chaos, requests).await;
    let Err(AppendError::Conflict { found, .. }) = &answers[0] else {
        panic!("the other process made a-1: {answers:?}")
    };
    assert_eq!(*found, Version::new(1));
    assert_eq!(answers[1].as_ref().unwrap().position, Position::new(2));
    assert_eq!(streams(&chaos), ["a-1", "b-1"]);
}

/// A writer that knows the store's head, and goes on until its queue is dropped.
struct Running {
    queue: Queue,
    appending: Arc<Appending>,
    recent: Arc<Recent>,
}

impl Running {
    fn start(chaos: &Chaos) -> Self {
        let (queue, waiting) = Queue::new();
        let head = chaos.memory.lock().unwrap().head();
        let appending = Arc::new(Appending::default());
        let recent = Arc::new(Recent::new(head.position));
        let writer = Writer::new(
            Arc::new(chaos.clone()),
            clock(head),
            waiting,
            head,
            Arc::clone(&recent),
            Arc::clone(&appending),
            Duration::from_millis(500),
        );
        tokio::spawn(writer.run(CancellationToken::new()));
        Self {
            queue,
            appending,
            recent,
        }
    }

    async fn append(&self, prepared: Prepared) -> Result<Appended, AppendError> {
        self.queue.append(prepared).await
    }
}

#[tokio::test]
async fn a_writer_that_loses_its_connection_while_it_catches_up_does_not_know_the_new_head() {
    let chaos = Chaos::default();
    let writer = Running::start(&chaos);
    let first = prepared("a-1", "Made", Expected::NoStream);
    writer.append(first).await.unwrap();
    // Another process writes to the same stream; this one hears of it, and then loses its
    // connection before it has read which versions moved.
    {
        let mut memory = chaos.memory.lock().unwrap();
        memory.faults.push(Fault::OvertakenBy(7));
        memory.lost_reads = 1;
    }
    let second = || prepared("a-1", "Made", Expected::Version(Version::new(1)));
    let lost = writer.append(second()).await;
    assert!(matches!(lost, Err(AppendError::Unavailable(_))), "{lost:?}");
    assert!(writer.appending.failing().is_some());
    let refused = writer.append(second()).await;
    let Err(AppendError::Conflict { found, .. }) = &refused else {
        panic!("the other process has written version 2: {refused:?}")
    };
    assert_eq!(*found, Version::new(2));
    let third = prepared("a-1", "Made", Expected::Version(Version::new(2)));
    let appended = writer.append(third).await.unwrap();
    assert_eq!(appended.events[0].version, Version::new(3));
    assert_eq!(writer.appending.failing(), None);
}

#[tokio::test]
async fn a_writer_whose_log_fell_back_shares_nothing_of_what_was_lost() {
    let chaos = Chaos::default();
    let writer = Running::start(&chaos);
    for name in ["a-1", "a-2"] {
        let lost = prepared(name, "Made", Expected::NoStream);
        writer.append(lost).await.unwrap();
    }
    // A standby takes over that has not heard of them.
    chaos.memory.lock().unwrap().events.clear();
    let kept = prepared("b-1", "Made", Expected::NoStream);
    let appended = writer.append(kept).await.unwrap();
    assert_eq!(appended.position, Position::new(1));
    assert_eq!(writer.recent.head().position(), Position::new(1));
    let (recent, store) = (Arc::clone(&writer.recent), Arc::new(chaos.clone()));
    let closing = CancellationToken::new();
    let mut follower = Follower::new(Position::ZERO, recent, store, closing);
    let block = follower.next().await.unwrap();
    let streams: Vec<_> = block.events.iter().map(Recorded::stream).collect();
    assert_eq!(streams, ["b-1"]);
}

fn follower(chaos: &Chaos, recent: &Arc<Recent>, after: u64) -> Follower {
    let (recent, store) = (Arc::clone(recent), Arc::new(chaos.clone()));
    Follower::new(
        Position::new(after),
        recent,
        store,
        CancellationToken::new(),
    )
}

/// A writer that has written two events, and what was lost of them afterwards, with more that
/// another process has written since.
async fn fallen_back(kept: usize, others: u64) -> (Chaos, Running) {
    let chaos = Chaos::default();
    let writer = Running::start(&chaos);
    for name in ["a-1", "a-2"] {
        let made = prepared(name, "Made", Expected::NoStream);
        writer.append(made).await.unwrap();
    }
    chaos.fall_back(kept);
    for number in 0..others {
        let other = prepared(&format!("b-{number}"), "Made", Expected::NoStream);
        write(&chaos, vec![other]).await[0].as_ref().unwrap();
    }
    (chaos, writer)
}

#[tokio::test(start_paused = true)]
async fn a_follower_whose_log_has_fallen_back_is_told_so_and_is_given_nothing_that_follows() {
    // The log ends earlier, has grown again to where it was, and beyond.
    for (kept, others) in [(1, 0), (1, 1), (0, 3), (1, 5)] {
        let chaos = Chaos::default();
        let writer = Running::start(&chaos);
        let mut follower = follower(&chaos, &writer.recent, 0);
        for name in ["a-1", "a-2"] {
            let made = prepared(name, "Made", Expected::NoStream);
            writer.append(made).await.unwrap();
        }
        let block = follower.next().await.unwrap();
        assert_eq!(block.up_to, Position::new(2));
        chaos.fall_back(kept);
        for number in 0..others {
            let other = prepared(&format!("b-{number}"), "Made", Expected::NoStream);
            write(&chaos, vec![other]).await[0].as_ref().unwrap();
        }
        let grown = chaos.memory.lock().unwrap().head().position;
        let mut next = prepared("c-1", "Made", Expected::NoStream);
        next.conditions.clear();
        if grown >= Position::new(2) {
            // What comes next is shared by this process, and follows on what is not there.
            writer.append(next).await.unwrap();
        }
        for _ in 0..2 {
            let told = tokio::time::timeout(Duration::from_secs(5), follower.next()).await;
            let fell_back = ReadError::FellBack {
                position: Position::new(2),
            };
            assert_eq!(told.unwrap().unwrap_err(), fell_back, "{kept} and {others}");
        }
    }
}

#[tokio::test]
async fn a_process_that_never_writes_again_shares_nothing_of_what_was_lost() {
    for (kept, others) in [(1, 0), (1, 1), (0, 3)] {
        let (chaos, writer) = fallen_back(kept, others).await;
        writer.recent.look_again(&chaos).await.unwrap();
        let head = chaos.memory.lock().unwrap().head().position;
        assert_eq!(writer.recent.head().position(), head);
        let mut follower = follower(&chaos, &writer.recent, 0);
        let mut seen = Vec::new();
        while follower.position() < head {
            let block = follower.next().await.unwrap();
            seen.extend(block.events.iter().map(|event| event.stream().to_owned()));
        }
        assert_eq!(seen, streams(&chaos), "{kept} and {others}");
    }
}

/// A request that had nothing to do, for an event had done it that had this entry.
fn remembered(position: u64, entry: Entry) -> Prepared {
    let event = AppendedEvent {
        id: Uuid::nil(),
        stream: stream("a-1"),
        version: Version::new(1),
        position: Position::new(position),
    };
    let at = Timestamp::default();
    Prepared {
        events: Vec::new(),
        done_before: Some(DoneBefore { event, at, entry }),
        key: Some(RequestKey {
            key: [1; 32],
            request: [1; 32],
            expires: true,
        }),
        ..prepared("a-1", "Made", Expected::Any)
    }
}

#[tokio::test]
async fn what_had_been_done_by_an_event_that_is_lost_is_not_acknowledged() {
    let chaos = Chaos::default();
    let first = prepared("a-1", "Made", Expected::NoStream);
    write(&chaos, vec![first]).await[0].as_ref().unwrap();
    let entry = chaos.memory.lock().unwrap().entries[0];
    let done = write(&chaos, vec![remembered(1, entry)]).await;
    assert_eq!(done[0].as_ref().unwrap().position, Position::new(1));
    // It was read, and before the writer comes to the request a standby takes over that has not
    // heard of it. The log ends there, or something else stands in its place by now.
    let gone = write(&chaos, vec![remembered(2, entry)]).await;
    let replaced = write(&chaos, vec![remembered(1, [7; 33])]).await;
    for answers in [gone, replaced] {
        let Err(AppendError::NotDone { version, .. }) = &answers[0] else {
            panic!("it rests on an event that is not there: {answers:?}")
        };
        assert_eq!(*version, Version::new(1));
    }
}

#[tokio::test]
async fn a_stream_is_not_forgotten_for_the_sake_of_another_of_the_same_batch() {
    let chaos = Chaos::default();
    for name in ["a-1", "b-1"] {
        let first = prepared(name, "Made", Expected::NoStream);
        write(&chaos, vec![first]).await[0].as_ref().unwrap();
    }
    let (queue, waiting) = Queue::new();
    let head = chaos.memory.lock().unwrap().head();
    let mut writer = Writer::new(
        Arc::new(chaos.clone()),
        clock(head),
        waiting,
        head,
        Arc::new(Recent::new(head.position)),
        Arc::default(),
        Duration::from_millis(500),
    );
    // It remembers two streams, and the batch names the one that was used longest ago.
    writer.heads.resize(std::num::NonZeroUsize::new(2).unwrap());
    for name in ["a-1", "b-1"] {
        writer.heads.put(stream(name), Version::new(1));
    }
    tokio::spawn(writer.run(CancellationToken::new()));
    let running = Running {
        queue,
        appending: Arc::default(),
        recent: Arc::new(Recent::new(head.position)),
    };
    let mut taken = prepared("c-1", "Made", Expected::NoStream);
    taken.conditions.push(Condition {
        stream: stream("a-1"),
        expected: Expected::NoStream,
    });
    let refused = running.append(taken).await;
    let Err(AppendError::Conflict { found, .. }) = &refused else {
        panic!("a-1 is there: {refused:?}")
    };
    assert_eq!(*found, Version::new(1));
}

#[tokio::test]
async fn bad_data_of_one_request_does_not_say_that_appends_fail() {
    let chaos = Chaos::default();
    let writer = Running::start(&chaos);
    let bad = writer.append(prepared("a-1", "Bad", Expected::Any)).await;
    assert!(bad.is_err());
    assert_eq!(writer.appending.failing(), None);
}

#[tokio::test]
async fn a_writer_that_has_ended_says_that_appends_fail() {
    let chaos = Chaos::default();
    let Running {
        queue, appending, ..
    } = Running::start(&chaos);
    drop(queue);
    while appending.failing().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_answered_as_not_written() {
    let chaos = Chaos::default();
    chaos.unreachable.store(true, Ordering::SeqCst);
    let answers = write(&chaos, vec![prepared("a-1", "Made", Expected::NoStream)]).await;
    assert!(
        matches!(answers[0], Err(AppendError::Unavailable(_))),
        "{answers:?}"
    );
    assert!(streams(&chaos).is_empty());
}

#[tokio::test]
async fn what_cannot_be_found_out_is_answered_as_unknown() {
    let chaos = Chaos::default();
    chaos.memory.lock().unwrap().faults = vec![Fault::LostBefore; 1_000];
    let answers = write(&chaos, vec![prepared("a-1", "Made", Expected::NoStream)]).await;
    assert_eq!(answers[0].as_ref().unwrap_err(), &AppendError::Unknown);
}
