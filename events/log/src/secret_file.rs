//! Files of secret keys: one line of base64 that only its owner reads, made for a new log.

use std::{
    io::{self, Read as _, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::seal;

/// A secret of 32 bytes, wiped from memory when it is dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// Why there is no secret.
pub(crate) enum SecretFileError {
    /// There is no file, and none may be made.
    Missing,
    /// It does not hold 32 bytes in base64.
    Malformed,
    /// It cannot be read or written.
    File(io::Error),
}

/// The secret in a file, which is made with mode 0600 where it is missing and may be.
pub(crate) fn read_or_create(path: &Path, may_create: bool) -> Result<Secret, SecretFileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => decode(&Zeroizing::new(text)).ok_or(SecretFileError::Malformed),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SecretFileError::File(error)),
        Err(_) if !may_create => Err(SecretFileError::Missing),
        Err(_) => {
            let secret = seal::random::<32>().map_err(io::Error::other);
            let secret = Zeroizing::new(secret.map_err(SecretFileError::File)?);
            match create(path, &Zeroizing::new(STANDARD.encode(*secret))) {
                Ok(()) => Ok(secret),
                // Another process that starts on the same empty log was faster: its key counts.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    read_or_create(path, false)
                }
                Err(error) => Err(SecretFileError::File(error)),
            }
        }
    }
}

/// A new secret in this file, with mode 0600 and in place of what is there.
pub(crate) fn replace_with_new(path: &Path) -> Result<Secret, SecretFileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(SecretFileError::File(error));
        }
        Ok(()) | Err(_) => {}
    }
    read_or_create(path, true)
}

/// Puts a file in the place of another, whose bytes are overwritten as far as the disk does what it
/// is told.
pub(crate) fn take_over(new: &Path, old: &Path) -> io::Result<()> {
    // One that cannot be overwritten is not left behind in silence.
    let before = match std::fs::OpenOptions::new().write(true).open(old) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    std::fs::rename(new, old)?;
    if let Some(folder) = old.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    if let Some(mut before) = before {
        let zeros = io::repeat(b'0').take(before.metadata()?.len());
        io::copy(&mut { zeros }, &mut before)?;
        before.sync_all()?;
    }
    Ok(())
}

/// The 32 bytes that a text is in base64.
pub(crate) fn decode(text: &str) -> Option<Secret> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Writes the key beside its place and links it there, so that nobody ever reads half a key.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    if let (Ok(()), Some(folder)) = (&linked, path.parent()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    linked
}
