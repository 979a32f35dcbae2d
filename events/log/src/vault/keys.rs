//! Keys of people: one for each person, retention class and number, wrapped by the key-encryption
//! key.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use aes_gcm::Aes256Gcm;
use lru::LruCache;
use sqlx::AssertSqlSafe;
use zeroize::Zeroizing;

use super::{
    Key, KeyId, VaultError,
    database::{Database, on},
};
use crate::{limits::KEYS_CACHED_MAX, seal};

/// Keys that one statement reads.
const KEYS_A_STATEMENT: usize = 200;

/// A person and a retention class.
type Owner = (Arc<str>, Arc<str>);

pub(super) struct Keys {
    database: Database,
    kek: Aes256Gcm,
    /// By id; a key that is destroyed has no cipher.
    open: Mutex<LruCache<KeyId, Option<Arc<Aes256Gcm>>>>,
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
            open: Mutex::new(LruCache::new(capacity)),
            newest: Mutex::new(LruCache::new(capacity)),
            wanted: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn current(
        self: &Arc<Self>,
        subject: &str,
        class: &str,
    ) -> Result<Key, VaultError> {
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

    async fn first(&self, owner: Owner) -> Result<Key, VaultError> {
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
            .ok_or_else(|| VaultError::Damaged(format!("no key for {subject}/{class}")))
    }

    fn cached(&self, owner: &Owner) -> Option<Key> {
        let n = *lock(&self.newest).get(owner)?;
        let id = KeyId {
            subject: Arc::clone(&owner.0),
            class: Arc::clone(&owner.1),
            n,
        };
        let cipher = lock(&self.open).get(&id)?.clone();
        Some(Key { id, cipher })
    }

    /// Makes the first key of each owner who has none, and reads the newest of all of them, in one
    /// transaction.
    async fn make(&self, owners: &[Owner]) -> Result<(), VaultError> {
        let mut fresh = Vec::with_capacity(owners.len());
        for (subject, class) in owners {
            let id = KeyId {
                subject: Arc::clone(subject),
                class: Arc::clone(class),
                n: 1,
            };
            let key = Zeroizing::new(seal::random::<32>()?);
            fresh.push((self.wrap(&id, &key)?, id));
        }
        let mut found = Vec::with_capacity(owners.len());
        on!(&self.database, pool => {
            let mut transaction = pool.begin().await?;
            for (wrapped, id) in &fresh {
                sqlx::query(
                    "insert into vault_keys (subject, class, n, epoch, wrapped) \
                     values ($1, $2, 1, 1, $3) on conflict do nothing",
                )
                .bind(&*id.subject)
                .bind(&*id.class)
                .bind(wrapped)
                .execute(&mut *transaction)
                .await?;
            }
            for (subject, class) in owners {
                let (n, wrapped): (i64, Option<Vec<u8>>) = sqlx::query_as(
                    "select n, wrapped from vault_keys where subject = $1 and class = $2 \
                     order by n desc limit 1",
                )
                .bind(&**subject)
                .bind(&**class)
                .fetch_one(&mut *transaction)
                .await?;
                let n = u32::try_from(n).map_err(|_| VaultError::Damaged("n".into()))?;
                found.push((KeyId { subject: subject.clone(), class: class.clone(), n }, wrapped));
            }
            transaction.commit().await?;
        });
        // INVARIANT: nobody seals with a key that is not durable, so none is remembered before the
        // commit.
        for (id, wrapped) in found {
            let owner = (Arc::clone(&id.subject), Arc::clone(&id.class));
            let n = id.n;
            self.remember(id, wrapped.as_deref())?;
            lock(&self.newest).put(owner, n);
        }
        Ok(())
    }

    pub(super) async fn of(&self, ids: &[KeyId]) -> Result<Vec<Key>, VaultError> {
        let missing: Vec<&KeyId> = {
            let open = lock(&self.open);
            ids.iter().filter(|id| !open.contains(*id)).collect()
        };
        let mut loaded = HashMap::new();
        for ids in missing.chunks(KEYS_A_STATEMENT) {
            self.load(ids, &mut loaded).await?;
        }
        let mut open = lock(&self.open);
        let keys = ids.iter().map(|id| {
            let cipher = loaded
                .remove(id)
                .or_else(|| open.get(id).cloned())
                .flatten();
            Key {
                id: id.clone(),
                cipher,
            }
        });
        Ok(keys.collect())
    }

    /// Reads keys from the database. One that is not there is not remembered as missing: another
    /// process may be about to make it.
    async fn load(
        &self,
        ids: &[&KeyId],
        loaded: &mut HashMap<KeyId, Option<Arc<Aes256Gcm>>>,
    ) -> Result<(), VaultError> {
        let places: Vec<String> = (0..ids.len())
            .map(|index| index * 3)
            .map(|index| format!("(${}, ${}, ${})", index + 1, index + 2, index + 3))
            .collect();
        let statement = format!(
            "select subject, class, n, wrapped from vault_keys \
             where (subject, class, n) in (values {})",
            places.join(", ")
        );
        let found: Vec<(String, String, i64, Option<Vec<u8>>)> = on!(&self.database, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(statement));
            for id in ids {
                query = query.bind(&*id.subject).bind(&*id.class).bind(i64::from(id.n));
            }
            query.fetch_all(pool).await?
        });
        for (subject, class, n, wrapped) in found {
            let n = u32::try_from(n).map_err(|_| VaultError::Damaged("n".into()))?;
            let id = KeyId {
                subject: subject.into(),
                class: class.into(),
                n,
            };
            let cipher = self.remember(id.clone(), wrapped.as_deref())?;
            loaded.insert(id, cipher);
        }
        Ok(())
    }

    fn remember(
        &self,
        id: KeyId,
        wrapped: Option<&[u8]>,
    ) -> Result<Option<Arc<Aes256Gcm>>, VaultError> {
        let cipher = wrapped
            .map(|wrapped| self.unwrap(&id, wrapped))
            .transpose()?
            .map(Arc::new);
        lock(&self.open).put(id, cipher.clone());
        Ok(cipher)
    }

    fn wrap(&self, id: &KeyId, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let nonce = seal::random()?;
        let ciphertext = seal::encrypt(&self.kek, nonce, key, id.to_string().as_bytes())?;
        Ok([&nonce, ciphertext.as_slice()].concat())
    }

    fn unwrap(&self, id: &KeyId, wrapped: &[u8]) -> Result<Aes256Gcm, VaultError> {
        let damaged = || VaultError::Damaged(format!("the key {id} does not unwrap"));
        let aad = id.to_string();
        let key = seal::decrypt(&self.kek, wrapped, aad.as_bytes()).ok_or_else(damaged)?;
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(
            Zeroizing::new(key)
                .as_slice()
                .try_into()
                .map_err(|_| damaged())?,
        );
        Ok(seal::cipher(&key))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
