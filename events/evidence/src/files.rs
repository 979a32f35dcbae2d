//! The files of a bundle in memory: out of a zip, into one, or as they were read from a folder.

use std::collections::BTreeMap;

use crate::zip::{self, Packer};

/// The longest zip of a bundle, in bytes. A folder is as long as its zip would be.
pub const BUNDLE_BYTES_MAX: usize = 256 << 20;
/// What its files may take of that.
const FILES_BYTES_MAX: usize = BUNDLE_BYTES_MAX - zip::END_BYTES;
/// The most files that a bundle may have.
pub const BUNDLE_FILES_MAX: usize = 200_000;
/// The most events in `erasures/`: those of a few people and of a few orders of courts.
pub const ERASURES_MAX: usize = 256;

/// Files by their names, with slashes between folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

/// It is no bundle that could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABundle {
    /// The bytes are not those of a zip at all.
    #[error("this is not a zip")]
    NoZip,
    /// It is a zip, but not the one that its files make: readers may see different things in it.
    #[error("this is not the zip that its files make")]
    NotCanonical,
    /// No file of a bundle is called so.
    #[error("{0:?} is no name in a bundle: expected visible ASCII")]
    Name(String),
    /// It is larger than anybody reads.
    #[error(
        "a bundle has at most {BUNDLE_BYTES_MAX} bytes, {BUNDLE_FILES_MAX} files and \
         {ERASURES_MAX} erasures"
    )]
    TooLarge,
}

impl Files {
    /// Adds a file, in the place of one of the same name.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] beyond the bounds.
    pub fn add(&mut self, name: String, bytes: Vec<u8>) -> Result<(), NotABundle> {
        self.remove(&name);
        self.bytes = self.bytes.saturating_add(taken(&name, bytes.len()));
        if self.bytes > FILES_BYTES_MAX || self.by_name.len() >= BUNDLE_FILES_MAX {
            return Err(NotABundle::TooLarge);
        }
        self.by_name.insert(name, bytes);
        Ok(())
    }

    /// How many bytes a file of this name may still have.
    pub fn room_for(&self, name: &str) -> usize {
        (FILES_BYTES_MAX - self.bytes).saturating_sub(taken(name, 0))
    }

    /// Takes a file out, as somebody might who hides it.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        let file = self.by_name.remove(name)?;
        self.bytes -= taken(name, file.len());
        Some(file)
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

    /// Unpacks a zip in memory, if it is the one that [`Files::to_zip`] makes of its files. Names
    /// are only names: nothing is written anywhere.
    ///
    /// # Errors
    /// [`NotABundle`].
    pub fn from_zip(zip: &[u8]) -> Result<Self, NotABundle> {
        zip::unpack(zip)
    }

    /// The zip of these files: by name, stored, without times, so that the same files are the
    /// same bytes whoever packs them.
    ///
    /// # Errors
    /// [`NotABundle::Name`] where a name cannot be one in a bundle, [`NotABundle::TooLarge`].
    pub fn to_zip(&self) -> Result<Vec<u8>, NotABundle> {
        let (mut zip, mut packer) = (Vec::with_capacity(self.bytes), Packer::default());
        for (name, bytes) in &self.by_name {
            zip.extend(packer.file(name, bytes)?);
            zip.extend(bytes);
        }
        zip.extend(packer.finish());
        Ok(zip)
    }
}

/// What a file takes of a zip.
pub(crate) fn taken(name: &str, bytes: usize) -> usize {
    bytes.saturating_add(2 * name.len() + zip::ENTRY_BYTES)
}
