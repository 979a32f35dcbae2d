//! The key that signs checkpoints: where it comes from, and that it stays the same.

use std::path::PathBuf;

use meguri_proofs::{BadKeyName, KeyName, SignerKey, VerifierKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    log::Log,
    read::ReadError,
    secret_file::{self, SecretFileError},
};

/// Where the key that signs comes from.
#[derive(Clone)]
pub enum SigningKey {
    /// A file of one line of base64, created with mode 0600 for a log that was never published.
    File(PathBuf),
    /// The 32 bytes of the seed themselves.
    Given(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

impl SigningKey {
    /// Reads 32 bytes in base64, as the environment gives them.
    ///
    /// # Errors
    /// [`SigningKeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let seed = secret_file::decode(text).ok_or(SigningKeyError::Malformed)?;
        Ok(Self::Given(seed))
    }

    /// The key itself, of no log: its file is made where it is missing. Without a name it has one
    /// that is made of it.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn signer(&self, name: Option<&KeyName>) -> Result<SignerKey, SigningKeyError> {
        let seed = match self {
            Self::Given(seed) => seed.clone(),
            Self::File(path) => from_file(path, None)?,
        };
        let name = name.cloned().map_or_else(|| name_of(&seed), Ok)?;
        Ok(SignerKey::from_seed(name, &seed))
    }
}

/// Why the key cannot sign for this log.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The log was published, and nobody would believe a new key. Put the file back.
    #[error(
        "the signing key {path} is missing, and the log was published as {verifier}: put the key \
         back from its backup"
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The verifier key that people know.
        verifier: String,
    },
    /// The log was published under another key or name. Give those.
    #[error(
        "the log was published as {expected}, and this key and origin are {found}: give the key \
         and the origin that it was published with"
    )]
    Foreign {
        /// The verifier key that people know.
        expected: String,
        /// That of the key and the origin which were given.
        found: String,
    },
    /// The text is not 32 bytes in base64.
    #[error("a signing key is 32 bytes in base64")]
    Malformed,
    /// What the file holds is not 32 bytes in base64. Put it back.
    #[error(
        "the file {0} holds no signing key, which is 32 bytes in base64: put the key back from its \
         backup"
    )]
    MalformedFile(PathBuf),
    /// The file cannot be read or written.
    #[error("the signing key {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Where the log is cannot be written down.
    #[error("where the log is cannot be written down: {0}")]
    Place(String),
    /// Nobody knows whether something was signed for this log already.
    #[error("what keeps the last checkpoint elsewhere does not answer: {0}")]
    Outside(String),
    /// The name of the log cannot be one.
    #[error(transparent)]
    Origin(#[from] BadKeyName),
    /// The database.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Finds the key, and checks that it is the one which has signed for this log; the first one that
/// comes is.
pub(super) async fn establish(
    log: &Log,
    source: &SigningKey,
    origin: Option<&KeyName>,
) -> Result<SignerKey, SigningKeyError> {
    let known = log.published().verifier().await.map_err(ReadError::from)?;
    let seed = match source {
        SigningKey::Given(seed) => seed.clone(),
        SigningKey::File(path) => from_file(path, known.as_deref())?,
    };
    let origin = match (origin, &known) {
        (Some(origin), _) => origin.clone(),
        (None, Some(known)) => published_name(known)?,
        (None, None) => name_of(&seed)?,
    };
    let signer = SignerKey::from_seed(origin, &seed);
    let found = signer.verifier().to_string();
    let expected = match known {
        Some(known) => known,
        None => keep(log, &found).await?,
    };
    if expected == found {
        return Ok(signer);
    }
    Err(SigningKeyError::Foreign { expected, found })
}

/// Makes this the key of the log, unless another process was faster; answers whose it is.
async fn keep(log: &Log, verifier: &str) -> Result<String, ReadError> {
    log.published().keep_verifier(verifier).await?;
    let kept = log.published().verifier().await?;
    kept.ok_or_else(|| ReadError::Damaged("the signing key was not kept".into()))
}

fn published_name(verifier: &str) -> Result<KeyName, ReadError> {
    let key: Result<VerifierKey, _> = verifier.parse();
    let key = key.map_err(|error| ReadError::Damaged(format!("the signing key: {error}")))?;
    Ok(key.name().clone())
}

/// The name of a log that nobody has named: `meguri-` and eight digits of its key.
fn name_of(seed: &[u8; 32]) -> Result<KeyName, BadKeyName> {
    // The name is part of what a key's text is made of, so this one is of no name.
    let nameless = SignerKey::from_seed("meguri".parse()?, seed).verifier();
    let digest = Sha256::digest(nameless.to_string());
    format!("meguri-{}", hex::encode(&digest[..4])).parse()
}

fn from_file(
    path: &std::path::Path,
    known: Option<&str>,
) -> Result<Zeroizing<[u8; 32]>, SigningKeyError> {
    let path = path.to_path_buf();
    secret_file::read_or_create(&path, known.is_none()).map_err(|error| match error {
        SecretFileError::Missing => SigningKeyError::Missing {
            path,
            verifier: known.unwrap_or_default().into(),
        },
        SecretFileError::Malformed => SigningKeyError::MalformedFile(path),
        SecretFileError::File(source) => SigningKeyError::File { path, source },
    })
}
