//! The newest position that a process has heard of, and those who wait until it moves.
//!
//! It is what `tokio::sync::watch` is for any value, with one difference: those who wait are woken
//! in the order in which they began to wait. A `watch` leaves that to chance, because it spreads
//! them over eight lists, and a simulation in which chance decides cannot be repeated.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::{schedule::point, stream::Position};

/// The newest position that is known, and the right to say that it has moved.
///
/// Dropped, it closes: those who wait hear that the position moves no more.
#[derive(Debug)]
pub(crate) struct KnownHead(Arc<Shared>);

/// Waits until the newest position that is known moves; cloning is cheap, and every clone has seen
/// what the original had.
///
/// The position is not bound to grow: a log that fell back to an older state ends earlier.
#[derive(Debug, Clone)]
pub struct HeadWatch {
    shared: Arc<Shared>,
    /// Up to which move the position counts as seen.
    seen: u64,
}

/// The position moves no more, because its log is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log is gone, and its head moves no more")]
pub struct HeadGone;

#[derive(Debug)]
struct Shared {
    position: AtomicU64,
    /// How often it has moved: also to where it was before.
    ///
    /// INVARIANT: counted after the position was stored, so that a reader who counts first never
    /// takes an older position for one that it has seen.
    moves: AtomicU64,
    is_gone: AtomicBool,
    /// Wakes in the order of waiting.
    moved: Notify,
}

impl Shared {
    fn wake(&self) {
        point();
        self.moves.fetch_add(1, Ordering::SeqCst);
        point();
        self.moved.notify_waiters();
    }

    fn position(&self) -> Position {
        Position::new(self.position.load(Ordering::SeqCst))
    }
}

impl KnownHead {
    pub(crate) fn new(position: Position) -> Self {
        Self(Arc::new(Shared {
            position: AtomicU64::new(position.get()),
            moves: AtomicU64::new(0),
            is_gone: AtomicBool::new(false),
            moved: Notify::new(),
        }))
    }

    pub(crate) fn position(&self) -> Position {
        self.0.position()
    }

    /// Hears that the log goes at least up to here.
    pub(crate) fn reaches(&self, position: Position) {
        point();
        let before = self.0.position.fetch_max(position.get(), Ordering::SeqCst);
        if before < position.get() {
            self.0.wake();
        }
    }

    /// Hears that the log ends here, which may be earlier than before.
    pub(crate) fn replace(&self, position: Position) {
        point();
        self.0.position.store(position.get(), Ordering::SeqCst);
        self.0.wake();
    }

    /// Hears that the log has fallen back from there to an earlier end, and says whether nobody has
    /// heard of anything newer meanwhile.
    pub(crate) fn fell_back(&self, from: Position, to: Position) -> bool {
        point();
        let (from, to) = (from.get(), to.get());
        let ordering = Ordering::SeqCst;
        let fell = self
            .0
            .position
            .compare_exchange(from, to, ordering, ordering);
        if fell.is_ok() {
            self.0.wake();
        }
        fell.is_ok()
    }

    /// Waits for what comes: where the head is now counts as seen.
    pub(crate) fn watch(&self) -> HeadWatch {
        HeadWatch {
            seen: self.0.moves.load(Ordering::SeqCst),
            shared: Arc::clone(&self.0),
        }
    }
}

impl Drop for KnownHead {
    fn drop(&mut self) {
        self.0.is_gone.store(true, Ordering::SeqCst);
        self.0.moved.notify_waiters();
    }
}

impl HeadWatch {
    /// The newest position that is known.
    pub fn position(&self) -> Position {
        self.shared.position()
    }

    /// The newest position that is known, which counts as seen.
    pub fn see(&mut self) -> Position {
        self.seen = self.shared.moves.load(Ordering::SeqCst);
        point();
        self.shared.position()
    }

    /// Waits until the head has moved since it was seen, which it counts as then. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// [`HeadGone`] where the log is gone, and the last move was seen.
    pub async fn moved(&mut self) -> Result<(), HeadGone> {
        loop {
            // INVARIANT: made before the moves are looked at, so that it hears of every later one.
            let next = self.shared.moved.notified();
            point();
            let counted = self.shared.moves.load(Ordering::SeqCst);
            if counted != self.seen {
                self.seen = counted;
                return Ok(());
            }
            if self.shared.is_gone.load(Ordering::SeqCst) {
                return Err(HeadGone);
            }
            next.await;
        }
    }

    /// Waits until the log goes at least up to here, as far as is known, and says how far.
    ///
    /// # Errors
    /// [`HeadGone`] where it never will.
    pub async fn reaches(&mut self, position: Position) -> Result<Position, HeadGone> {
        loop {
            let head = self.see();
            if head >= position {
                return Ok(head);
            }
            self.moved().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Far more than `tokio::sync::watch` has lists for.
    const MANY: u64 = 100;

    #[tokio::test]
    async fn those_who_wait_are_woken_in_the_order_in_which_they_began() {
        let (head, woken) = (
            KnownHead::new(Position::ZERO),
            Arc::new(Mutex::new(Vec::new())),
        );
        for position in 1..=3 {
            let (mut waiting, begun) = (Vec::new(), Arc::new(AtomicU64::new(0)));
            for number in 0..MANY {
                let (mut watch, woken) = (head.watch(), Arc::clone(&woken));
                let begun = Arc::clone(&begun);
                waiting.push(tokio::spawn(async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    watch.moved().await.unwrap();
                    woken.lock().unwrap().push(number);
                }));
            }
            while begun.load(Ordering::SeqCst) < MANY {
                tokio::task::yield_now().await;
            }
            head.reaches(Position::new(position));
            for one in waiting {
                one.await.unwrap();
            }
            let woken: Vec<u64> = std::mem::take(&mut woken.lock().unwrap());
            assert!(woken.into_iter().eq(0..MANY));
        }
    }

    #[tokio::test]
    async fn a_move_is_heard_of_once_also_back_to_where_the_head_was() {
        let head = KnownHead::new(Position::new(5));
        let (mut watch, now) = (head.watch(), std::time::Duration::ZERO);
        head.reaches(Position::new(4));
        assert!(tokio::time::timeout(now, watch.moved()).await.is_err());
        head.replace(Position::new(3));
        head.replace(Position::new(5));
        watch.moved().await.unwrap();
        assert!(tokio::time::timeout(now, watch.moved()).await.is_err());
        head.reaches(Position::new(6));
        assert_eq!(watch.see(), Position::new(6));
        assert!(tokio::time::timeout(now, watch.moved()).await.is_err());
        assert_eq!(watch.reaches(Position::new(2)).await, Ok(Position::new(6)));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_log_that_is_gone_hears_the_last_move_and_then_that() {
        let head = KnownHead::new(Position::ZERO);
        let mut watch = head.watch();
        let mut waits = head.watch();
        let waiting = tokio::spawn(async move { waits.reaches(Position::new(2)).await });
        tokio::task::yield_now().await;
        head.reaches(Position::new(1));
        drop(head);
        assert_eq!(waiting.await.unwrap(), Err(HeadGone));
        assert_eq!(watch.moved().await, Ok(()));
        assert_eq!(watch.moved().await, Err(HeadGone));
        assert_eq!(watch.position(), Position::new(1));
    }
}
