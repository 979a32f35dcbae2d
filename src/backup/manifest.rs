//! What a backup says of itself: where the log ends in it, what was signed of that, and the digest
//! of every file. It is written last, so that a backup without one is none.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use meguri_log::{Root, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Name of the manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The form that this release writes and reads.
pub const FORMAT: u32 = 1;
/// The longest manifest that is read.
pub(crate) const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The release that made it.
    pub program: String,
    /// When.
    pub made_at: Timestamp,
    /// Where the databases are.
    pub backend: Backend,
    /// Where the log ends in it.
    pub log: LogPart,
    /// The last checkpoint that was published of that: a signed note.
    pub checkpoint: Option<String>,
    /// Whether the vault is in it.
    pub vault: VaultPart,
    /// Every other file.
    pub files: Vec<FilePart>,
}

/// Where the databases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// In files, of which the backup holds copies.
    Sqlite,
    /// In `PostgreSQL`, whose own tools copy them.
    Postgresql,
}

/// Where the log ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// How many events it has.
    pub position: u64,
    /// The id of the last one.
    pub tail: Uuid,
    /// The root over their entries, in base64.
    pub root: Root,
    /// The key by which anyone verifies its checkpoints, if it was ever published.
    pub verifier: Option<String>,
}

/// Whether the vault is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultPart {
    /// Sealed under the key of backups.
    Sealed,
    /// It is backed up in another way.
    Apart,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// Its name in the folder of the backup.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl FilePart {
    /// The file of this name in a folder, as it is now.
    pub(super) fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let (bytes, sha256) = digest(&folder.join(name))?;
        Ok(Self {
            name: name.to_owned(),
            bytes,
            sha256,
        })
    }
}

/// The length and SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let (mut buffer, mut length) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
    Ok((length, hex::encode(hash.finalize())))
}

/// Reads the manifest in a folder.
///
/// # Errors
/// In words: there is none, or it is none of this form.
pub(crate) fn read(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join(MANIFEST);
    let said = |error: io::Error| format!("{}: {error}", path.display());
    let mut text = Vec::new();
    let file = File::open(&path).map_err(said)?;
    file.take(MANIFEST_BYTES_MAX as u64)
        .read_to_end(&mut text)
        .map_err(said)?;
    parse(&text, &path.display().to_string())
}

/// Reads a manifest that is found there.
///
/// # Errors
/// In words: it is none of this form.
pub(crate) fn parse(text: &[u8], found_at: &str) -> Result<Manifest, String> {
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|error| format!("{found_at}: {error}"))?;
    if manifest.format != FORMAT {
        let found = manifest.format;
        return Err(format!(
            "{found_at} is of format {found}, and this release reads {FORMAT}"
        ));
    }
    let plain = |file: &FilePart| {
        let name = file.name.as_str();
        !name.is_empty()
            && name != MANIFEST
            && !name.starts_with('.')
            && !name.contains(['/', '\\'])
    };
    if !manifest.files.iter().all(plain) {
        return Err(format!("{found_at} names files that cannot be in it"));
    }
    Ok(manifest)
}
