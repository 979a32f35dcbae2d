//! The bytes of a bundle: each entry behind its length, `u16` big-endian (C2SP tlog-tiles).

use crate::tile::Bundle;

/// The longest entry that a bundle can hold, in bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// The entry does not fit into a bundle. Such an entry cannot be part of a published log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {bytes} bytes does not fit into a bundle: at most {ENTRY_BYTES_MAX}")]
pub struct EntryTooLong {
    /// How long it is.
    pub bytes: usize,
}

/// The bytes are not those of the bundle: fetch it again, and do not trust whoever served it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBundle {
    /// The bytes end within an entry or before the last one.
    #[error("the bundle ends before its entry {entry} does, counted from 0")]
    Short {
        /// Which entry of the bundle is not there as a whole.
        entry: u16,
    },
    /// Bytes follow the last entry.
    #[error("{bytes} bytes too many follow the last entry of the bundle")]
    Long {
        /// How many.
        bytes: usize,
    },
}

/// The bytes of the bundle with these entries.
///
/// # Errors
/// [`EntryTooLong`] where one of them does not fit.
pub fn encode_entries<E: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = E>,
) -> Result<Vec<u8>, EntryTooLong> {
    let mut bytes = Vec::new();
    for entry in entries {
        push_entry(&mut bytes, entry.as_ref())?;
    }
    Ok(bytes)
}

/// Writes one more entry behind those of a bundle; nothing where it does not fit.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let bytes = entry.len();
    let length = u16::try_from(bytes).map_err(|_| EntryTooLong { bytes })?;
    bundle.extend(length.to_be_bytes());
    bundle.extend(entry);
    Ok(())
}

impl Bundle {
    /// The entries of the bundle, which are as many as it is wide.
    ///
    /// # Errors
    /// [`BadBundle`] where the bytes are not exactly these entries.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<&[u8]>, BadBundle> {
        let mut rest = bytes;
        let entries = (0..self.width()).map(|entry| {
            let (found, behind) = split_entry(rest).ok_or(BadBundle::Short { entry })?;
            rest = behind;
            Ok(found)
        });
        let entries = entries.collect::<Result<_, _>>()?;
        if rest.is_empty() {
            Ok(entries)
        } else {
            let bytes = rest.len();
            Err(BadBundle::Long { bytes })
        }
    }
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
