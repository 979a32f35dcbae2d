//! The key-encryption key: a file that only its owner reads, or a value from the environment.

use std::{
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    VaultError,
    database::Database,
    rotation::EPOCH,
    wrapping::{Wrapping, fingerprint},
};
use crate::{
    seal::{self, Cipher},
    secret_file::{self, Secret, SecretFileError},
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
    /// It is not the key this vault is wrapped under. Give the right one; a backup of the vault
    /// from before the key was rotated does not open any more, and is not meant to.
    #[error(
        "this is not the key-encryption key of this vault: give the one it is wrapped under (a \
         backup from before the key was rotated opens never more: put back a later one)"
    )]
    Foreign,
    /// The key was given to this process, and the one that comes after it was not.
    #[error("the key-encryption key was given to this process: give the next one, too")]
    NextMissing,
    /// The key that is to come after it is the same.
    #[error("the next key-encryption key is the one that is in force")]
    Same,
    /// The key is in a file, where the next one is made.
    #[error("the key-encryption key is in {0}, where the next one is made: give none")]
    IsInAFile(PathBuf),
    /// The text is not 32 bytes in base64.
    #[error("a key-encryption key is 32 bytes in base64")]
    Malformed,
    /// What the file holds is not 32 bytes in base64. Put it back.
    #[error(
        "the file {0} holds no key-encryption key, which is 32 bytes in base64: put the key back"
    )]
    MalformedFile(PathBuf),
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

/// Under which names the vault keeps them.
pub(super) const FINGERPRINT: &str = "kek_fingerprint";
pub(super) const PEPPER: &str = "pepper";

pub(super) struct Unlocked {
    pub(super) wrapping: Wrapping,
    pub(super) pepper: Zeroizing<[u8; 32]>,
}

/// Finds the key, checks that it is the vault's own, and unwraps the pepper.
pub(super) async fn open(
    database: &Database,
    source: &Kek,
    log_is_empty: bool,
) -> Result<Unlocked, KekError> {
    let stored = database.meta(FINGERPRINT).await?;
    let kek = match (source, &stored) {
        (Kek::Given(kek), _) => kek.clone(),
        (Kek::File(path), None) => from_file(path, log_is_empty)?,
        (Kek::File(path), Some(stored)) => of_file(path, stored)?,
    };
    let ours = fingerprint(&kek);
    let stored = match stored {
        Some(stored) => stored,
        None if log_is_empty => database.meta_once(FINGERPRINT, &ours).await?,
        None => return Err(KekError::Foreign),
    };
    if stored != ours {
        return Err(KekError::Foreign);
    }
    let epoch = database.number(EPOCH).await?.unwrap_or(1);
    let wrapping = Wrapping::new(&kek, epoch);
    let pepper = pepper(database, &wrapping.cipher).await?;
    Ok(Unlocked { wrapping, pepper })
}

/// The pepper in its wrapping.
pub(super) fn wrap_pepper(cipher: &Cipher, pepper: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
    let nonce = seal::random()?;
    Ok([&nonce, &*seal::encrypt(cipher, nonce, pepper, b"pepper")?].concat())
}

async fn pepper(database: &Database, cipher: &Cipher) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let stored = if let Some(stored) = database.meta(PEPPER).await? {
        stored
    } else {
        let fresh = Zeroizing::new(seal::random::<32>()?);
        let wrapped = wrap_pepper(cipher, &fresh)?;
        database.meta_once(PEPPER, &wrapped).await?
    };
    let damaged = || VaultError::Damaged("the pepper does not unwrap".into());
    let plain = Zeroizing::new(seal::decrypt(cipher, &stored, b"pepper").ok_or_else(damaged)?);
    Ok(Zeroizing::new(
        plain.as_slice().try_into().map_err(|_| damaged())?,
    ))
}

/// The key of this fingerprint: that in the file, or the one that a rotation which was cut off has
/// left to take its place.
pub(super) fn of_file(path: &Path, wanted: &[u8]) -> Result<Secret, KekError> {
    let kept = from_file(path, false);
    if let Ok(kek) = &kept
        && fingerprint(kek) == wanted
    {
        return kept;
    }
    match from_file(&beside(path), false) {
        Ok(next) if fingerprint(&next) == wanted => {
            take_over(path)?;
            Ok(next)
        }
        Ok(_) | Err(_) => match kept {
            Ok(_) => Err(KekError::Foreign),
            Err(error) => Err(error),
        },
    }
}

/// The key that comes after this one, durable where it is in a file.
///
/// INVARIANT: only who has the vault's turn calls this, so nobody else's file is overwritten.
pub(super) fn next(
    source: Kek,
    given: Option<&Secret>,
    old: &Wrapping,
) -> Result<Secret, KekError> {
    match (source, given) {
        (Kek::File(path), None) => {
            secret_file::replace_with_new(&beside(&path)).map_err(|error| told(&path, error))
        }
        (Kek::Given(_), Some(next)) if fingerprint(next) != old.fingerprint => Ok(next.clone()),
        (Kek::Given(_), Some(_)) => Err(KekError::Same),
        (Kek::Given(_), None) => Err(KekError::NextMissing),
        (Kek::File(path), Some(_)) => Err(KekError::IsInAFile(path)),
    }
}

/// Lets the key that waits beside take the place of the one in the file, whose bytes are
/// overwritten. Done already is as good.
pub(super) fn take_over(path: &Path) -> Result<(), KekError> {
    match secret_file::take_over(&beside(path), path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KekError::File {
            path: path.into(),
            source: error,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".next");
    beside.into()
}

fn from_file(path: &Path, may_create: bool) -> Result<Secret, KekError> {
    secret_file::read_or_create(path, may_create).map_err(|error| told(path, error))
}

fn told(path: &Path, error: SecretFileError) -> KekError {
    match error {
        SecretFileError::Missing => KekError::Missing(path.into()),
        SecretFileError::Malformed => KekError::MalformedFile(path.into()),
        SecretFileError::File(source) => KekError::File {
            path: path.into(),
            source,
        },
    }
}
