//! The Merkle tree over the entries of the log: its frontier grows with every event and gives the
//! root at every size (RFC 6962, section 2.1; formats.md, Tree).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_proofs::{Hash, Tree, leaf, node};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{recorded::Entry, stream::Position};

/// What is left of the tree over the first events: enough to go on and to tell its root.
///
/// The default is the frontier of an empty log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// INVARIANT: the roots of the perfect subtrees, largest first, one for each one bit of `size`.
    subtrees: Vec<Hash>,
}

/// The bytes are not those of a frontier. Compute it anew from the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not a frontier: expected a size and one root for each of its one bits")]
pub struct BadFrontier;

impl Frontier {
    /// How many entries it is made of.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The position of the last of them.
    pub fn position(&self) -> Position {
        Position::new(self.size)
    }

    /// Takes in the entry of the next event.
    pub fn push(&mut self, entry: &Entry) {
        let mut hash = leaf(entry);
        // A leaf completes as many subtrees as the size has one bits at its end.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.subtrees.pop() else {
                break;
            };
            hash = node(&left, &hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// Takes in the entries of the next events, in their order.
    pub fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            self.push(entry);
        }
    }

    /// The root of the tree, called MTH in RFC 6962.
    pub fn root(&self) -> Root {
        let mut smallest_first = self.subtrees.iter().rev();
        let Some(smallest) = smallest_first.next() else {
            return Root(Tree::EMPTY.root);
        };
        Root(smallest_first.fold(*smallest, |right, left| node(left, &right)))
    }

    /// As it is stored: the size as `u64` big-endian, then the roots of the perfect subtrees,
    /// largest first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let size = self.size.to_be_bytes();
        [size.as_slice(), self.subtrees.as_flattened()].concat()
    }

    /// Undoes [`Frontier::to_bytes`]. Only the form is checked: whether it is the frontier of this
    /// log, comparing it with [`Log::frontier_at`](crate::Log::frontier_at) tells.
    ///
    /// # Errors
    /// [`BadFrontier`] where the number of roots is not that of the size, or no log is so long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFrontier> {
        let (size, subtrees) = bytes.split_first_chunk::<8>().ok_or(BadFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (subtrees, rest) = subtrees.as_chunks::<32>();
        let complete = u32::try_from(subtrees.len()) == Ok(size.count_ones()) && rest.is_empty();
        if !complete || i64::try_from(size).is_err() {
            return Err(BadFrontier);
        }
        let subtrees = subtrees.to_vec();
        Ok(Self { size, subtrees })
    }
}

/// The root of the tree over the first so many entries, written in base64.
///
/// Of trees of one size, roots are equal only where all entries are. A root does not tell the size:
/// compare that, too, or the frontiers themselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Root(pub [u8; 32]);

/// The text is not a root: expected 32 bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a root: expected 32 bytes in base64")]
pub struct BadRoot(String);

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({self})")
    }
}

impl FromStr for Root {
    type Err = BadRoot;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = STANDARD.decode(text).ok();
        let root = bytes.and_then(|bytes| bytes.try_into().ok());
        root.map(Self).ok_or_else(|| BadRoot(text.into()))
    }
}

impl Serialize for Root {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
