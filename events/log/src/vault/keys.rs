//! Keys of people: one for each person, retention class and number, wrapped by the key-encryption
//! key.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use zeroize::Zeroizing;

use super::{
    FoundKey, SealingKey, VaultError,
    database::{Database, on},
};
use crate::{
    limits::KEYS_CACHED_MAX,
    seal::{self, Cipher},
};

/// Keys that one statement reads.
const KEYS_A_STATEMENT: usize = 1_000;
/// Keys that are looked up before others may: about a tenth of a millisecond.
const KEYS_A_TURN: usize = 1_000;

/// A person and a retention class.
type Owner = (Arc<str>, Arc<str>);

pub(super) struct Keys {
    database: Database,
    kek: Cipher,
    /// By id, those that were used last. As short as they are, for there are many; what it takes to
    /// decrypt with one is made at each use.
    open: Mutex<LruCache<Box<str>, FoundKey>>,
    /// The newest number of each owner.
    newest: Mutex<LruCache<Owner, u32>>,
    /// Owners who wait for their first key, and the gate through which one task makes all of them
    /// at once.
    wanted: Mutex<Vec<Owner>>,
    making: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(super) fn new(database: Database, kek: Zeroizing<[u8; 32]>) -> Self {
        let capacity = NonZeroUsize::new(KEYS_CACHED_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            database,
            kek: seal::cipher(&kek),
            open: Mutex::new(LruCache::sparse(capacity)),
            newest: Mutex::new(LruCache::sparse(capacity)),
            wanted: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn current(
        self: &Arc<Self>,
        subject: &str,
        class: &str,
    ) -> Result<SealingKey, VaultError> {
        let owner: Owner = (subject.into(), class.into());
        if let Some(key) = self.cached(&owner) {
            return Ok(key);
        }
        // A task of its own: a caller that is dropped must not leave a transaction half done, on
        // a connection that others use after it.
        let keys = Arc::clone(self);
        let first = tokio::spawn(async move { keys.first(owner).await });
        first
            .await
            .map_err(|error| VaultError::Unavailable(error.to_string()))?
    }

    async fn first(&self, owner: Owner) -> Result<SealingKey, VaultError> {
        lock(&self.wanted).push(owner.clone());
        let _turn = self.making.lock().await;
        if let Some(key) = self.cached(&owner) {
            return Ok(key);
        }
        let mut wanted = std::mem::take(&mut *lock(&self.wanted));
        if !wanted.contains(&owner) {
            // Whoever had taken it along failed.
            wanted.push(owner.clone());
        }
        self.make(&wanted).await?;
        let (subject, class) = &owner;
        self.cached(&owner)
            .ok_or_else(|| VaultError::Damaged(format!("no key unwraps for {subject}/{class}")))
    }

    fn cached(&self, owner: &Owner) -> Option<SealingKey> {
        let n = *lock(&self.newest).get(owner)?;
        let id = id_of(owner, n);
        let found = lock(&self.open).get(id.as_str())?.clone();
        let key = match found {
            FoundKey::Whole(key) => Some(key),
            FoundKey::Gone => None,
            FoundKey::Damaged => return None,
        };
        Some(SealingKey { id, key })
    }

    /// Makes the first key of each owner who has none, and reads the newest of all of them, in one
    /// transaction.
    async fn make(&self, owners: &[Owner]) -> Result<(), VaultError> {
        let mut fresh = Vec::with_capacity(owners.len());
        for owner in owners {
            let key = Zeroizing::new(seal::random::<32>()?);
            fresh.push(self.wrap(&id_of(owner, 1), &key)?);
        }
        let mut found = Vec::with_capacity(owners.len());
        on!(&self.database, pool => {
            let mut transaction = pool.begin().await?;
            for (wrapped, (subject, class)) in fresh.iter().zip(owners) {
                sqlx::query(
                    "insert into vault_keys (subject, class, n, epoch, wrapped) \
                     values ($1, $2, 1, 1, $3) on conflict do nothing",
                )
                .bind(&**subject)
                .bind(&**class)
                .bind(wrapped)
                .execute(&mut *transaction)
                .await?;
            }
            for (subject, class) in owners {
                let newest: (i64, Option<Vec<u8>>) = sqlx::query_as(
                    "select n, wrapped from vault_keys where subject = $1 and class = $2 \
                     order by n desc limit 1",
                )
                .bind(&**subject)
                .bind(&**class)
                .fetch_one(&mut *transaction)
                .await?;
                found.push(newest);
            }
            transaction.commit().await?;
        });
        // INVARIANT: nobody seals with a key that is not durable, so none is remembered before the
        // commit.
        for (owner, (n, wrapped)) in owners.iter().zip(found) {
            let n = u32::try_from(n).map_err(|_| VaultError::Damaged("n".into()))?;
            self.remember(&id_of(owner, n), wrapped.as_deref());
            lock(&self.newest).put(owner.clone(), n);
        }
        Ok(())
    }

    /// One answer for each id, in their order; ids may come more than once.
    pub(super) async fn of(self: &Arc<Self>, ids: &[&str]) -> Result<Vec<FoundKey>, VaultError> {
        let (mut keys, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for ids in ids.chunks(KEYS_A_TURN) {
            let mut open = lock(&self.open);
            for id in ids {
                let key = open.get(*id).cloned();
                if key.is_none() {
                    missing.push(keys.len());
                }
                keys.push(key.unwrap_or(FoundKey::Gone));
            }
        }
        if missing.is_empty() {
            return Ok(keys);
        }
        let wanted: HashSet<&str> = missing.iter().map(|index| ids[*index]).collect();
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        // A task of its own, as in `current`.
        let this = Arc::clone(self);
        let loading = tokio::spawn(async move { this.load(wanted).await });
        let loaded = loading
            .await
            .map_err(|error| VaultError::Unavailable(error.to_string()))??;
        for index in missing {
            if let Some(key) = loaded.get(ids[index]) {
                keys[index] = key.clone();
            }
        }
        Ok(keys)
    }

    /// Reads keys from the database. One that is not there is not remembered as missing: another
    /// process may be about to make it.
    async fn load(&self, ids: Vec<String>) -> Result<HashMap<String, FoundKey>, VaultError> {
        let mut loaded = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(KEYS_A_STATEMENT) {
            let parts: Vec<_> = ids.iter().filter_map(|id| parts_of(id)).collect();
            for (subject, class, n, wrapped) in self.database.keys(&parts).await? {
                let id = format!("{subject}/{class}/{n}");
                let key = self.remember(&id, wrapped.as_deref());
                loaded.insert(id, key);
            }
        }
        Ok(loaded)
    }

    /// Takes a key out of its wrapping, and remembers it unless it is damaged: it may be put right.
    fn remember(&self, id: &str, wrapped: Option<&[u8]>) -> FoundKey {
        let key = match wrapped.map(|wrapped| self.unwrap(id, wrapped)) {
            Some(Some(key)) => FoundKey::Whole(key),
            Some(None) => return FoundKey::Damaged,
            None => FoundKey::Gone,
        };
        lock(&self.open).put(id.into(), key.clone());
        key
    }

    fn wrap(&self, id: &str, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let nonce = seal::random()?;
        let ciphertext = seal::encrypt(&self.kek, nonce, key, id.as_bytes())?;
        Ok([&nonce, ciphertext.as_slice()].concat())
    }

    fn unwrap(&self, id: &str, wrapped: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let key = Zeroizing::new(seal::decrypt(&self.kek, wrapped, id.as_bytes())?);
        key.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

/// The id of a key: `<subject>/<class>/<n>`.
fn id_of((subject, class): &Owner, n: u32) -> String {
    format!("{subject}/{class}/{n}")
}

/// Undoes [`id_of`].
fn parts_of(id: &str) -> Option<(&str, &str, u32)> {
    let mut parts = id.rsplitn(3, '/');
    let n = parts.next()?.parse().ok()?;
    let class = parts.next()?;
    Some((parts.next()?, class, n))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
