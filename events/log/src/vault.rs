//! The vault: keys of people, password hashes, tokens. A database of its own, for nothing of it may
//! ever be in the log.

mod accounts;
mod belonging;
mod database;
mod erasing;
mod generation;
mod kek;
mod keys;
mod rotation;
mod schema;
mod tokens;
mod turn;
mod wrapping;

use std::{fmt, sync::Arc, time::Duration};

use zeroize::Zeroizing;

pub(crate) use belonging::{Belonging, BelongingError};
pub use erasing::Unfinished;
pub use generation::{LostKey, LostKeysError};
pub use kek::{Kek, KekError};
pub use rotation::Rotated;
pub use tokens::{StoredToken, TokenHolder, TokenId};

use crate::{
    clock::Clock,
    connections::{self, ConnectionError},
    integrity::pages,
    seal,
    sqlite::OpenedFile,
    store::StoreError,
};
use database::Database;
use keys::Keys;

/// Keys of people, password hashes and tokens.
///
/// Keys are wrapped by a key-encryption key ([`Kek`]) that is in no backup of this database.
/// Cloning is cheap.
#[derive(Clone)]
pub struct Vault(Arc<Opened>);

struct Opened {
    database: Database,
    /// Its file, where it is one.
    file: Option<OpenedFile>,
    keys: Arc<Keys>,
    pepper: Zeroizing<[u8; 32]>,
    tokens: tokens::TokenState,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Why the vault did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Its database refused or could not be reached; try again later.
    #[error("the vault cannot be reached: {0}")]
    Unavailable(String),
    /// A key does not unwrap, or a stored value has another form than the vault gave it.
    #[error("the vault is damaged: {0}")]
    Damaged(String),
    /// The operating system gave no random bytes.
    #[error("no randomness: {0}")]
    Randomness(String),
}

impl From<ConnectionError> for VaultError {
    fn from(error: ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The newest key of a person and class, to seal with.
pub(crate) struct SealingKey {
    /// `<subject>/<class>/<n>`.
    pub(crate) id: String,
    /// None once it is destroyed.
    pub(crate) key: Option<Zeroizing<[u8; 32]>>,
}

/// What the vault has under the id of a key.
#[derive(Clone)]
pub(crate) enum FoundKey {
    /// The key.
    Whole(Zeroizing<[u8; 32]>),
    /// Nothing any more: it was destroyed; or nothing yet.
    Gone,
    /// A key that does not unwrap.
    Damaged,
}

impl Vault {
    /// Opens the vault at a SQLite path or a PostgreSQL URL. A vault that has never been used takes
    /// a new key-encryption key only where `log_is_empty`. Its tokens are valid for
    /// `token_lifetime`.
    ///
    /// # Errors
    /// [`KekError`] where the key is missing, or is not the one this vault was sealed with.
    pub(crate) async fn open(
        location: &str,
        kek: &Kek,
        log_is_empty: bool,
        clock: Arc<dyn Clock>,
        token_lifetime: Duration,
        answer: Duration,
    ) -> Result<Self, KekError> {
        let database = Database::open(location, answer).await?;
        let tokens = tokens::TokenState::new(token_lifetime);
        let now = clock.now().micros();
        database.tidy_tokens(now, tokens.lifetime).await?;
        Self::on((database, location), kek, log_is_empty, clock, tokens).await
    }

    /// Opens a vault that is there, to read it and to leave nothing behind.
    ///
    /// # Errors
    /// [`KekError`].
    pub(crate) async fn open_read_only(
        location: &str,
        kek: &Kek,
        clock: Arc<dyn Clock>,
        answer: Duration,
    ) -> Result<Self, KekError> {
        let database = Database::open_read_only(location, answer)?;
        let tokens = tokens::TokenState::new(Duration::ZERO);
        Self::on((database, location), kek, false, clock, tokens).await
    }

    async fn on(
        (database, location): (Database, &str),
        kek: &Kek,
        log_is_empty: bool,
        clock: Arc<dyn Clock>,
        tokens: tokens::TokenState,
    ) -> Result<Self, KekError> {
        let opened = kek::open(&database, kek, log_is_empty).await?;
        let file = match &database {
            Database::Sqlite(_) => OpenedFile::at(database::path_of(location)),
            Database::Postgres(_) => None,
        };
        let keys = Arc::new(Keys::new(database.clone(), kek.clone(), opened.wrapping));
        Ok(Self(Arc::new(Opened {
            database,
            file,
            keys,
            pepper: opened.pepper,
            tokens,
            clock,
        })))
    }

    /// A name for a value that must be unique but not readable: `HMAC-SHA256(pepper, kind ‖ 0x00 ‖
    /// value)`.
    pub fn pepper_hmac(&self, kind: &str, value: &str) -> [u8; 32] {
        seal::hmac_sha256(&*self.0.pepper, &[kind.as_bytes(), &[0], value.as_bytes()])
    }

    /// The key that seals for this person and class today, made where there is none. It is durable
    /// when this returns.
    pub(crate) async fn current_key(
        &self,
        subject: &str,
        class: &str,
    ) -> Result<SealingKey, VaultError> {
        self.0.keys.current(subject, class).await
    }

    /// What there is under each of these ids, in their order; an id may come more than once.
    pub(crate) async fn keys(&self, ids: &[&str]) -> Result<Vec<FoundKey>, VaultError> {
        self.0.keys.of(ids).await
    }

    /// Reads these keys anew when they are asked for next: what was sealed under them is emptied,
    /// so another process may have destroyed them.
    pub(crate) fn doubt(&self, ids: &[&str]) {
        self.0.keys.doubt(ids);
    }

    /// Looks whether it can be read and written, and is where it was opened.
    pub(crate) async fn probe(&self) -> Result<(), VaultError> {
        if let Some(file) = &self.0.file {
            let in_place = file.require_in_place();
            in_place.map_err(|error| VaultError::Unavailable(error.to_string()))?;
        }
        self.0.database.probe().await
    }

    /// What the database itself finds wrong in its pages and indexes, as far as it can look within
    /// this time.
    pub(crate) async fn integrity(
        &self,
        within: Option<Duration>,
    ) -> Result<Vec<String>, VaultError> {
        match &self.0.database {
            Database::Sqlite(database) => connections::on!(database.unhurried(), |file| async {
                Ok(pages::sqlite(file, within).await?)
            }),
            Database::Postgres(connections) => {
                let found = pages::postgres(connections, within).await;
                found.map_err(|error| VaultError::Unavailable(error.to_string()))
            }
        }
    }

    pub(crate) async fn close(&self) {
        self.0.database.close().await;
    }
}
