//! Copies of a log and of its vault as they are at one moment, made while both are used, and what a
//! file holds that is to be a log.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    log::Log,
    publish::SignedCheckpoint,
    seal::{self, Cipher},
    secret_file::{self, Secret, SecretFileError},
    store::{Head, StoreError},
    stream::Position,
    tree::{Frontier, Root},
    vault::VaultError,
};

/// What a sealed copy begins with.
const MAGIC: &[u8; 16] = b"meguri vault 1\n\0";
/// Random bytes that make the key of each copy its own.
const SALT_BYTES: usize = 32;
/// Bytes that are sealed at once.
const CHUNK_BYTES: usize = 64 * 1_024;
/// What sealing adds to a chunk.
const TAG_BYTES: usize = 16;

/// Why there is no copy, or it is none.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database is PostgreSQL's, which has tools of its own: `pg_dump`, `pg_basebackup`.
    #[error("databases in PostgreSQL are copied by its own tools")]
    NotAFile,
    /// The database cannot be read, or there is no room.
    #[error("it cannot be copied: {0}")]
    Unavailable(String),
    /// What is there is no such copy, or it was damaged.
    #[error("{path}: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key is missing. Put the file back, or give the key.
    #[error("the key of the backups {0} is missing: put it back from where you keep it")]
    KeyMissing(PathBuf),
    /// The text is not 32 bytes in base64.
    #[error("a key of backups is 32 bytes in base64")]
    KeyMalformed,
    /// What the file holds is not 32 bytes in base64. Put it back.
    #[error(
        "the file {0} holds no key of backups, which is 32 bytes in base64: put it back from where \
         you keep it"
    )]
    KeyFileMalformed(PathBuf),
    /// The vault, or the randomness of the system.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The key under which copies of the vault are sealed: neither that of the vault nor the one that
/// signs, so that whoever has the backups has nothing.
#[derive(Clone)]
pub enum CopyKey {
    /// A file of one line of base64, made with mode 0600 when the first copy is.
    File(PathBuf),
    /// The 32 bytes themselves.
    Given(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for CopyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

impl CopyKey {
    /// Reads 32 bytes in base64, as the environment gives them.
    ///
    /// # Errors
    /// [`CopyError::KeyMalformed`].
    pub fn parse(text: &str) -> Result<Self, CopyError> {
        let key = secret_file::decode(text).ok_or(CopyError::KeyMalformed)?;
        Ok(Self::Given(key))
    }

    fn secret(&self, may_create: bool) -> Result<Secret, CopyError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) => {
                secret_file::read_or_create(path, may_create).map_err(|error| match error {
                    SecretFileError::Missing => CopyError::KeyMissing(path.clone()),
                    SecretFileError::Malformed => CopyError::KeyFileMalformed(path.clone()),
                    SecretFileError::File(source) => file_error(path, source),
                })
            }
        }
    }
}

/// What a file holds that is to be the log of SQLite.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Where it ends.
    pub head: Head,
    /// The last checkpoint that it has published.
    pub published: Option<SignedCheckpoint>,
    /// The verifier key of the log, if it was ever published.
    pub verifier: Option<String>,
    path: PathBuf,
}

impl LogFile {
    /// Reads a file that nobody uses, and changes nothing. SQLite checks all of its pages.
    ///
    /// # Errors
    /// [`CopyError::Damaged`] where it is not a sound database, or not one of a log.
    pub async fn inspect(path: &Path) -> Result<Self, CopyError> {
        let found = crate::sqlite::inspect::log(path).await;
        let (head, published, verifier) = found.map_err(|error| damaged(path, error))?;
        Ok(Self {
            head,
            published,
            verifier,
            path: path.to_owned(),
        })
    }

    /// The root over the first so many events, made of their entries alone.
    ///
    /// # Errors
    /// [`CopyError::Damaged`] where not all of them are there.
    pub async fn root_at(&self, position: Position) -> Result<Root, CopyError> {
        let mut frontier = Frontier::default();
        let grown = crate::sqlite::inspect::grow(&self.path, &mut frontier, position).await;
        grown.map_err(|error| damaged(&self.path, error))?;
        if frontier.position() == position {
            return Ok(frontier.root());
        }
        let reason = format!("only {} events are there", frontier.size());
        Err(damaged(&self.path, reason))
    }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> CopyError {
    CopyError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn file_error(path: &Path, source: io::Error) -> CopyError {
    CopyError::File {
        path: path.to_owned(),
        source,
    }
}

impl Log {
    /// Whether it is in a file that [`Log::copy_to`] copies.
    pub fn is_in_a_file(&self) -> bool {
        self.published().is_in_a_file()
    }

    /// Copies the log, as it is at one moment, into a new file; appends go on meanwhile. What was
    /// erased or redacted is not in it.
    ///
    /// # Errors
    /// [`CopyError`]; a file that was begun is to be removed.
    pub async fn copy_to(&self, path: &Path) -> Result<(), CopyError> {
        if !self.is_in_a_file() {
            return Err(CopyError::NotAFile);
        }
        self.published().copy_to(path).await?;
        durable(path)
    }

    /// Copies the vault, as it is at one moment, into a new file that is sealed under a key of its
    /// own. `scratch` is a new file where only its owner reads: it holds the copy until it is
    /// sealed, and is removed.
    ///
    /// # Errors
    /// [`CopyError`]; a file that was begun is to be removed.
    pub async fn copy_vault_to(
        &self,
        path: &Path,
        scratch: &Path,
        key: &CopyKey,
    ) -> Result<(), CopyError> {
        let key = key.secret(true)?;
        remove(scratch)?;
        let copied = self.vault().copy_to(scratch).await;
        let (from, to) = (scratch.to_owned(), path.to_owned());
        let sealed = match copied {
            Ok(()) => tokio::task::spawn_blocking(move || seal_file(&from, &to, &key))
                .await
                .map_err(|error| CopyError::Unavailable(error.to_string()))
                .and_then(|sealed| sealed),
            Err(error) => Err(error),
        };
        remove(scratch)?;
        sealed
    }
}

/// Opens a sealed copy of a vault into a new file.
///
/// # Errors
/// [`CopyError`]; a file that was begun is removed.
pub fn open_vault_copy(path: &Path, to: &Path, key: &CopyKey) -> Result<(), CopyError> {
    let opened = open_file(path, to, &key.secret(false)?);
    if opened.is_err() {
        remove(to)?;
    }
    opened
}

fn remove(path: &Path) -> Result<(), CopyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn durable(path: &Path) -> Result<(), CopyError> {
    let file = File::open(path).and_then(|file| file.sync_all());
    file.map_err(|error| file_error(path, error))
}

/// The cipher of one copy.
fn cipher(key: &Secret, salt: &[u8]) -> Cipher {
    let own = Zeroizing::new(seal::hmac_sha256(
        &**key,
        &[b"meguri copy of a vault", salt],
    ));
    seal::cipher(&own)
}

/// A chunk is bound to its number, and the last one to being the last.
fn nonce(number: u64, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

fn seal_file(from: &Path, to: &Path, key: &Secret) -> Result<(), CopyError> {
    let reading = |error| file_error(from, error);
    let writing = |error| file_error(to, error);
    let salt = seal::random::<SALT_BYTES>()?;
    let cipher = cipher(key, &salt);
    let mut plain = BufReader::new(File::open(from).map_err(reading)?);
    let mut sealed = BufWriter::new(File::create_new(to).map_err(writing)?);
    sealed.write_all(MAGIC).map_err(writing)?;
    sealed.write_all(&salt).map_err(writing)?;
    let mut next = Zeroizing::new(chunk(&mut plain, CHUNK_BYTES).map_err(reading)?);
    for number in 0.. {
        let current = next;
        next = Zeroizing::new(chunk(&mut plain, CHUNK_BYTES).map_err(reading)?);
        let nonce = nonce(number, next.is_empty());
        let text = seal::encrypt(&cipher, nonce, &current, MAGIC)?;
        sealed.write_all(&text).map_err(writing)?;
        if next.is_empty() {
            break;
        }
    }
    let sealed = sealed
        .into_inner()
        .map_err(|error| writing(error.into_error()))?;
    sealed.sync_all().map_err(writing)
}

fn open_file(from: &Path, to: &Path, key: &Secret) -> Result<(), CopyError> {
    let reading = |error| file_error(from, error);
    let writing = |error| file_error(to, error);
    let mut sealed = BufReader::new(File::open(from).map_err(reading)?);
    let head = chunk(&mut sealed, MAGIC.len() + SALT_BYTES).map_err(reading)?;
    let salt = head.strip_prefix(MAGIC);
    let salt = salt.filter(|salt| salt.len() == SALT_BYTES);
    let salt = salt.ok_or_else(|| damaged(from, "it is not a sealed copy of a vault"))?;
    let cipher = cipher(key, salt);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut plain = BufWriter::new(options.open(to).map_err(writing)?);
    let mut next = chunk(&mut sealed, CHUNK_BYTES + TAG_BYTES).map_err(reading)?;
    for number in 0.. {
        let current = next;
        next = chunk(&mut sealed, CHUNK_BYTES + TAG_BYTES).map_err(reading)?;
        let stored = [nonce(number, next.is_empty()).as_slice(), &current].concat();
        let opened = seal::decrypt(&cipher, &stored, MAGIC).map(Zeroizing::new);
        let opened = opened.ok_or_else(|| {
            damaged(
                from,
                "it does not open: it is damaged, or sealed under another key",
            )
        })?;
        plain.write_all(&opened).map_err(writing)?;
        if next.is_empty() {
            break;
        }
    }
    let plain = plain
        .into_inner()
        .map_err(|error| writing(error.into_error()))?;
    plain.sync_all().map_err(writing)
}

/// As many bytes as there are, up to these.
fn chunk(from: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(bytes);
    from.take(bytes as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}
