//! A queue in front of costly work in which everybody who waits gets their share: whoever sends
//! much waits behind their own requests, not in front of those of others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Most that wait together.
const WAITING_MAX: usize = 256;
/// Most of one caller that wait.
const WAITING_OF_ONE_MAX: usize = 16;

/// Whom a turn is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Somebody of whom only this place is known.
    Stranger(String),
    /// An account, asked for from where it was used before.
    Known(String),
    /// Somebody in this process, who is trusted not to flood it.
    Process,
}

impl Who {
    fn waiting_max(&self) -> usize {
        match self {
            Self::Stranger(_) | Self::Known(_) => WAITING_OF_ONE_MAX,
            Self::Process => WAITING_MAX,
        }
    }
}

/// Hands out turns round by round: one for each caller who waits.
#[derive(Debug)]
pub(crate) struct FairQueue {
    at_once: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// One line for each caller who waits; the next turn is that of the first.
    lines: VecDeque<Line>,
}

#[derive(Debug)]
struct Line {
    who: Who,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A turn; the next caller's begins when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<Arc<FairQueue>>);

/// Too many wait; ask again a little later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl FairQueue {
    /// So many turns at once.
    pub(crate) fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self {
            at_once: at_once.max(1),
            state: Mutex::default(),
        })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Full`] where this caller has as many waiting as one may have; where everybody together has
    /// and no other caller has more; and where another caller needs the room, who has less.
    pub(crate) async fn turn(self: &Arc<Self>, who: Who) -> Result<Turn, Full> {
        let turn = {
            let mut state = self.state();
            if state.running < self.at_once {
                state.running += 1;
                return Ok(Turn(Some(Arc::clone(self))));
            }
            state.wait(who)?
        };
        turn.await.map_err(|_| Full)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a turn that has ended to whoever is next.
    fn pass_on(self: Arc<Self>) {
        let mut turn = Turn(Some(self));
        while let Some(queue) = &turn.0 {
            let Some(next) = queue.state().next() else {
                turn.0 = None;
                return;
            };
            match next.send(turn) {
                Ok(()) => return,
                // They do not wait any more.
                Err(back) => turn = back,
            }
        }
    }
}

impl State {
    /// Puts a caller into their line.
    fn wait(&mut self, who: Who) -> Result<oneshot::Receiver<Turn>, Full> {
        let all: usize = self.lines.iter().map(|line| line.waiting.len()).sum();
        let own = self.lines.iter().position(|line| line.who == who);
        let own_waiting = own.map_or(0, |line| self.lines[line].waiting.len());
        if own_waiting >= who.waiting_max() {
            return Err(Full);
        }
        if all >= WAITING_MAX {
            self.make_room(&who, own_waiting)?;
        }
        let (sender, turn) = oneshot::channel();
        match self.lines.iter_mut().find(|line| line.who == who) {
            Some(line) => line.waiting.push_back(sender),
            None => self.lines.push_back(Line {
                who,
                waiting: VecDeque::from([sender]),
            }),
        }
        Ok(turn)
    }

    /// Turns away whoever came last of the longest line of strangers, where that is longer than
    /// this caller's; for one who is known, in any case.
    fn make_room(&mut self, who: &Who, own_waiting: usize) -> Result<(), Full> {
        let strangers = self.lines.iter_mut();
        let strangers = strangers.filter(|line| matches!(line.who, Who::Stranger(_)));
        let longest = strangers
            .max_by_key(|line| line.waiting.len())
            .ok_or(Full)?;
        let is_known = matches!(who, Who::Known(_));
        if !is_known && longest.waiting.len() <= own_waiting + 1 {
            return Err(Full);
        }
        longest.waiting.pop_back();
        self.lines.retain(|line| !line.waiting.is_empty());
        Ok(())
    }

    /// Whose turn is next; without anybody, one less is running.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let Some(mut line) = self.lines.pop_front() else {
            self.running -= 1;
            return None;
        };
        let next = line.waiting.pop_front();
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn stranger(place: usize) -> Who {
        Who::Stranger(place.to_string())
    }

    fn waiting(queue: &FairQueue) -> usize {
        let lines = &queue.state().lines;
        lines.iter().map(|line| line.waiting.len()).sum()
    }

    fn waiting_of(queue: &FairQueue, who: &Who) -> usize {
        let lines = &queue.state().lines;
        let own = lines.iter().find(|line| line.who == *who);
        own.map_or(0, |line| line.waiting.len())
    }

    /// Lets callers wait in this order; each task tells who had the turn.
    async fn lined_up(
        queue: &Arc<FairQueue>,
        callers: impl IntoIterator<Item = Who>,
    ) -> Vec<tokio::task::JoinHandle<Result<Turn, Full>>> {
        let mut tasks = Vec::new();
        for who in callers {
            let before = waiting_of(queue, &who);
            let (queue_of_task, who_of_task) = (Arc::clone(queue), who.clone());
            let task = tokio::spawn(async move { queue_of_task.turn(who_of_task).await });
            while waiting_of(queue, &who) == before && !task.is_finished() {
                tokio::task::yield_now().await;
            }
            tasks.push(task);
        }
        tasks
    }

    #[tokio::test]
    async fn whoever_sends_much_waits_behind_their_own() {
        let queue = FairQueue::new(1);
        let running = queue.turn(stranger(0)).await.unwrap();
        let flood = lined_up(&queue, (0..10).map(|_| stranger(0))).await;
        let mut honest = lined_up(&queue, [stranger(1)]).await;
        drop(running);
        // One of the flood has its turn, then the other caller, whatever else waits.
        let first = flood.into_iter().next().unwrap().await.unwrap().unwrap();
        assert!(!honest[0].is_finished());
        drop(first);
        assert!(honest.remove(0).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn nobody_fills_the_queue_for_others() {
        let queue = FairQueue::new(1);
        let _running = queue.turn(stranger(0)).await.unwrap();
        let flood = lined_up(&queue, (0..WAITING_OF_ONE_MAX).map(|_| stranger(0))).await;
        assert_eq!(
            queue.turn(stranger(0)).await.unwrap_err(),
            Full,
            "the bound of one"
        );
        let others = (0..WAITING_MAX - WAITING_OF_ONE_MAX).map(|place| stranger(place / 8 + 1));
        let _others = lined_up(&queue, others).await;
        assert_eq!(waiting(&queue), WAITING_MAX);
        let mut late = lined_up(&queue, [stranger(1_000)]).await;
        assert!(
            !late.remove(0).is_finished(),
            "it waits, in place of one of the flood"
        );
        let turned_away = flood.into_iter().next_back().unwrap().await.unwrap();
        assert_eq!(turned_away.unwrap_err(), Full);
        assert_eq!(waiting(&queue), WAITING_MAX);
    }

    #[tokio::test]
    async fn somebody_known_finds_room_among_any_number_of_strangers() {
        let queue = FairQueue::new(1);
        let _running = queue.turn(stranger(0)).await.unwrap();
        let _strangers = lined_up(&queue, (0..WAITING_MAX).map(stranger)).await;
        assert_eq!(queue.turn(stranger(9_999)).await.unwrap_err(), Full);
        let known = lined_up(&queue, [Who::Known("aki".into())]).await;
        assert!(!known[0].is_finished());
        assert_eq!(waiting(&queue), WAITING_MAX);
    }

    #[tokio::test]
    async fn this_process_waits_for_itself_only() {
        let queue = FairQueue::new(1);
        let _running = queue.turn(Who::Process).await.unwrap();
        let waiting_here = lined_up(&queue, (0..WAITING_MAX).map(|_| Who::Process)).await;
        assert!(waiting_here.iter().all(|task| !task.is_finished()));
        assert_eq!(queue.turn(Who::Process).await.unwrap_err(), Full);
    }

    #[tokio::test]
    async fn who_goes_away_loses_no_turn_for_others() {
        let queue = FairQueue::new(2);
        let running = [queue.turn(stranger(0)).await, queue.turn(stranger(0)).await];
        let tasks = lined_up(&queue, (0..6).map(stranger)).await;
        for task in &tasks[..5] {
            task.abort();
        }
        tokio::task::yield_now().await;
        drop(running);
        assert!(
            tasks
                .into_iter()
                .next_back()
                .unwrap()
                .await
                .unwrap()
                .is_ok()
        );
        let again = [queue.turn(stranger(0)).await, queue.turn(stranger(1)).await];
        assert!(again.iter().all(Result::is_ok));
        drop(again);
        let running = queue.state().running;
        assert_eq!((running, waiting(&queue)), (0, 0));
    }
}
