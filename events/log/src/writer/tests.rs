//! The writer on a store that fails on demand.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Request, Writer};
use crate::{
    append::{AppendError, Appended, Cause, Condition, Expected, NewEvent},
    clock::{ManualClock, Timestamp},
    decide::{Prepared, PreparedEvent},
    follow::Recent,
    header::OpenHeader,
    read::{Filter, StreamRange},
    recorded::Recorded,
    store::{Batch, Head, Heads, Outcomes, Store, StoreError, Turn},
    stream::{Position, StreamName, Version},
};

/// What goes wrong at the next commit, once.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The batch is written, and the answer lost.
    LostAfter,
    /// The statement is lost before it is carried out.
    LostBefore,
    /// Another process writes first.
    OvertakenBy(u64),
}

/// A log in memory that holds only what the writer asks for.
#[derive(Default)]
struct Memory {
    events: Vec<(StreamName, Uuid)>,
    faults: Vec<Fault>,
    commits: usize,
}

#[derive(Clone, Default)]
struct Chaos {
    memory: Arc<Mutex<Memory>>,
    unreachable: Arc<AtomicBool>,
}

impl Memory {
    fn head(&self) -> Head {
        let tail = self.events.last().map_or(Uuid::nil(), |(_, id)| *id);
        let position = Position::new(self.events.len() as u64);
        Head {
            position,
            tail,
            at: Timestamp::default(),
        }
    }

    fn heads(&self, streams: &[StreamName]) -> Heads {
        let version = |stream| {
            self.events
                .iter()
                .filter(|(name, _)| name == stream)
                .count()
        };
        streams
            .iter()
            .map(|name| (name.clone(), Version::new(version(name) as u64)))
            .collect()
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.events.iter().any(|event| event.event_type == "Bad") {
            return Err(StoreError::Refused("bad data".into()));
        }
        self.commits += 1;
        let fault = self.faults.pop();
        if fault != Some(Fault::LostBefore) {
            let events = batch
                .events
                .iter()
                .map(|event| (event.stream.clone(), event.id));
            self.events.extend(events);
        }
        match fault {
            None => Ok(()),
            Some(_) => Err(StoreError::Lost("the connection is gone".into())),
        }
    }
}

#[async_trait]
impl Store for Chaos {
    async fn head(&self) -> Result<Head, StoreError> {
        Ok(self.memory.lock().unwrap().head())
    }

    async fn stream_heads(&self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        Ok(self.memory.lock().unwrap().heads(streams))
    }

    async fn outcomes(&self, _: &[[u8; 32]], _: Timestamp) -> Result<Outcomes, StoreError> {
        Ok(Outcomes::new())
    }

    async fn read_stream(
        &self,
        _: &StreamName,
        _: StreamRange,
    ) -> Result<Vec<Recorded>, StoreError> {
        Ok(Vec::new())
    }

    async fn read_block(
        &self,
        _: Position,
        _: Position,
        _: &Filter,
        _: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        Ok(Vec::new())
    }

    async fn commit(&self, known: Head, batch: &Batch) -> Result<bool, StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("down".into()));
        }
        let mut memory = self.memory.lock().unwrap();
        if let Some(Fault::OvertakenBy(number)) = memory.faults.last().copied() {
            memory.faults.pop();
            let other = (stream("a-1"), Uuid::from_u128(u128::from(number)));
            memory.events.push(other);
        }
        if memory.head() != known {
            return Ok(false);
        }
        memory.write(batch).map(|()| true)
    }

    async fn take_turn(&self) -> Result<Box<dyn Turn>, StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unreachable("down".into()));
        }
        Ok(Box::new(self.clone()))
    }

    async fn forget_outcomes(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn watch_head(&self, _: Arc<Recent>) {}

    async fn close(&self) {}
}

#[async_trait]
impl Turn for Chaos {
    async fn head(&mut self) -> Result<Head, StoreError> {
        Store::head(self).await
    }

    async fn stream_heads(&mut self, streams: &[StreamName]) -> Result<Heads, StoreError> {
        Store::stream_heads(self, streams).await
    }

    async fn changed_since(&mut self, position: Position) -> Result<Heads, StoreError> {
        let memory = self.memory.lock().unwrap();
        let after = usize::try_from(position.get()).unwrap();
        let changed: Vec<_> = memory.events[after..]
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        Ok(memory.heads(&changed))
    }

    async fn outcomes(&mut self, _: &[[u8; 32]], _: Timestamp) -> Result<Outcomes, StoreError> {
        Ok(Outcomes::new())
    }

    async fn event_id(&mut self, position: Position) -> Result<Option<Uuid>, StoreError> {
        let memory = self.memory.lock().unwrap();
        let index = usize::try_from(position.get()).unwrap().wrapping_sub(1);
        Ok(memory.events.get(index).map(|(_, id)| *id))
    }

    async fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        self.memory.lock().unwrap().write(batch)
    }

    async fn release(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

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
        conditions,
        key: None,
        bytes: 100,
    }
}

/// Lets a writer that knows the store's head carry out all requests in one batch.
async fn write(chaos: &Chaos, requests: Vec<Prepared>) -> Vec<Result<Appended, AppendError>> {
    let (queue, waiting) = mpsc::channel(100);
    let room = Arc::new(Semaphore::new(10_000));
    let mut answers = Vec::new();
    for prepared in requests {
        let (reply, answer) = oneshot::channel();
        let permit = Arc::clone(&room).try_acquire_many_owned(1).unwrap();
        queue
            .try_send(Request {
                prepared,
                reply,
                _room: permit,
            })
            .ok()
            .unwrap();
        answers.push(answer);
    }
    drop(queue);
    let head = chaos.memory.lock().unwrap().head();
    let (store, clock) = (Arc::new(chaos.clone()), Arc::new(ManualClock::default()));
    let recent = Arc::new(Recent::new(head.position));
    let writer = Writer::new(
        store,
        clock,
        waiting,
        head,
        recent,
        Duration::from_millis(500),
    );
    writer.run(CancellationToken::new()).await;
    join_all(answers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
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
