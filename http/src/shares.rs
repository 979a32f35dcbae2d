//! What many use at once: so much in all, and so much of it for each of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// With so many users, those who hold nothing are looked for and forgotten.
const SWEEP_AT: usize = 1_024;

/// Parts that are shared by users, each known by a key: an address, an account.
///
/// A user waits behind its own other requests before it waits behind those of others, so that
/// nobody has more places in the common queue than its share. Memory is bounded by what is held
/// and waited for.
#[derive(Debug)]
pub struct Shares<K> {
    all: Arc<Semaphore>,
    of_one: usize,
    users: Mutex<Users<K>>,
}

#[derive(Debug)]
struct Users<K> {
    by_key: HashMap<K, Arc<Semaphore>>,
    sweep_at: usize,
}

/// A part, or several, held until it is dropped.
#[derive(Debug)]
pub struct Share {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl<K: Eq + Hash> Shares<K> {
    /// So many parts, of which one user may hold so many.
    pub fn new(all: usize, of_one: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            of_one,
            users: Mutex::new(Users {
                by_key: HashMap::new(),
                sweep_at: SWEEP_AT,
            }),
        }
    }

    /// So many parts, if they are there now.
    pub fn try_take(&self, user: K, parts: u32) -> Option<Share> {
        let own = self.of(user).try_acquire_many_owned(parts).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(parts).ok()?;
        Some(Share {
            _own: own,
            _all: all,
        })
    }

    /// One part, as soon as it is this user's turn.
    pub async fn take(&self, user: K) -> Option<Share> {
        // Nobody closes the semaphores: there always is a part in the end.
        let own = self.of(user).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Share {
            _own: own,
            _all: all,
        })
    }

    fn of(&self, user: K) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.by_key.len() >= users.sweep_at {
            // Whoever holds a part or waits for one has a handle, too.
            users.by_key.retain(|_, own| Arc::strong_count(own) > 1);
            users.sweep_at = SWEEP_AT.max(2 * users.by_key.len());
        }
        let own = users.by_key.entry(user);
        Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(self.of_one))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share_and_all_have_no_more_than_there_is() {
        let shares = Shares::new(5, 2);
        let held: Vec<_> = (0..2).map(|_| shares.try_take("a", 1).unwrap()).collect();
        assert!(shares.try_take("a", 1).is_none());
        let others = [shares.try_take("b", 2), shares.try_take("c", 1)];
        assert!(others.iter().all(Option::is_some));
        assert!(shares.try_take("d", 1).is_none(), "there are five");
        drop(held);
        assert!(shares.try_take("d", 1).is_some());
    }

    #[tokio::test]
    async fn a_user_who_waits_behind_itself_does_not_keep_others_waiting() {
        let shares = Arc::new(Shares::new(3, 1));
        let first = shares.take("a").await.unwrap();
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let shares = Arc::clone(&shares);
                tokio::spawn(async move { shares.take("a").await.is_some() })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(shares.take("b").await.is_some());
        drop(first);
        for turn in waiting {
            assert!(turn.await.unwrap());
        }
    }

    #[test]
    fn users_who_hold_nothing_are_forgotten() {
        let shares = Shares::new(10, 1);
        let held = shares.try_take(0, 1).unwrap();
        for user in 1..10 * SWEEP_AT {
            assert!(shares.try_take(user, 1).is_some());
        }
        let users = shares.users.lock().unwrap();
        assert!(users.by_key.len() <= SWEEP_AT + 1);
        drop(users);
        assert!(
            shares.try_take(0, 1).is_none(),
            "who holds something is not"
        );
        drop(held);
    }
}
