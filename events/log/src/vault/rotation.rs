//! Epochs of the key-encryption key: all keys are wrapped anew, and the old one is destroyed, so
//! that no old backup of the vault opens any more.

use super::{
    Kek, KekError, Vault, VaultError,
    kek::{self, FINGERPRINT, PEPPER},
    turn::{StoredKeys, Turn},
    wrapping::Wrapping,
};
use crate::{clock::Timestamp, secret_file::Secret};

/// Under which name the vault keeps the first epoch whose key the operator has yet to destroy.
pub(super) const AWAITING: &str = "kek_awaiting";
/// Under which name the vault keeps the number of the epoch; without it, that is 1.
pub(super) const EPOCH: &str = "epoch";

/// What a rotation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The number of the epoch that has begun.
    pub epoch: i64,
    /// How many keys were wrapped anew.
    pub keys: u64,
    /// Whether the old key-encryption key is destroyed; otherwise whoever gave it has to.
    pub old_key_destroyed: bool,
}

impl Vault {
    /// Begins an epoch: wraps all keys under a new key-encryption key and destroys the old one.
    ///
    /// A key that is in a file is made new and takes the place of the old file. One that was given
    /// to this process cannot be destroyed by it: `next` takes its place, and the operator destroys
    /// the old one and says so ([`Vault::confirm_old_key_destroyed`]).
    ///
    /// From then on no backup of the vault from before opens: make a new one.
    ///
    /// # Errors
    /// [`KekError`]; then the old key is in force, or the new one, and never neither.
    pub async fn rotate(&self, next: Option<&Kek>) -> Result<Rotated, KekError> {
        let next = match next {
            None => None,
            Some(Kek::Given(key)) => Some(key),
            Some(Kek::File(path)) => return Err(KekError::IsInAFile(path.clone())),
        };
        let rotated = self.rotate_if(next, |_| true).await?;
        rotated.ok_or(KekError::Foreign)
    }

    /// As [`Vault::rotate`], where a key was destroyed in this epoch at or before this moment. Of
    /// several processes that ask at once, one does it. A key that was given is not rotated.
    ///
    /// # Errors
    /// [`KekError`], as there.
    pub async fn rotate_if_due(&self, before: Timestamp) -> Result<Option<Rotated>, KekError> {
        if matches!(self.0.keys.source(), Kek::Given(_)) {
            return Ok(None);
        }
        let due = |oldest: Option<i64>| oldest.is_some_and(|oldest| oldest <= before.micros());
        self.rotate_if(None, due).await
    }

    /// Takes note that the old key-encryption key, which was given to this process, is destroyed
    /// wherever it was kept.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn confirm_old_key_destroyed(&self) -> Result<(), VaultError> {
        self.0.database.remove_meta(AWAITING).await
    }

    /// Whether the key-encryption key was given to this process, which cannot destroy it then.
    pub fn key_was_given(&self) -> bool {
        matches!(self.0.keys.source(), Kek::Given(_))
    }

    async fn rotate_if(
        &self,
        next: Option<&Secret>,
        due: impl Fn(Option<i64>) -> bool + Send,
    ) -> Result<Option<Rotated>, KekError> {
        let keys = &self.0.keys;
        keys.refresh().await?;
        let old = keys.wrapping();
        let mut turn = self.0.database.turn().await?;
        if turn.meta(FINGERPRINT).await?.as_deref() != Some(&old.fingerprint) {
            // Another process was faster: that is as good.
            return Ok(None);
        }
        if !due(turn.oldest_tombstone(old.epoch).await?) {
            return Ok(None);
        }
        let key = kek::next(keys.source(), next, &old)?;
        let new = Wrapping::new(&key, old.epoch + 1);
        let wrapped = self.wrap_all(&mut turn, &old, &new).await?;
        turn.commit().await?;
        let source = match keys.source() {
            Kek::File(path) => {
                kek::take_over(&path)?;
                Kek::File(path)
            }
            Kek::Given(_) => Kek::Given(key),
        };
        let old_key_destroyed = matches!(source, Kek::File(_));
        let rotated = Rotated {
            epoch: new.epoch,
            keys: wrapped,
            old_key_destroyed,
        };
        keys.use_wrapping(new, source);
        self.0.database.shorten_journal().await?;
        tracing::info!(epoch = rotated.epoch, keys = wrapped, "keys wrapped anew");
        Ok(Some(rotated))
    }

    /// Writes everything that is wrapped, and under what it is, in the turn.
    async fn wrap_all(
        &self,
        turn: &mut Turn,
        old: &Wrapping,
        new: &Wrapping,
    ) -> Result<u64, VaultError> {
        let (mut count, mut after) = (0, (String::new(), String::new(), 0));
        loop {
            let page = turn.keys_after(&after).await?;
            let Some((subject, class, n, _)) = page.last() else {
                break;
            };
            after = (subject.clone(), class.clone(), *n);
            let mut anew: StoredKeys = Vec::with_capacity(page.len());
            for (subject, class, n, wrapped) in page {
                let id = format!("{subject}/{class}/{n}");
                // One that is damaged stays so, and harms no other.
                if let Some(key) = old.unwrap(&id, &wrapped) {
                    anew.push((subject, class, n, new.wrap(&id, &key)?));
                }
            }
            count += anew.len() as u64;
            turn.write_keys(&anew, new.epoch).await?;
        }
        turn.set_meta(PEPPER, &kek::wrap_pepper(&new.cipher, &self.0.pepper)?)
            .await?;
        turn.set_meta(FINGERPRINT, &new.fingerprint).await?;
        turn.set_meta(EPOCH, new.epoch.to_string().as_bytes())
            .await?;
        if self.key_was_given() && turn.meta(AWAITING).await?.is_none() {
            turn.set_meta(AWAITING, old.epoch.to_string().as_bytes())
                .await?;
        }
        Ok(count)
    }
}
