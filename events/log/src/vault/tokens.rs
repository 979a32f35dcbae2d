//! Access tokens: issued for a time, listed by their owner, revoked at once and for every process.

use std::collections::{HashMap, HashSet};
use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    Vault, VaultError,
    database::{Database, on},
};
use crate::{clock::Timestamp, connections, limits::TOKENS_OF_A_SUBJECT_MAX, seal};

/// Expired tokens that are deleted at once; the next token that is issued deletes more.
const EXPIRED_AT_ONCE: i64 = 1_000;
/// Tokens that are listed, at most.
const LISTED_MAX: i64 = 10_000;
/// Bytes of a token's hash that name it to its owner: nobody finds a token by them.
const ID_BYTES: usize = 16;
/// The last use is kept as the beginning of this many microseconds: an hour.
const USE_STEP: i64 = 3_600_000_000;
/// Uses that wait to be written, at most; more are written when they happen again.
const USES_WAITING_MAX: usize = 10_000;
/// How long uses are gathered before they are written together.
const USES_GATHERED: Duration = Duration::from_millis(200);

/// Which token it is, without being the token: its SHA-256.
///
/// Shown as 32 hexadecimal digits, by which its owner revokes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 32]);

impl TokenId {
    /// The id of this token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    fn of_stored(hash: &[u8]) -> Result<Self, VaultError> {
        let damaged = |_| VaultError::Damaged("the hash of a token".to_owned());
        hash.try_into().map(Self).map_err(damaged)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..ID_BYTES]))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

/// Who holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// Who it is, such as `member-0192…`.
    pub subject: String,
    /// As what, such as `member` or `auditor`.
    pub role: String,
}

/// A token as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Which one it is.
    pub id: TokenId,
    /// Who holds it.
    pub holder: TokenHolder,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// In which hour it was used last, by the beginning of that hour; none where it never was.
    pub used_at: Option<Timestamp>,
}

/// Hash, subject, role, issued, expires, used.
type Row = (Vec<u8>, String, String, i64, Option<i64>, Option<i64>);

/// Uses of tokens that are not written yet, and the revocations of this process.
#[derive(Debug)]
pub(super) struct TokenState {
    /// How long a token is valid, in microseconds.
    pub(super) lifetime: i64,
    uses: std::sync::Mutex<HashMap<TokenId, i64>>,
    revocations: watch::Sender<u64>,
}

impl TokenState {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime: micros(lifetime),
            uses: std::sync::Mutex::default(),
            revocations: watch::Sender::new(0),
        }
    }

    fn uses(&self) -> std::sync::MutexGuard<'_, HashMap<TokenId, i64>> {
        let uses = self.uses.lock();
        uses.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn told_of_revocation(&self) {
        self.revocations.send_modify(|count| *count += 1);
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl Vault {
    /// Makes a token of 256 random bits, valid for as long as the vault was opened with. Only its
    /// SHA-256 is kept, so this is the one time that it can be read. The tokens of this subject
    /// that were not used for longest are revoked beyond [`TOKENS_OF_A_SUBJECT_MAX`].
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn issue_token(&self, subject: &str, role: &str) -> Result<String, VaultError> {
        self.issue(subject, role, self.0.tokens.lifetime).await
    }

    /// As [`Vault::issue_token`], valid for this long.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn issue_token_for(
        &self,
        subject: &str,
        role: &str,
        lifetime: Duration,
    ) -> Result<String, VaultError> {
        self.issue(subject, role, micros(lifetime)).await
    }

    async fn issue(&self, subject: &str, role: &str, lifetime: i64) -> Result<String, VaultError> {
        let token = URL_SAFE_NO_PAD.encode(seal::random::<32>()?);
        let (id, now) = (TokenId::of(&token), self.0.clock.now().micros());
        on!(&self.0.database, |connection| async {
            sqlx::query(
                "insert into vault_tokens (hash, subject, role, issued_at, expires_at) \
                 values ($1, $2, $3, $4, $5)",
            )
            .bind(&id.0[..])
            .bind(subject)
            .bind(role)
            .bind(now)
            .bind(now.saturating_add(lifetime))
            .execute(&mut *connection)
            .await?;
            Ok(())
        })?;
        let database = &self.0.database;
        database.tidy_tokens(now, self.0.tokens.lifetime).await?;
        if database.keep_newest_tokens(subject).await? > 0 {
            self.0.tokens.told_of_revocation();
        }
        Ok(token)
    }

    /// Who holds this token; none where it was never issued, is revoked or has expired. That it was
    /// used is noted a little later, once an hour at most.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn token_holder(&self, token: &str) -> Result<Option<TokenHolder>, VaultError> {
        let (id, now) = (TokenId::of(token), self.0.clock.now().micros());
        let found: Option<(String, String, Option<i64>)> =
            on!(&self.0.database, |connection| async {
                Ok(sqlx::query_as(
                    "select subject, role, used_at from vault_tokens \
                 where hash = $1 and (expires_at is null or expires_at > $2)",
                )
                .bind(&id.0[..])
                .bind(now)
                .fetch_optional(&mut *connection)
                .await?)
            })?;
        Ok(found.map(|(subject, role, used_at)| {
            let hour = now - now.rem_euclid(USE_STEP);
            if used_at.is_none_or(|used_at| used_at < hour) {
                self.note_use(id, hour);
            }
            TokenHolder { subject, role }
        }))
    }

    /// Notes a use. Many are written together, and nobody waits for that.
    fn note_use(&self, id: TokenId, hour: i64) {
        let mut uses = self.0.tokens.uses();
        let is_first = uses.is_empty();
        if uses.len() < USES_WAITING_MAX {
            uses.insert(id, hour);
        }
        drop(uses);
        if is_first {
            let vault = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(USES_GATHERED).await;
                let uses = std::mem::take(&mut *vault.0.tokens.uses());
                if let Err(error) = vault.0.database.write_uses(&uses).await {
                    tracing::debug!(%error, "when tokens were used is not noted");
                }
            });
        }
    }

    /// Which of these tokens are valid now.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn valid_tokens(&self, ids: &[TokenId]) -> Result<HashSet<TokenId>, VaultError> {
        let now = self.0.clock.now().micros();
        let found = self.0.database.valid_tokens(ids, now).await?;
        found.iter().map(|hash| TokenId::of_stored(hash)).collect()
    }

    /// Changes whenever this process revokes a token. What other processes revoke is seen by
    /// [`Vault::valid_tokens`] alone.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.0.tokens.revocations.subscribe()
    }

    /// The valid tokens of this subject, newest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn tokens_of(&self, subject: &str) -> Result<Vec<StoredToken>, VaultError> {
        self.listed(Some(subject), None).await
    }

    /// The valid tokens of everybody in this role, by name, newest first; 10,000 at most.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn tokens_in_role(&self, role: &str) -> Result<Vec<StoredToken>, VaultError> {
        self.listed(None, Some(role)).await
    }

    async fn listed(
        &self,
        subject: Option<&str>,
        role: Option<&str>,
    ) -> Result<Vec<StoredToken>, VaultError> {
        let now = self.0.clock.now().micros();
        let rows: Vec<Row> = on!(&self.0.database, |connection| async {
            Ok(sqlx::query_as(
                "select hash, subject, role, issued_at, expires_at, used_at from vault_tokens \
                 where ($1 is null or subject = $1) and ($2 is null or role = $2) \
                 and (expires_at is null or expires_at > $3) \
                 order by subject, issued_at desc, hash limit $4",
            )
            .bind(subject)
            .bind(role)
            .bind(now)
            .bind(LISTED_MAX)
            .fetch_all(&mut *connection)
            .await?)
        })?;
        let default = now.saturating_add(self.0.tokens.lifetime);
        let tokens = rows
            .into_iter()
            .map(|(hash, subject, role, issued, expires, used)| {
                Ok(StoredToken {
                    id: TokenId::of_stored(&hash)?,
                    holder: TokenHolder { subject, role },
                    issued_at: Timestamp::from_micros(issued),
                    expires_at: Timestamp::from_micros(expires.unwrap_or(default)),
                    used_at: used.map(Timestamp::from_micros),
                })
            });
        tokens.collect()
    }

    /// Revokes a token, at once and for every process.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn revoke_token(&self, token: &str) -> Result<(), VaultError> {
        on!(&self.0.database, |connection| async {
            sqlx::query("delete from vault_tokens where hash = $1")
                .bind(&TokenId::of(token).0[..])
                .execute(&mut *connection)
                .await?;
            Ok(())
        })?;
        self.0.tokens.told_of_revocation();
        Ok(())
    }

    /// Revokes the token of this subject that is shown as `id`, and says whether there was one.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn revoke_token_shown_as(&self, subject: &str, id: &str) -> Result<bool, VaultError> {
        let Some(prefix) = hex::decode(id).ok().filter(|it| it.len() == ID_BYTES) else {
            return Ok(false);
        };
        let revoked = on!(&self.0.database, |connection| async {
            Ok(sqlx::query(
                "delete from vault_tokens where subject = $1 and substr(hash, 1, 16) = $2",
            )
            .bind(subject)
            .bind(prefix)
            .execute(&mut *connection)
            .await?
            .rows_affected())
        })?;
        self.0.tokens.told_of_revocation();
        Ok(revoked > 0)
    }

    /// Revokes all tokens of this subject, and says how many there were.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn revoke_tokens_of(&self, subject: &str) -> Result<u64, VaultError> {
        let revoked = on!(&self.0.database, |connection| async {
            Ok(sqlx::query("delete from vault_tokens where subject = $1")
                .bind(subject)
                .execute(&mut *connection)
                .await?
                .rows_affected())
        })?;
        self.0.tokens.told_of_revocation();
        Ok(revoked)
    }
}

impl Database {
    /// Gives tokens of an earlier release, which had no end, one from now on, and deletes some of
    /// those that have expired.
    pub(super) async fn tidy_tokens(&self, now: i64, lifetime: i64) -> Result<(), VaultError> {
        on!(self, |connection| async {
            let endless: Option<i32> =
                sqlx::query_scalar("select 1 from vault_tokens where expires_at is null limit 1")
                    .fetch_optional(&mut *connection)
                    .await?;
            if endless.is_some() {
                sqlx::query("update vault_tokens set expires_at = $1 where expires_at is null")
                    .bind(now.saturating_add(lifetime))
                    .execute(&mut *connection)
                    .await?;
            }
            let expired: Option<i32> =
                sqlx::query_scalar("select 1 from vault_tokens where expires_at <= $1 limit 1")
                    .bind(now)
                    .fetch_optional(&mut *connection)
                    .await?;
            if expired.is_some() {
                sqlx::query(
                    "delete from vault_tokens where hash in \
                     (select hash from vault_tokens where expires_at <= $1 limit $2)",
                )
                .bind(now)
                .bind(EXPIRED_AT_ONCE)
                .execute(&mut *connection)
                .await?;
            }
            Ok(())
        })
    }

    /// Deletes the tokens of a subject that are too many, and says how many those were.
    async fn keep_newest_tokens(&self, subject: &str) -> Result<u64, VaultError> {
        on!(self, |connection| async {
            Ok(sqlx::query(
                "delete from vault_tokens where hash in (select hash from vault_tokens \
                 where subject = $1 order by coalesce(used_at, issued_at) desc, issued_at desc \
                 limit 1000 offset $2)",
            )
            .bind(subject)
            .bind(TOKENS_OF_A_SUBJECT_MAX)
            .execute(&mut *connection)
            .await?
            .rows_affected())
        })
    }

    async fn write_uses(&self, uses: &HashMap<TokenId, i64>) -> Result<(), VaultError> {
        match self {
            Self::Sqlite(database) => connections::on!(database, |connection| async {
                let uses = uses.iter().map(|(id, hour)| (hex::encode(id.0), hour));
                let list: serde_json::Value = uses.map(|it| serde_json::json!(it)).collect();
                let statement = "update vault_tokens set used_at = value ->> 1 from json_each($1) \
                     where hash = unhex(value ->> 0)";
                let write = sqlx::query(statement).bind(list.to_string());
                Ok(write.execute(connection).await.map(drop)?)
            }),
            Self::Postgres(database) => connections::on!(database, |connection| async {
                let ids: Vec<&[u8]> = uses.keys().map(|id| &id.0[..]).collect();
                let hours: Vec<i64> = uses.values().copied().collect();
                let statement = "update vault_tokens set used_at = uses.hour \
                     from unnest($1::bytea[], $2::bigint[]) as uses (id, hour) \
                     where vault_tokens.hash = uses.id";
                let write = sqlx::query(statement).bind(ids).bind(hours);
                Ok(write.execute(connection).await.map(drop)?)
            }),
        }
    }

    async fn valid_tokens(&self, ids: &[TokenId], now: i64) -> Result<Vec<Vec<u8>>, VaultError> {
        match self {
            Self::Sqlite(database) => connections::on!(database, |connection| async {
                let ids: serde_json::Value = ids.iter().map(|id| hex::encode(id.0)).collect();
                let statement = "select hash from json_each($1) cross join vault_tokens \
                     on hash = unhex(value) where expires_at is null or expires_at > $2";
                let query = sqlx::query_scalar(statement).bind(ids.to_string());
                Ok(query.bind(now).fetch_all(connection).await?)
            }),
            Self::Postgres(database) => connections::on!(database, |connection| async {
                let ids: Vec<&[u8]> = ids.iter().map(|id| &id.0[..]).collect();
                let statement = "select hash from vault_tokens where hash = any($1::bytea[]) \
                     and (expires_at is null or expires_at > $2)";
                let query = sqlx::query_scalar(statement).bind(ids);
                Ok(query.bind(now).fetch_all(connection).await?)
            }),
        }
    }
}
