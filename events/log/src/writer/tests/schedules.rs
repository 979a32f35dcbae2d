//! The queue of the writer and the hand-over of what it wrote, in every order in which their
//! threads may take their steps.

use shuttle::future::{JoinHandle, block_on, spawn};

use super::*;
use crate::{follow::Follower, queue::Waiting, read::ReadError, schedule::explore};

/// Weighs more than half of a batch, so that no two are in one.
const HEAVY: usize = crate::limits::BATCH_BYTES_MAX / 2 + 1;
/// Weight of the newest events that followers share: about two events.
const FEW_BYTES: usize = 1_000;

/// One process: a writer on its store, what it shares, and how it is told to close.
#[derive(Clone)]
struct Process {
    chaos: Chaos,
    recent: Arc<Recent>,
    closing: CancellationToken,
}

impl Process {
    fn new() -> Self {
        Self {
            chaos: Chaos::default(),
            recent: Arc::new(Recent::bounded(Position::ZERO, FEW_BYTES)),
            closing: CancellationToken::new(),
        }
    }

    fn write(&self, waiting: Waiting) -> JoinHandle<()> {
        let head = self.chaos.memory.lock().unwrap().head();
        let writer = Writer::new(
            Arc::new(self.chaos.clone()),
            clock(head),
            waiting,
            head,
            Arc::clone(&self.recent),
            Arc::default(),
            Duration::from_millis(500),
        );
        spawn(writer.run(self.closing.clone()))
    }

    fn follow(&self, after: Position) -> Follower {
        let (recent, store) = (Arc::clone(&self.recent), Arc::new(self.chaos.clone()));
        Follower::new(after, recent, store, self.closing.clone())
    }

    /// The positions that a follower is handed until it has seen this one, or the log is closed.
    fn followed(&self, after: u64, last: u64) -> JoinHandle<Vec<u64>> {
        let this = self.clone();
        spawn(async move {
            let mut follower = this.follow(Position::new(after));
            let mut seen = Vec::new();
            while seen.last().copied().unwrap_or(after) < last {
                match follower.next().await {
                    Ok(block) => {
                        assert!(!block.events.is_empty(), "it waits for at least one");
                        let positions = block.events.iter().map(|event| event.position().get());
                        seen.extend(positions);
                        assert_eq!(seen.last(), Some(&follower.position().get()));
                    }
                    Err(ReadError::Closed) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            seen
        })
    }
}

fn named(number: usize, bytes: usize) -> Prepared {
    let prepared = prepared(&format!("a-{number}"), "Made", Expected::NoStream);
    Prepared { bytes, ..prepared }
}

/// Appends and says whether it is there for certain.
fn append(queue: &Arc<Queue>, number: usize, bytes: usize) -> JoinHandle<bool> {
    let queue = Arc::clone(queue);
    spawn(async move {
        match queue.append(named(number, bytes)).await {
            Ok(_) => true,
            Err(AppendError::Busy | AppendError::Closed) => false,
            Err(error) => panic!("neither taken nor refused: {error}"),
        }
    })
}

#[test]
fn every_request_is_answered_and_gives_its_room_back_however_the_queue_is_closed() {
    explore(|| {
        let process = Process::new();
        let (queue, waiting) = Queue::bounded(2, 2 * HEAVY);
        let queue = Arc::new(queue);
        let writer = process.write(waiting);
        let asked: Vec<_> = (0..3).map(|n| append(&queue, n, HEAVY)).collect();
        let closing = process.closing.clone();
        let closer = spawn(async move {
            crate::schedule::point();
            closing.cancel();
        });
        let taken: Vec<bool> = asked
            .into_iter()
            .map(|one| block_on(one).unwrap())
            .collect();
        block_on(closer).unwrap();
        block_on(writer).unwrap();
        let there = streams(&process.chaos);
        for (number, taken) in taken.into_iter().enumerate() {
            let name = format!("a-{number}");
            assert_eq!(there.contains(&name), taken, "{name} of {there:?}");
        }
        assert_eq!(queue.free_bytes(), 2 * HEAVY);
    });
}

#[test]
fn a_writer_ends_once_nobody_can_ask_it_and_not_before_all_are_answered() {
    explore(|| {
        let process = Process::new();
        let (queue, waiting) = Queue::bounded(3, 3 * HEAVY);
        let queue = Arc::new(queue);
        let asked: Vec<_> = (0..3).map(|n| append(&queue, n, HEAVY)).collect();
        let writer = process.write(waiting);
        drop(queue);
        let taken: Vec<bool> = asked
            .into_iter()
            .map(|one| block_on(one).unwrap())
            .collect();
        block_on(writer).unwrap();
        assert_eq!(taken, [true; 3]);
        assert_eq!(streams(&process.chaos).len(), 3);
    });
}

#[test]
fn whoever_waits_for_each_answer_before_asking_again_is_never_told_that_there_is_no_room() {
    explore(|| {
        let process = Process::new();
        let (queue, waiting) = Queue::bounded(1, 100);
        let writer = process.write(waiting);
        let asking = spawn(async move {
            for number in 0..3 {
                queue.append(named(number, 100)).await.unwrap();
            }
        });
        block_on(asking).unwrap();
        block_on(writer).unwrap();
    });
}

#[test]
fn followers_are_handed_every_event_once_and_in_order_whenever_they_join_and_lag() {
    const LAST: u64 = 5;
    explore(|| {
        let process = Process::new();
        let (queue, waiting) = Queue::new();
        let queue = Arc::new(queue);
        let _writer = process.write(waiting);
        let from_the_start = process.followed(0, LAST);
        let asked: Vec<_> = (0..3).map(|n| append(&queue, n, 100)).collect();
        // Hints of what is in the store come from elsewhere, too, and before this process knows.
        let told = process.clone();
        let hints = spawn(async move {
            for _ in 0..2 {
                let head = crate::store::Store::head(&told.chaos).await.unwrap();
                told.recent.told(head.position);
            }
        });
        let late = process.followed(1, LAST);
        for one in asked {
            assert!(block_on(one).unwrap());
        }
        // These join when the events that they want are no longer shared.
        let later = process.followed(0, LAST);
        let last: Vec<_> = (3..5).map(|n| append(&queue, n, 100)).collect();
        for one in last {
            assert!(block_on(one).unwrap());
        }
        block_on(hints).unwrap();
        let all: Vec<u64> = (1..=LAST).collect();
        assert_eq!(block_on(from_the_start).unwrap(), all);
        assert_eq!(block_on(later).unwrap(), all);
        assert_eq!(block_on(late).unwrap(), all[1..]);
        process.closing.cancel();
    });
}

#[test]
fn a_follower_of_a_log_that_closes_ends_after_a_beginning_without_a_hole() {
    explore(|| {
        let process = Process::new();
        let (queue, waiting) = Queue::new();
        let queue = Arc::new(queue);
        let _writer = process.write(waiting);
        let follower = process.followed(0, u64::MAX);
        let asked: Vec<_> = (0..2).map(|n| append(&queue, n, 100)).collect();
        let closing = process.closing.clone();
        let closer = spawn(async move { closing.cancel() });
        let taken: Vec<bool> = asked
            .into_iter()
            .map(|one| block_on(one).unwrap())
            .collect();
        let written = taken.into_iter().filter(|taken| *taken).count();
        block_on(closer).unwrap();
        let seen = block_on(follower).unwrap();
        let beginning: Vec<u64> = (1..=seen.len() as u64).collect();
        assert_eq!(seen, beginning);
        assert!(seen.len() <= written, "it has seen {seen:?}");
    });
}
