//! Generations of the vault: one that is put back from a backup is of an earlier generation than
//! the log has been opened with, and what was revoked since lives in it again.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use super::{
    Vault, VaultError,
    database::{Database, on},
    keys::parts_of,
};
use crate::{
    connections,
    copy::CopyError,
    header::parse,
    log::Log,
    read::{Filter, ReadError},
    stream::Position,
};

/// Under which name the vault keeps the number of its generation.
const GENERATION: &str = "generation";
/// Under which name the vault keeps up to which event every key of the log is known to be in it.
const KEYS_KNOWN: &str = "keys_known";
/// Events that are read at once.
const EVENTS_AT_ONCE: usize = 1_000;

/// A key that the log names and the vault has never heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostKey {
    /// Whose it was.
    pub subject: String,
    /// Its retention class.
    pub class: String,
    /// Its number.
    pub n: u32,
    /// The first event that was found to be sealed under it.
    pub position: Position,
}

/// Why it is not known whether all keys are there.
#[derive(Debug, thiserror::Error)]
pub enum LostKeysError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The vault cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Vault {
    /// The number of its generation.
    pub(crate) async fn generation(&self) -> Result<i64, VaultError> {
        Ok(self.0.database.number(GENERATION).await?.unwrap_or(0))
    }

    /// Begins the generation after this one. Of several processes that do so at once none takes
    /// the others' back.
    pub(crate) async fn begin_generation(&self, after: i64) -> Result<i64, VaultError> {
        let next = after.saturating_add(1);
        // Of one length, so that bytes are in the order of numbers.
        let text = format!("{next:020}");
        on!(&self.0.database, |connection| async {
            let begin = sqlx::query(
                "insert into vault_meta (name, value) values ($1, $2) on conflict (name) \
                 do update set value = excluded.value where vault_meta.value < excluded.value",
            );
            let begin = begin.bind(GENERATION).bind(text.as_bytes());
            Ok(begin.execute(connection).await.map(drop)?)
        })?;
        Ok(next)
    }

    /// Ends every token, whoever holds it. Answers how many there were.
    pub(crate) async fn revoke_all_tokens(&self) -> Result<u64, VaultError> {
        on!(&self.0.database, |connection| async {
            let ended = sqlx::query("delete from vault_tokens").execute(connection);
            Ok(ended.await?.rows_affected())
        })
    }

    /// Copies it into a new file, as it is at one moment: what was destroyed is not in it.
    pub(crate) async fn copy_to(&self, path: &Path) -> Result<(), CopyError> {
        let Database::Sqlite(connections) = &self.0.database else {
            return Err(CopyError::NotAFile);
        };
        let path = path.to_str().ok_or_else(|| {
            CopyError::Unavailable(format!("{} is not a name in Unicode", path.display()))
        })?;
        let copied: Result<(), VaultError> =
            connections::on!(connections.unhurried(), |vault| async {
                let copy = sqlx::query("vacuum into $1").bind(path);
                Ok(copy.execute(vault).await.map(drop)?)
            });
        Ok(copied?)
    }

    async fn keys_known(&self) -> Result<Option<(Position, uuid::Uuid)>, VaultError> {
        let stored = self.0.database.meta(KEYS_KNOWN).await?;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok()))
    }

    /// Which of these keys the vault has neither whole nor destroyed.
    async fn unheard_of(&self, ids: &[&str]) -> Result<HashSet<String>, VaultError> {
        let mut missing: HashSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        for ids in ids.chunks(EVENTS_AT_ONCE) {
            let parts: Vec<_> = ids.iter().filter_map(|id| parts_of(id)).collect();
            for (subject, class, n, _) in self.0.database.keys(&parts).await? {
                missing.remove(&format!("{subject}/{class}/{n}"));
            }
        }
        Ok(missing)
    }
}

impl Log {
    /// Begins a new generation of the vault, and remembers it in the log. Done when a log is
    /// opened, now and then while it is, and after a backup of the vault was made: whatever is
    /// revoked from then on is missing in older vaults, which are found out by it.
    ///
    /// # Errors
    /// [`LostKeysError`]; it can be done again.
    pub async fn begin_vault_generation(&self) -> Result<(), LostKeysError> {
        let vault = self.vault();
        let known = self.published().vault_generation().await;
        let known = known.map_err(ReadError::from)?;
        let last = known.max(vault.generation().await?);
        // The vault first: a log never remembers a generation that there was not.
        let next = vault.begin_generation(last).await?;
        let kept = self.published().keep_vault_generation(next).await;
        Ok(kept.map_err(ReadError::from)?)
    }

    /// Whether the vault is from before the last time that this log was opened.
    pub(crate) async fn has_older_vault(&self) -> Result<bool, LostKeysError> {
        let known = self.published().vault_generation().await;
        let known = known.map_err(ReadError::from)?;
        Ok(self.vault().generation().await? < known)
    }

    /// The keys that the log names and its vault has never heard of: the vault is older than the
    /// log, and what they seal would be read as erased. What was looked through once is not
    /// looked through again as long as the vault remembers that.
    ///
    /// # Errors
    /// [`LostKeysError`].
    pub async fn lost_keys(&self) -> Result<Vec<LostKey>, LostKeysError> {
        let head = self.head().await?;
        let mut after = match self.vault().keys_known().await? {
            Some((position, id)) if self.is_event(position, id).await? => position,
            // It has heard of another log, or of this one before that was put back.
            Some(_) | None => Position::ZERO,
        };
        let mut lost = BTreeMap::new();
        while after < head.position {
            let block = self
                .read_all(after, &Filter::default(), EVENTS_AT_ONCE)
                .await?;
            let mut named = BTreeMap::new();
            for event in &block.events {
                // What cannot be read is found by an audit.
                let text = event.header_text();
                let header = text.and_then(|text| parse(text, event.position()).ok());
                for sealed in header.iter().flat_map(|header| &header.sealed) {
                    named
                        .entry(sealed.key.to_owned())
                        .or_insert(event.position());
                }
            }
            let ids: Vec<&str> = named.keys().map(String::as_str).collect();
            for id in self.vault().unheard_of(&ids).await? {
                let position = named.get(&id).copied().unwrap_or(after);
                lost.entry(id).or_insert(position);
            }
            if block.up_to <= after {
                break;
            }
            after = block.up_to;
        }
        let lost: Vec<LostKey> = lost
            .iter()
            .filter_map(|(id, at)| lost_key(id, *at))
            .collect();
        if lost.is_empty() && head.position > Position::ZERO {
            self.note_keys_known((head.position, head.tail)).await?;
        }
        Ok(lost)
    }

    async fn note_keys_known(&self, up_to: (Position, uuid::Uuid)) -> Result<(), LostKeysError> {
        let text = serde_json::to_vec(&up_to)
            .map_err(|error| VaultError::Damaged(format!("{KEYS_KNOWN}: {error}")))?;
        self.vault().0.database.set_meta(KEYS_KNOWN, &text).await?;
        Ok(())
    }

    async fn is_event(&self, position: Position, id: uuid::Uuid) -> Result<bool, ReadError> {
        let before = Position::new(position.get().saturating_sub(1));
        let block = self.read_all(before, &Filter::default(), 1).await?;
        let event = block.events.first();
        let event = event.filter(|event| event.position() == position);
        let header = event.and_then(crate::recorded::Recorded::header);
        Ok(header
            .and_then(Result::ok)
            .is_some_and(|header| header.id == id))
    }
}

fn lost_key(id: &str, position: Position) -> Option<LostKey> {
    let (subject, class, n) = parts_of(id)?;
    Some(LostKey {
        subject: subject.to_owned(),
        class: class.to_owned(),
        n,
        position,
    })
}
