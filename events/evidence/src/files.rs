//! The files of a bundle in memory: out of a zip, into one, or as they were read from a folder.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The most that all files of a bundle may hold, in bytes: a zip may promise to become anything.
pub const BUNDLE_BYTES_MAX: usize = 256 << 20;
/// The most files that a bundle may have.
pub const BUNDLE_FILES_MAX: usize = 200_000;

/// Files by their names, with slashes between folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Whether a name came twice, so that readers may see different files under it.
    ambiguous: bool,
}

/// It is no bundle that could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum NotABundle {
    /// The bytes are not those of a zip, or it cannot be read.
    #[error("this is not a zip that can be read: {0}")]
    Zip(#[from] ZipError),
    /// A file in it cannot be unpacked.
    #[error("{name} cannot be unpacked: {source}")]
    File {
        /// Which.
        name: String,
        /// What the reader found.
        source: std::io::Error,
    },
    /// It is larger than anybody reads.
    #[error("a bundle has at most {BUNDLE_FILES_MAX} files with {BUNDLE_BYTES_MAX} bytes in all")]
    TooLarge,
}

impl Files {
    /// Adds a file; the first of a name stays.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] beyond the bounds.
    pub fn add(&mut self, name: String, bytes: Vec<u8>) -> Result<(), NotABundle> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > BUNDLE_BYTES_MAX || self.by_name.len() >= BUNDLE_FILES_MAX {
            return Err(NotABundle::TooLarge);
        }
        if self.by_name.contains_key(&name) {
            self.ambiguous = true;
            return Ok(());
        }
        self.by_name.insert(name, bytes);
        Ok(())
    }

    /// Takes a file out, as somebody might who hides it.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        let taken = self.by_name.remove(name)?;
        self.bytes -= taken.len();
        Some(taken)
    }

    /// What is in a file; none where there is none of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    /// All files, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.by_name
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    pub(crate) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Unpacks a zip in memory. Names are only names: nothing is written anywhere.
    ///
    /// # Errors
    /// [`NotABundle`].
    pub fn from_zip(zip: &[u8]) -> Result<Self, NotABundle> {
        let mut archive = ZipArchive::new(Cursor::new(zip))?;
        let mut files = Self {
            ambiguous: archive.has_duplicate_names(),
            ..Self::default()
        };
        for index in 0..archive.len() {
            let file = archive.by_index(index)?;
            let name = String::from_utf8_lossy(file.name_raw()).into_owned();
            // What `zip -r` writes for the folders themselves.
            if file.is_dir() && (name == "events/" || name == "erasures/") {
                continue;
            }
            let mut bytes = Vec::new();
            let left = BUNDLE_BYTES_MAX - files.bytes + 1;
            let read = file.take(left as u64).read_to_end(&mut bytes);
            read.map_err(|source| NotABundle::File {
                name: name.clone(),
                source,
            })?;
            files.add(name, bytes)?;
        }
        Ok(files)
    }

    /// The zip of these files: by name, stored, without times, so that the same files are the
    /// same bytes whoever packs them.
    ///
    /// # Errors
    /// [`NotABundle::Zip`] where a name cannot be one in a zip.
    pub fn to_zip(&self) -> Result<Vec<u8>, NotABundle> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &self.by_name {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(bytes).map_err(ZipError::from)?;
        }
        Ok(zip.finish()?.into_inner())
    }
}
