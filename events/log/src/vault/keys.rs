//! Keys of people: one for each person, retention class and number, wrapped by the key-encryption
//! key.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use lru::LruCache;
use sqlx::Connection as _;
use zeroize::Zeroizing;

use super::{
    FoundKey, Kek, SealingKey, VaultError,
    database::{Database, on},
    kek::{self, FINGERPRINT},
    rotation::EPOCH,
    wrapping::Wrapping,
};
use crate::{limits::KEYS_CACHED_MAX, seal};

/// Keys that one statement reads.
const KEYS_A_STATEMENT: usize = 1_000;
/// Keys that are looked up before others may: about a tenth of a millisecond.
const KEYS_A_TURN: usize = 1_000;

/// Makes a key, unless there is one.
const MAKE: &str = "insert into vault_keys (subject, class, n, epoch, wrapped) \
    values ($1, $2, $3, $4, $5) on conflict do nothing";
/// The newest key of an owner.
const NEWEST: &str = "select n, wrapped from vault_keys where subject = $1 and class = $2 \
    order by n desc limit 1";

/// A person and a retention class.
type Owner = (Arc<str>, Arc<str>);

pub(super) struct Keys {
    database: Database,
    /// What wraps keys in this epoch, and where it came from.
    wrapping: RwLock<(Arc<Wrapping>, Kek)>,
    /// By id, those that were used last. As short as they are, for there are many; what it takes to
    /// decrypt with one is made at each use.
    open: Mutex<LruCache<Box<str>, FoundKey>>,
    /// The newest number of each owner.
    newest: Mutex<LruCache<Owner, u32>>,
    /// Owners who wait for their first key, and the gate through which one task makes all of them
    /// at once.
    wanted: Mutex<Vec<Owner>>,
    making: tokio::sync::Mutex<()>,
    /// Keys up to these numbers are destroyed, whatever was read before that was heard of.
    destroyed: Mutex<HashMap<Owner, u32>>,
}

impl Keys {
    pub(super) fn new(database: Database, source: Kek, wrapping: Wrapping) -> Self {
        Self {
            database,
            wrapping: RwLock::new((Arc::new(wrapping), source)),
            open: Mutex::new(LruCache::sparse(KEYS_CACHED_MAX)),
            newest: Mutex::new(LruCache::sparse(KEYS_CACHED_MAX)),
            wanted: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            destroyed: Mutex::default(),
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
        // A task of its own: a caller that is dropped must not take back the keys that it makes for
        // others, too.
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
        let owners: Vec<_> = owners.iter().map(|owner| (owner.clone(), 1)).collect();
        if self.try_make(&owners).await? {
            return Ok(());
        }
        // Everything was wrapped anew in the meantime, by another process.
        self.refresh().await?;
        if self.try_make(&owners).await? {
            return Ok(());
        }
        let reason = "the key-encryption key is being rotated".to_owned();
        Err(VaultError::Unavailable(reason))
    }

    /// Makes a key of each owner under this number unless there is one, and reads the newest of all
    /// of them. Answers false, and makes none, where this is not the epoch any more.
    async fn try_make(&self, owners: &[(Owner, u32)]) -> Result<bool, VaultError> {
        let wrapping = self.wrapping();
        let fresh = fresh(&wrapping, owners)?;
        let (made, shared) = (fresh.iter().zip(owners), self.database.share());
        let now = &*wrapping;
        let found: Option<Vec<(i64, Option<Vec<u8>>)>> = on!(&self.database, |connection| async {
            let mut transaction = connection.begin().await?;
            for (wrapped, ((subject, class), n)) in made {
                sqlx::query(MAKE)
                    .bind(&**subject)
                    .bind(&**class)
                    .bind(i64::from(*n))
                    .bind(now.epoch)
                    .bind(wrapped)
                    .execute(&mut *transaction)
                    .await?;
            }
            // INVARIANT: after the first write, so that in SQLite nobody writes until this is
            // committed; in PostgreSQL the row is held against who wraps everything anew.
            let stored: Option<Vec<u8>> = sqlx::query_scalar(shared)
                .bind(FINGERPRINT)
                .fetch_optional(&mut *transaction)
                .await?;
            if stored.as_deref() != Some(&now.fingerprint) {
                transaction.rollback().await?;
                return Ok(None);
            }
            let mut found = Vec::with_capacity(owners.len());
            for ((subject, class), _) in owners {
                let newest = sqlx::query_as(NEWEST)
                    .bind(&**subject)
                    .bind(&**class)
                    .fetch_one(&mut *transaction)
                    .await?;
                found.push(newest);
            }
            transaction.commit().await?;
            Ok(Some(found))
        })?;
        let Some(found) = found else {
            return Ok(false);
        };
        // INVARIANT: nobody seals with a key that is not durable, so none is remembered before the
        // commit.
        for ((owner, _), (n, wrapped)) in owners.iter().zip(found) {
            let n = u32::try_from(n).map_err(|_| VaultError::Damaged("n".into()))?;
            self.remember(&wrapping, &id_of(owner, n), wrapped.as_deref());
            lock(&self.newest).put(owner.clone(), n);
        }
        Ok(true)
    }

    /// Makes the next key of an owner whose newest is destroyed.
    pub(super) async fn renew(&self, subject: &str, class: &str) -> Result<(), VaultError> {
        let owner: Owner = (subject.into(), class.into());
        let _turn = self.making.lock().await;
        self.make(std::slice::from_ref(&owner)).await?;
        if self
            .cached(&owner)
            .is_some_and(|newest| newest.key.is_some())
        {
            return Ok(());
        }
        let newest = lock(&self.newest).get(&owner).copied();
        let Some(next) = newest.and_then(|newest| newest.checked_add(1)) else {
            let reason = "keys are being destroyed just now".to_owned();
            return Err(VaultError::Unavailable(reason));
        };
        if self.try_make(&[(owner.clone(), next)]).await? {
            return Ok(());
        }
        self.refresh().await?;
        self.try_make(&[(owner, next)]).await.map(drop)
    }

    /// Forgets keys that are destroyed, and never takes them up again from what was read before.
    pub(super) fn forget(&self, subject: &str, class: &str, last: u32) {
        let owner: Owner = (subject.into(), class.into());
        let mut destroyed = lock(&self.destroyed);
        let known = destroyed.entry(owner.clone()).or_default();
        *known = last.max(*known);
        drop(destroyed);
        let mut open = lock(&self.open);
        for n in 1..=last {
            open.pop(id_of(&owner, n).as_str());
        }
        drop(open);
        lock(&self.newest).pop(&owner);
    }

    /// Reads these keys anew when they are asked for next.
    pub(super) fn doubt(&self, ids: &[&str]) {
        let mut open = lock(&self.open);
        for id in ids {
            open.pop(*id);
        }
    }

    /// What wraps keys in this epoch, as far as this process knows.
    pub(super) fn wrapping(&self) -> Arc<Wrapping> {
        let known = self.wrapping.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.0)
    }

    /// Where the key-encryption key came from.
    pub(super) fn source(&self) -> Kek {
        let known = self.wrapping.read().unwrap_or_else(PoisonError::into_inner);
        known.1.clone()
    }

    /// From now on keys are wrapped so.
    pub(super) fn use_wrapping(&self, wrapping: Wrapping, source: Kek) {
        let mut known = self
            .wrapping
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *known = (Arc::new(wrapping), source);
    }

    /// Takes up the key-encryption key that another process has put in force, if one has.
    pub(super) async fn refresh(&self) -> Result<(), VaultError> {
        let missing = || VaultError::Damaged(format!("{FINGERPRINT} is missing"));
        let stored = self.database.meta(FINGERPRINT).await?;
        let stored = stored.ok_or_else(missing)?;
        if stored == self.wrapping().fingerprint {
            return Ok(());
        }
        let source = self.source();
        let found = match &source {
            Kek::File(path) => kek::of_file(path, &stored).map_err(|error| error.to_string()),
            Kek::Given(_) => Err("it was rotated: start this process with the new one".to_owned()),
        };
        let kek = found
            .map_err(|reason| VaultError::Unavailable(format!("key-encryption key: {reason}")))?;
        let epoch = self.database.number(EPOCH).await?.unwrap_or(1);
        self.use_wrapping(Wrapping::new(&kek, epoch), source);
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
        let mut loaded = self.load_once(&ids).await?;
        let is_damaged = |found: &FoundKey| matches!(found, FoundKey::Damaged);
        if loaded.values().any(is_damaged) {
            let before = self.wrapping().epoch;
            self.refresh().await?;
            if self.wrapping().epoch != before {
                // They were wrapped anew.
                loaded = self.load_once(&ids).await?;
            }
        }
        Ok(loaded)
    }

    async fn load_once(&self, ids: &[String]) -> Result<HashMap<String, FoundKey>, VaultError> {
        let wrapping = self.wrapping();
        let mut loaded = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(KEYS_A_STATEMENT) {
            let parts: Vec<_> = ids.iter().filter_map(|id| parts_of(id)).collect();
            for (subject, class, n, wrapped) in self.database.keys(&parts).await? {
                let id = format!("{subject}/{class}/{n}");
                let key = self.remember(&wrapping, &id, wrapped.as_deref());
                loaded.insert(id, key);
            }
        }
        Ok(loaded)
    }

    /// Takes a key out of its wrapping, and remembers it unless it is damaged: it may be put right.
    fn remember(&self, wrapping: &Wrapping, id: &str, wrapped: Option<&[u8]>) -> FoundKey {
        let key = match wrapped.map(|wrapped| wrapping.unwrap(id, wrapped)) {
            Some(Some(key)) => FoundKey::Whole(key),
            Some(None) => return FoundKey::Damaged,
            None => FoundKey::Gone,
        };
        // INVARIANT: until it is remembered under this lock, so that what was read before a key
        // was destroyed does not come back after it was forgotten.
        let destroyed = lock(&self.destroyed);
        let is_destroyed = !destroyed.is_empty()
            && parts_of(id).is_some_and(|(subject, class, n)| {
                let last = destroyed.get(&(subject.into(), class.into()));
                last.is_some_and(|last| n <= *last)
            });
        let key = if is_destroyed { FoundKey::Gone } else { key };
        lock(&self.open).put(id.into(), key.clone());
        key
    }
}

/// A new key for each of these, in its wrapping.
fn fresh(wrapping: &Wrapping, owners: &[(Owner, u32)]) -> Result<Vec<Vec<u8>>, VaultError> {
    let fresh = owners.iter().map(|(owner, n)| {
        let key = Zeroizing::new(seal::random::<32>()?);
        wrapping.wrap(&id_of(owner, *n), &key)
    });
    fresh.collect()
}

/// The id of a key: `<subject>/<class>/<n>`.
fn id_of((subject, class): &Owner, n: u32) -> String {
    format!("{subject}/{class}/{n}")
}

/// Undoes [`id_of`].
pub(super) fn parts_of(id: &str) -> Option<(&str, &str, u32)> {
    let mut parts = id.rsplitn(3, '/');
    let n = parts.next()?.parse().ok()?;
    let class = parts.next()?;
    Some((parts.next()?, class, n))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
