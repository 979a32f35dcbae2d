//! The zip of a bundle: one byte string for the same files, and no other is read (APPNOTE 6.3.10,
//! sections 4.3.6 to 4.3.16).
//!
//! Readers of zips differ in what they look at first: the headers before the files, the directory
//! behind them, or the record at the end. A zip in which these disagree has other contents for
//! each of them. So a bundle is written by one rule, and what is read is written again and has to
//! be the same bytes.

use std::vec;

use crate::bundle::{Content, Evidence};
use crate::files::{BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, Files, NotABundle, taken};

/// Before every file.
const LOCAL: u32 = 0x0403_4b50;
/// Before every line of the directory.
const CENTRAL: u32 = 0x0201_4b50;
/// Before the record at the end.
const END: u32 = 0x0605_4b50;
/// Before the two records that come first at the end where files are too many for that one.
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
/// Made on Unix, by version 1.0 of the format.
const MADE_BY: u16 = 0x030a;
/// Version 1.0 reads it.
const VERSION: u16 = 10;
/// 1 January 1980, the first day that a zip can tell.
const DATE: u16 = 0x0021;
/// A plain file that its owner may write and everybody may read.
const MODE: u32 = 0o100_644 << 16;
/// Where the length of a file and that of its name stand in the header before it.
const LENGTH_AT: usize = 22;
const NAME_LENGTH_AT: usize = 26;
/// The length of that header without the name.
const LOCAL_BYTES: usize = 30;
/// What a file takes in a zip beside its bytes, and beside its name, which stands there twice.
pub(crate) const ENTRY_BYTES: usize = 76;
/// The most that the records at the end take.
pub(crate) const END_BYTES: usize = 98;

/// About how many bytes of a bundle are made at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Writes a zip, one file after the other: what it returns is to be written in the same order.
#[derive(Debug, Default)]
pub struct Packer {
    directory: Vec<u8>,
    files: u64,
    at: u64,
}

impl Packer {
    /// The bytes that come before the bytes of this file.
    ///
    /// # Errors
    /// [`NotABundle::TooLarge`] where it does not fit any more, [`NotABundle::Name`] where it
    /// cannot be called so.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, NotABundle> {
        if !is_name(name) {
            return Err(NotABundle::Name(name.to_owned()));
        }
        let all = self.at + self.directory.len() as u64;
        let own = bytes.len() + 2 * name.len() + ENTRY_BYTES + END_BYTES;
        if all + own as u64 > BUNDLE_BYTES_MAX as u64 {
            return Err(NotABundle::TooLarge);
        }
        // INVARIANT: everything is below the bound, which is far below what these numbers hold.
        let (Ok(length), Ok(name_length), Ok(at)) = (
            u32::try_from(bytes.len()),
            u16::try_from(name.len()),
            u32::try_from(self.at),
        ) else {
            return Err(NotABundle::TooLarge);
        };
        let mut common = Vec::with_capacity(26);
        for number in [VERSION, 0, 0, 0, DATE] {
            common.extend(number.to_le_bytes());
        }
        for number in [crc32fast::hash(bytes), length, length] {
            common.extend(number.to_le_bytes());
        }
        for number in [name_length, 0] {
            common.extend(number.to_le_bytes());
        }
        self.directory.extend(CENTRAL.to_le_bytes());
        self.directory.extend(MADE_BY.to_le_bytes());
        self.directory.extend(&common);
        // No comment, the first disk, nothing of its own.
        self.directory.extend([0; 6]);
        self.directory.extend(MODE.to_le_bytes());
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        let local = [&LOCAL.to_le_bytes(), common.as_slice(), name.as_bytes()].concat();
        self.at += (local.len() + bytes.len()) as u64;
        self.files += 1;
        Ok(local)
    }

    /// The bytes that come behind the last file.
    pub fn finish(self) -> Vec<u8> {
        let Self {
            directory,
            files,
            at,
        } = self;
        let length = directory.len() as u64;
        let mut end = directory;
        let is_long = files > u64::from(u16::MAX);
        if is_long {
            end.extend(END64.to_le_bytes());
            end.extend(44_u64.to_le_bytes());
            end.extend([VERSION.to_le_bytes(); 2].concat());
            end.extend([0; 8]);
            for number in [files, files, length, at] {
                end.extend(number.to_le_bytes());
            }
            end.extend(END64_LOCATOR.to_le_bytes());
            end.extend([0; 4]);
            end.extend((at + length).to_le_bytes());
            end.extend(1_u32.to_le_bytes());
        }
        let files = u16::try_from(files).unwrap_or(u16::MAX);
        let long = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        end.extend([files.to_le_bytes(); 2].concat());
        let length = if is_long { u32::MAX } else { long(length) };
        end.extend(length.to_le_bytes());
        end.extend(long(at).to_le_bytes());
        end.extend([0; 2]);
        end
    }
}

/// The zip of a bundle, chunk by chunk: only what the bundle is made of is in memory.
#[derive(Debug)]
pub struct Zip {
    evidence: Evidence,
    left: vec::IntoIter<(String, Content)>,
    packer: Option<Packer>,
    length: usize,
}

impl Zip {
    pub(crate) fn new(
        evidence: Evidence,
        contents: Vec<(String, Content)>,
    ) -> Result<Self, NotABundle> {
        let mut length = Packer::default().finish().len();
        if contents.len() > usize::from(u16::MAX) {
            length = END_BYTES;
        }
        for (name, content) in &contents {
            if !is_name(name) {
                return Err(NotABundle::Name(name.clone()));
            }
            length = length.saturating_add(taken(name, evidence.bytes(content).len()));
        }
        if length > BUNDLE_BYTES_MAX - END_BYTES || contents.len() > BUNDLE_FILES_MAX {
            return Err(NotABundle::TooLarge);
        }
        Ok(Self {
            evidence,
            left: contents.into_iter(),
            packer: Some(Packer::default()),
            length,
        })
    }

    /// How many bytes all chunks have together.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Iterator for Zip {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
        while chunk.len() < CHUNK_BYTES {
            let Some((name, content)) = self.left.next() else {
                chunk.extend(self.packer.take()?.finish());
                break;
            };
            let bytes = self.evidence.bytes(&content);
            let packed = self.packer.as_mut()?.file(&name, &bytes);
            chunk.extend(packed.expect("INVARIANT: all of it was looked at before"));
            chunk.extend_from_slice(&bytes);
        }
        Some(chunk)
    }
}

/// A name of visible ASCII: all that a bundle has, and the same to every reader.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The files of a zip, if these are the very bytes that [`Packer`] makes of them.
pub(crate) fn unpack(zip: &[u8]) -> Result<Files, NotABundle> {
    if zip.len() > BUNDLE_BYTES_MAX {
        return Err(NotABundle::TooLarge);
    }
    if !zip.starts_with(b"PK") {
        return Err(NotABundle::NoZip);
    }
    let (mut rest, mut packer, mut files) = (zip, Packer::default(), Files::default());
    let mut last = "";
    while rest.starts_with(&LOCAL.to_le_bytes()) {
        let (name, bytes) = entry(rest).ok_or(NotABundle::NotCanonical)?;
        if name <= last {
            return Err(NotABundle::NotCanonical);
        }
        let local = packer.file(name, bytes).map_err(|error| match error {
            NotABundle::Name(_) => NotABundle::NotCanonical,
            other @ (NotABundle::TooLarge | NotABundle::NoZip | NotABundle::NotCanonical) => other,
        })?;
        let behind = rest.strip_prefix(local.as_slice());
        let behind = behind.and_then(|behind| behind.get(bytes.len()..));
        rest = behind.ok_or(NotABundle::NotCanonical)?;
        files.add(name.to_owned(), bytes.to_vec())?;
        last = name;
    }
    if rest == packer.finish() {
        Ok(files)
    } else {
        Err(NotABundle::NotCanonical)
    }
}

/// The name and the bytes of the file whose header begins here, as far as the header says.
fn entry(rest: &[u8]) -> Option<(&str, &[u8])> {
    let length = rest.get(LENGTH_AT..LENGTH_AT + 4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let named = rest.get(NAME_LENGTH_AT..NAME_LENGTH_AT + 2)?;
    let named = usize::from(u16::from_le_bytes(named.try_into().ok()?));
    let behind = rest.get(LOCAL_BYTES..)?;
    let (name, behind) = (behind.get(..named)?, behind.get(named..)?);
    Some((std::str::from_utf8(name).ok()?, behind.get(..length)?))
}
