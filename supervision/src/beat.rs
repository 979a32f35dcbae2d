//! What a loop promises of itself: that it is heard of again in time. One that is not is stuck.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

tokio::task_local! {
    static BEAT: Beat;
}

/// What is known of the promise of one loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat(Arc<Mutex<Promise>>);

#[derive(Debug, Default)]
struct Promise {
    /// When the loop was heard of, and until when it wants to be heard of again.
    until: Option<(Instant, Instant)>,
    /// A test has it stand still.
    is_stopped: bool,
}

impl Beat {
    fn promise(&self) -> std::sync::MutexGuard<'_, Promise> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when nothing was heard of the loop, where it has not kept its promise.
    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        let (heard, until) = self.promise().until?;
        (Instant::now() > until).then_some(heard)
    }

    /// Has the loop stand still, with its promise broken.
    pub(crate) fn stop(&self) {
        let now = Instant::now();
        let mut promise = self.promise();
        (promise.is_stopped, promise.until) = (true, Some((now, now)));
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.promise().is_stopped
    }

    /// Runs a loop that makes its promises here.
    pub(crate) fn around<W: Future>(self, work: W) -> impl Future<Output = W::Output> {
        BEAT.scope(self, work)
    }

    fn set(&self, until: Option<(Instant, Instant)>) {
        let mut promise = self.promise();
        if !promise.is_stopped {
            promise.until = until;
        }
    }
}

/// Says of the loop that calls it that it works, and that it says so again within this time: where
/// it does not, it is stuck. Outside of a loop that is supervised it says nothing.
pub fn beat_within(time: Duration) {
    let now = Instant::now();
    let _ = BEAT.try_with(|beat| beat.set(Some((now, now + time))));
}

/// Says of the loop that calls it that it waits for as long as it takes.
pub fn rest() {
    let _ = BEAT.try_with(|beat| beat.set(None));
}
