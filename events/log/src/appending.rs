//! Whether appends work: what the writer has found last, cheap to ask at any time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long the writer may be busy with one batch before appends count as failing.
const SLOW_AFTER: Duration = Duration::from_secs(5);

/// Appends do not work at the moment.
///
/// It ends by itself: while nobody appends, the writer tries every few seconds whether the database
/// takes writes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendsFail {
    /// Since when: the first failure after the last append that worked.
    pub since: Instant,
    /// What the database, or the writer, said last.
    pub reason: String,
}

/// What the writer finds, for everybody who asks.
#[derive(Debug, Default)]
pub(crate) struct Appending(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    failing: Option<AppendsFail>,
    busy_since: Option<Instant>,
}

impl Appending {
    /// The writer begins with a batch.
    pub(crate) fn begun(&self) {
        self.found().busy_since = Some(Instant::now());
    }

    /// It is done with it, whatever it came to.
    pub(crate) fn done(&self) {
        self.found().busy_since = None;
    }

    /// Something was written.
    pub(crate) fn worked(&self) {
        self.found().failing = None;
    }

    /// Nothing could be written, or nobody knows whether it was.
    pub(crate) fn failed(&self, reason: String) {
        let mut found = self.found();
        // What came first of one outage is when the batch was begun.
        let since = match (&found.failing, found.busy_since) {
            (Some(before), _) => before.since,
            (None, Some(begun)) => begun,
            (None, None) => Instant::now(),
        };
        found.failing = Some(AppendsFail { since, reason });
    }

    /// Whether appends fail at the moment.
    pub(crate) fn failing(&self) -> Option<AppendsFail> {
        let found = self.found();
        found.failing.clone().or_else(|| {
            let since = found.busy_since?;
            let reason = "the database does not answer the writer".to_owned();
            (since.elapsed() > SLOW_AFTER).then_some(AppendsFail { since, reason })
        })
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_from_the_first_and_end_with_what_works() {
        let appending = Appending::default();
        appending.begun();
        appending.failed("full".into());
        appending.done();
        let first = appending.failing().unwrap();
        appending.begun();
        appending.failed("still full".into());
        let later = appending.failing().unwrap();
        assert_eq!(later.since, first.since);
        assert_eq!(later.reason, "still full");
        appending.worked();
        appending.done();
        assert_eq!(appending.failing(), None);
    }
}
