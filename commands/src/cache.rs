//! States kept between commands. An old one does no harm: every append proves
//! what it relied on, and so does every refusal ([`crate::handle`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use meguri_log::StreamName;

use crate::snapshot::Snapshot;

/// The states used last, at most so many.
#[derive(Debug)]
pub(crate) struct Cache(Mutex<LruCache<StreamName, Arc<Snapshot>>>);

impl Cache {
    /// Keeps at most so many states.
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(most)))
    }

    pub(crate) fn get(&self, stream: &StreamName) -> Option<Arc<Snapshot>> {
        self.states().get(stream).cloned()
    }

    /// Keeps a state, unless a newer one is there already.
    pub(crate) fn put(&self, stream: StreamName, snapshot: Snapshot) {
        let mut states = self.states();
        if states
            .get(&stream)
            .is_none_or(|kept| kept.version <= snapshot.version)
        {
            states.put(stream, Arc::new(snapshot));
        }
    }

    /// Forgets what is not of this log.
    pub(crate) fn forget(&self, stream: &StreamName) {
        self.states().pop(stream);
    }

    /// Forgets everything: what was typed by somebody who is erased may be in any state.
    pub(crate) fn forget_all(&self) {
        self.states().clear();
    }

    fn states(&self) -> MutexGuard<'_, LruCache<StreamName, Arc<Snapshot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use meguri_domain::Claim;
    use meguri_log::Version;

    fn stream(n: usize) -> StreamName {
        StreamName::new(format!("claim-{n}")).unwrap()
    }

    fn cache() -> Cache {
        Cache::new(NonZeroUsize::new(10).unwrap())
    }

    #[test]
    fn what_was_used_last_is_kept_and_memory_is_bounded() {
        let cache = cache();
        for n in 0..1_000 {
            cache.put(stream(n), Snapshot::absent::<Claim>());
            assert!(
                cache.get(&stream(0)).is_some(),
                "used all the time, so kept"
            );
        }
        assert!(cache.get(&stream(999)).is_some());
        assert!(cache.get(&stream(500)).is_none());
    }

    #[test]
    fn an_older_state_never_takes_the_place_of_a_newer_one() {
        let cache = cache();
        let at = |version| Snapshot {
            version: Version::new(version),
            ..Snapshot::absent::<Claim>()
        };
        cache.put(stream(1), at(2));
        cache.put(stream(1), at(1));
        assert_eq!(cache.get(&stream(1)).unwrap().version, Version::new(2));
    }
}
