//! A token that is watched while an answer goes on: whoever holds it learns at once that it ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meguri_log::TokenId;
use tokio::sync::watch;

use crate::TokenReader;

/// How often watched tokens are looked up, for what other processes revoke and for what expires.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a token counts as valid while the token store cannot be asked.
const UNSURE_MAX: Duration = Duration::from_secs(30);

/// A token that was valid a moment ago.
#[derive(Debug)]
pub struct LiveToken(watch::Receiver<()>);

impl LiveToken {
    /// Returns once the token is revoked or has expired, or once nobody can tell for 30 seconds.
    pub async fn ended(&mut self) {
        // Nothing is ever sent: the token ends with its sender.
        while self.0.changed().await.is_ok() {}
    }

    /// Whether [`LiveToken::ended`] would return now.
    pub fn has_ended(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

/// The tokens that are watched.
///
/// One task looks all of them up in one query, however many there are: as soon as this process
/// revokes any, and each second.
pub(crate) struct Watched {
    reader: Arc<dyn TokenReader>,
    look_every: Duration,
    unsure_max: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: HashMap<TokenId, watch::Sender<()>>,
    is_looking: bool,
}

impl Watched {
    pub(crate) fn new(reader: Arc<dyn TokenReader>) -> Self {
        Self {
            reader,
            look_every: LOOK_EVERY,
            unsure_max: UNSURE_MAX,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a token from now on.
    pub(crate) fn watch(self: &Arc<Self>, token: TokenId) -> LiveToken {
        let mut state = self.state();
        let sender = state.tokens.entry(token).or_default();
        let live = LiveToken(sender.subscribe());
        if !state.is_looking {
            state.is_looking = true;
            // Subscribed here: what is revoked before the task runs is not missed.
            let revocations = self.reader.watch_revocations();
            let looking = Looking {
                watched: Arc::clone(self),
                is_done: false,
            };
            tokio::spawn(looking.run(revocations));
        }
        live
    }

    /// Forgets the tokens on which no answer depends any more; those that are left.
    fn still_watched(&self) -> Vec<TokenId> {
        let tokens = &mut self.state().tokens;
        tokens.retain(|_, sender| sender.receiver_count() > 0);
        tokens.keys().copied().collect()
    }

    fn end<'a>(&self, tokens: impl Iterator<Item = &'a TokenId>) {
        let mut state = self.state();
        for token in tokens {
            state.tokens.remove(token);
        }
    }
}

/// The task that looks tokens up. Where it breaks off, every watch ends with it.
struct Looking {
    watched: Arc<Watched>,
    is_done: bool,
}

impl Looking {
    async fn run(mut self, mut revocations: watch::Receiver<u64>) {
        let mut sure_at = Instant::now();
        while !self.is_over() {
            tokio::select! {
                Ok(()) = revocations.changed() => {}
                () = tokio::time::sleep(self.watched.look_every) => {}
            }
            let tokens = self.watched.still_watched();
            match self.watched.reader.valid(&tokens).await {
                Ok(valid) => {
                    sure_at = Instant::now();
                    let ended = tokens.iter().filter(|token| !valid.contains(*token));
                    self.watched.end(ended);
                }
                Err(error) if sure_at.elapsed() < self.watched.unsure_max => {
                    tracing::debug!(%error, "tokens of live answers cannot be looked up");
                }
                Err(error) => {
                    tracing::warn!(%error, "nobody can tell whether tokens are valid: answers end");
                    self.watched.end(tokens.iter());
                }
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let mut state = self.watched.state();
        self.is_done = state.tokens.is_empty();
        state.is_looking = !self.is_done;
        self.is_done
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if !self.is_done {
            *self.watched.state() = State::default();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use std::collections::HashSet;

    use async_trait::async_trait;

    use super::*;
    use meguri_read_api::Principal;

    use crate::TokensUnavailable;

    /// A store in which tokens are valid until they are taken away.
    struct Store {
        valid: Mutex<Result<HashSet<TokenId>, ()>>,
        revocations: watch::Sender<u64>,
    }

    impl Store {
        fn with(tokens: &[TokenId]) -> Arc<Self> {
            Arc::new(Self {
                valid: Mutex::new(Ok(tokens.iter().copied().collect())),
                revocations: watch::Sender::new(0),
            })
        }
    }

    #[async_trait]
    impl TokenReader for Store {
        async fn holder(&self, _: &str) -> Result<Option<Principal>, TokensUnavailable> {
            Ok(None)
        }

        async fn valid(&self, asked: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable> {
            match &*self.valid.lock().unwrap() {
                Ok(valid) => Ok(valid
                    .intersection(&asked.iter().copied().collect())
                    .copied()
                    .collect()),
                Err(()) => Err(TokensUnavailable("away".into())),
            }
        }

        fn watch_revocations(&self) -> watch::Receiver<u64> {
            self.revocations.subscribe()
        }
    }

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(5);

    fn watched(store: &Arc<Store>, look_every: Duration, unsure_max: Duration) -> Arc<Watched> {
        Arc::new(Watched {
            look_every,
            unsure_max,
            ..Watched::new(Arc::<Store>::clone(store))
        })
    }

    async fn ends(live: &mut LiveToken) -> bool {
        let ended = tokio::time::timeout(Duration::from_secs(20), live.ended()).await;
        ended.is_ok() && live.has_ended()
    }

    #[tokio::test]
    async fn a_revoked_token_ends_at_once_and_no_other() {
        let [one, two] = ["one", "two"].map(TokenId::of);
        let store = Store::with(&[one, two]);
        let watched = watched(&store, LONG, LONG);
        let (mut first, mut again) = (watched.watch(one), watched.watch(one));
        let other = watched.watch(two);
        store.valid.lock().unwrap().as_mut().unwrap().remove(&one);
        store.revocations.send_modify(|count| *count += 1);
        assert!(ends(&mut first).await && ends(&mut again).await);
        assert!(!other.has_ended());
    }

    #[tokio::test]
    async fn what_another_process_revokes_or_what_expires_is_seen_by_itself() {
        let one = TokenId::of("one");
        let store = Store::with(&[one]);
        let watched = watched(&store, SHORT, LONG);
        let mut live = watched.watch(one);
        tokio::time::sleep(SHORT * 10).await;
        assert!(!live.has_ended());
        store.valid.lock().unwrap().as_mut().unwrap().remove(&one);
        assert!(ends(&mut live).await);
    }

    #[tokio::test]
    async fn nobody_looks_once_nobody_watches_and_somebody_does_again() {
        let [one, two] = ["one", "two"].map(TokenId::of);
        let store = Store::with(&[one, two]);
        let watched = watched(&store, SHORT, LONG);
        drop(watched.watch(one));
        while watched.state().is_looking {
            tokio::time::sleep(SHORT).await;
        }
        assert!(watched.state().tokens.is_empty());
        let mut live = watched.watch(two);
        *store.valid.lock().unwrap() = Ok(HashSet::new());
        assert!(ends(&mut live).await);
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_asked_ends_tokens_only_after_a_while() {
        let one = TokenId::of("one");
        let store = Store::with(&[one]);
        *store.valid.lock().unwrap() = Err(());
        let mut live = watched(&store, SHORT, SHORT * 20).watch(one);
        assert!(ends(&mut live).await);
        let live = watched(&store, SHORT, LONG).watch(one);
        tokio::time::sleep(SHORT * 20).await;
        assert!(!live.has_ended());
    }
}
