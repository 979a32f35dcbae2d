//! Destroying keys: what they sealed is erased with them, and a tombstone says so for ever.

use std::collections::HashSet;

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Vault, VaultError,
    database::{Database, on},
    keys::parts_of,
    rotation::{AWAITING, EPOCH},
};
use crate::{clock::Timestamp, store::json, stream::Position};

/// Under which name the vault notes up to where it has heard of the log's erasures.
const APPLIED: &str = "erasures_applied";

/// How many keys one statement may destroy: a person has a few of each class.
const KEYS_OF_A_CLASS_MAX: u32 = 1_000;

/// Destroys a key, or says of one that was never made that it never will be.
const DESTROY: &str = "insert into vault_keys (subject, class, n, epoch, destroyed_at) \
    values ($1, $2, $3, $4, $5) on conflict (subject, class, n) do update \
    set wrapped = null, epoch = excluded.epoch, \
    destroyed_at = excluded.destroyed_at where vault_keys.wrapped is not null";

/// What is destroyed and may still be in an old backup of the vault, which the key-encryption key
/// of that time opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// How many keys.
    pub keys: u64,
    /// When the first of them was destroyed.
    pub since: Timestamp,
    /// Whether the keys are wrapped anew already, and whoever gives this process its
    /// key-encryption key has only to destroy the old one, and to say so.
    pub awaits_operator: bool,
}

impl Vault {
    /// The number of the key-encryption key's epoch, as the vault has it now.
    async fn epoch(&self) -> Result<i64, VaultError> {
        Ok(self.0.database.number(EPOCH).await?.unwrap_or(1))
    }

    /// Of each retention class of a person, the number of the newest key; those that never had one
    /// are not among them.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn key_numbers(&self, subject: &str) -> Result<Vec<(String, u32)>, VaultError> {
        let found: Vec<(String, i64)> = on!(&self.0.database, |connection| async {
            let newest = sqlx::query_as(
                "select class, max(n) from vault_keys where subject = $1 \
                 group by class order by class",
            );
            Ok(newest.bind(subject).fetch_all(connection).await?)
        })?;
        let numbers = found.into_iter().map(|(class, n)| {
            let n = u32::try_from(n).map_err(|_| VaultError::Damaged("n".into()))?;
            Ok((class, n))
        });
        numbers.collect()
    }

    /// Destroys the keys of a person and class up to this number, also those that were never made,
    /// and forgets them in this process. Done again it changes nothing.
    ///
    /// # Errors
    /// [`VaultError`]; it can be done again.
    pub async fn destroy_keys(
        &self,
        subject: &str,
        class: &str,
        last: u32,
    ) -> Result<(), VaultError> {
        if last > KEYS_OF_A_CLASS_MAX {
            return Err(VaultError::Damaged(format!("{subject}/{class}/{last}")));
        }
        let epoch = self.epoch().await?;
        on!(&self.0.database, |connection| async {
            let mut transaction = connection.begin().await?;
            for n in 1..=last {
                sqlx::query(DESTROY)
                    .bind(subject)
                    .bind(class)
                    .bind(i64::from(n))
                    .bind(epoch)
                    .bind(self.0.clock.now().micros())
                    .execute(&mut *transaction)
                    .await?;
            }
            Ok(transaction.commit().await?)
        })?;
        self.forget_keys(subject, class, last);
        self.0.database.shorten_journal().await
    }

    /// Forgets in this process keys that another one has destroyed, or is about to.
    pub fn forget_keys(&self, subject: &str, class: &str, last: u32) {
        self.0.keys.forget(subject, class, last);
    }

    /// Gives a person a new key of this class where the newest was destroyed, so that what they
    /// say from now on can be sealed.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn renew_key(&self, subject: &str, class: &str) -> Result<(), VaultError> {
        self.0.keys.renew(subject, class).await
    }

    /// Which of these keys, by id, are destroyed; one that the vault does not know is not.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn destroyed(&self, ids: &[&str]) -> Result<HashSet<String>, VaultError> {
        let parts: Vec<_> = ids.iter().filter_map(|id| parts_of(id)).collect();
        let found = self.0.database.keys(&parts).await?.into_iter();
        let destroyed = found.filter(|(_, _, _, wrapped)| wrapped.is_none());
        let ids = destroyed.map(|(subject, class, n, _)| format!("{subject}/{class}/{n}"));
        Ok(ids.collect())
    }

    /// What is destroyed, and could be brought back by an old backup together with the
    /// key-encryption key of that time; none where no such key exists any more.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn unfinished(
        &self,
        subject: Option<&str>,
    ) -> Result<Option<Unfinished>, VaultError> {
        let (from, awaits_operator) = match self.0.database.number(AWAITING).await? {
            Some(epoch) => (epoch, true),
            None => (self.epoch().await?, false),
        };
        let (keys, since) = self.0.database.tombstones(subject, from).await?;
        Ok(since.map(|since| Unfinished {
            keys: keys.cast_unsigned(),
            since: Timestamp::from_micros(since),
            awaits_operator,
        }))
    }

    /// Up to which event of the log this vault has heard of erasures: its position and id. A backup
    /// of the vault that is put back has heard of less.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn erasures_applied(&self) -> Result<Option<(Position, Uuid)>, VaultError> {
        let Some(stored) = self.0.database.meta(APPLIED).await? else {
            return Ok(None);
        };
        let damaged = |error| VaultError::Damaged(format!("{APPLIED}: {error}"));
        serde_json::from_slice(&stored).map(Some).map_err(damaged)
    }

    /// Notes up to which event of the log this vault has heard of erasures.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn note_erasures_applied(&self, up_to: (Position, Uuid)) -> Result<(), VaultError> {
        let text = json(&up_to);
        self.0.database.set_meta(APPLIED, text.as_bytes()).await
    }
}

impl Database {
    /// How many keys were destroyed in this epoch or a later one, and when the first of them.
    async fn tombstones(
        &self,
        subject: Option<&str>,
        from: i64,
    ) -> Result<(i64, Option<i64>), VaultError> {
        on!(self, |connection| async {
            let tombstones = sqlx::query_as(
                "select count(*), min(destroyed_at) from vault_keys \
                 where wrapped is null and destroyed_at is not null and epoch >= $1 \
                 and ($2 is null or subject = $2)",
            );
            let tombstones = tombstones.bind(from).bind(subject);
            Ok(tombstones.fetch_one(connection).await?)
        })
    }
}
