//! The key-encryption key: a file that only its owner reads, or a value from the environment.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{VaultError, database::Database};
use crate::{
    seal,
    secret_file::{self, SecretFileError},
};

/// Where the key-encryption key comes from.
#[derive(Clone)]
pub enum Kek {
    /// A file of one line of base64, created with mode 0600 for an empty log.
    File(PathBuf),
    /// The 32 bytes themselves.
    Given(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for Kek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

/// Why the vault does not open.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// The log has events, so a new key would open none of them. Put the key file back.
    #[error("the key-encryption key {0} is missing, and the log is not empty: put the key back")]
    Missing(PathBuf),
    /// It is not the key this vault was sealed with. Give the right one.
    #[error("this is not the key-encryption key of this vault: give the one it was made with")]
    Foreign,
    /// The text is not 32 bytes in base64.
    #[error("a key-encryption key is 32 bytes in base64")]
    Malformed,
    /// The file cannot be read or written.
    #[error("the key-encryption key {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The vault itself.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Kek {
    /// Reads 32 bytes in base64, as the environment gives them.
    ///
    /// # Errors
    /// [`KekError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, KekError> {
        let kek = secret_file::decode(text).ok_or(KekError::Malformed)?;
        Ok(Self::Given(kek))
    }
}

pub(super) struct Unlocked {
    pub(super) kek: Zeroizing<[u8; 32]>,
    pub(super) pepper: Zeroizing<[u8; 32]>,
}

/// Finds the key, checks that it is the vault's own, and unwraps the pepper.
pub(super) async fn open(
    database: &Database,
    source: &Kek,
    log_is_empty: bool,
) -> Result<Unlocked, KekError> {
    let fingerprint = database.meta("kek_fingerprint").await?;
    let kek = match source {
        Kek::Given(kek) => kek.clone(),
        Kek::File(path) => from_file(path, log_is_empty && fingerprint.is_none())?,
    };
    let ours = seal::hmac_sha256(&*kek, &[b"meguri-log key-encryption key fingerprint"]);
    let stored = match fingerprint {
        Some(stored) => stored,
        None if log_is_empty => database.meta_once("kek_fingerprint", &ours).await?,
        None => return Err(KekError::Foreign),
    };
    if stored != ours {
        return Err(KekError::Foreign);
    }
    let pepper = pepper(database, &kek).await?;
    Ok(Unlocked { kek, pepper })
}

async fn pepper(database: &Database, kek: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let cipher = seal::cipher(kek);
    let fresh = Zeroizing::new(seal::random::<32>()?);
    let nonce = seal::random()?;
    let wrapped = [&nonce, &*seal::encrypt(&cipher, nonce, &*fresh, b"pepper")?].concat();
    let stored = match database.meta("pepper").await? {
        Some(stored) => stored,
        None => database.meta_once("pepper", &wrapped).await?,
    };
    let damaged = || VaultError::Damaged("the pepper does not unwrap".into());
    let plain = Zeroizing::new(seal::decrypt(&cipher, &stored, b"pepper").ok_or_else(damaged)?);
    Ok(Zeroizing::new(
        plain.as_slice().try_into().map_err(|_| damaged())?,
    ))
}

fn from_file(path: &Path, may_create: bool) -> Result<Zeroizing<[u8; 32]>, KekError> {
    secret_file::read_or_create(path, may_create).map_err(|error| match error {
        SecretFileError::Missing => KekError::Missing(path.into()),
        SecretFileError::Malformed => KekError::Malformed,
        SecretFileError::File(source) => KekError::File {
            path: path.into(),
            source,
        },
    })
}
