//! Proofs of inclusion and of consistency: their text, and what it takes to believe them (RFC 6962,
//! section 2.1; RFC 9162, sections 2.1.3 and 2.1.4).

use std::{fmt, str::FromStr};

use crate::tree::{Hash, Tree, hash_from_base64, hash_to_base64, node};

/// The most hashes that a proof may have; no tree of less than 2^63 entries needs more.
pub const PROOF_HASHES_MAX: usize = 64;

/// The hashes that lead from what somebody has to the root that everybody knows.
///
/// Written as one line of base64 a hash, from the leaf's neighbour to the root's child. It does not
/// say what it proves: that is known to whoever verifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    hashes: Vec<Hash>,
}

/// The proof does not show what it is to show: believe nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry is said to be where the tree does not reach.
    #[error("a tree of {size} entries has no entry {index}, counted from 0")]
    NoSuchEntry {
        /// Which entry, counted from 0.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// A log only grows, and this one is said to have become shorter.
    #[error("the log has {to} entries, and had {from} before: some were taken out of it")]
    Shrunk {
        /// The size of the older tree.
        from: u64,
        /// The size of the newer tree.
        to: u64,
    },
    /// Too long or too short for these sizes.
    #[error("the proof has {found} hashes and should have {expected}")]
    Length {
        /// How many hashes such a proof has.
        expected: usize,
        /// How many this one has.
        found: usize,
    },
    /// It leads to another root: the entry, its place, the tree or the proof is not the true one.
    #[error("the proof leads to the root {found}, and the tree has {expected}")]
    Root {
        /// The root of the tree, in base64.
        expected: String,
        /// The root that the proof leads to, in base64.
        found: String,
    },
    /// It does not lead to the root of the older tree: the log was changed since.
    #[error("the proof leads to the older root {found}, and the older tree has {expected}")]
    OlderRoot {
        /// The root of the older tree, in base64.
        expected: String,
        /// The root that the proof leads to, in base64.
        found: String,
    },
}

impl Proof {
    /// The proof with these hashes, from the leaf's neighbour upwards.
    pub fn new(hashes: Vec<Hash>) -> Self {
        Self { hashes }
    }

    /// Its hashes, from the leaf's neighbour upwards.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Does this prove that entry `index`, counted from 0, of `tree` has this [`leaf`](crate::leaf)
    /// hash? `tree` is to be that of a verified checkpoint.
    ///
    /// # Errors
    /// [`ProofError`] where it does not.
    pub fn verify_inclusion(&self, leaf: &Hash, index: u64, tree: &Tree) -> Result<(), ProofError> {
        let size = tree.size;
        if index >= size {
            return Err(ProofError::NoSuchEntry { index, size });
        }
        let path = Path::new(index, size, 0);
        self.has_length(path.length())?;
        reaches(&tree.root, &path.climb(leaf, &self.hashes))
    }

    /// Does this prove that `newer` begins with all the entries of `older`? Both are to be those
    /// of verified checkpoints. The empty tree is the beginning of every other.
    ///
    /// # Errors
    /// [`ProofError`] where it does not.
    pub fn verify_consistency(&self, older: &Tree, newer: &Tree) -> Result<(), ProofError> {
        let (from, to) = (older.size, newer.size);
        if from > to {
            return Err(ProofError::Shrunk { from, to });
        }
        if from == 0 || from == to {
            self.has_length(0)?;
            let known = if from == to { newer } else { &Tree::EMPTY };
            return reaches_older(&older.root, &known.root);
        }
        // The way begins at the last perfect subtree of the older tree. Where that is all of it,
        // its root is known and not part of the proof.
        let path = Path::new(from - 1, to, from.trailing_zeros());
        let first_is_given = !from.is_power_of_two();
        self.has_length(path.length() + usize::from(first_is_given))?;
        let (first, neighbours) = match self.hashes.split_first() {
            Some((first, neighbours)) if first_is_given => (first, neighbours),
            _ => (&older.root, &self.hashes[..]),
        };
        reaches_older(&older.root, &path.climb_on_the_left(first, neighbours))?;
        reaches(&newer.root, &path.climb(first, neighbours))
    }

    fn has_length(&self, expected: usize) -> Result<(), ProofError> {
        let found = self.hashes.len();
        if found == expected {
            Ok(())
        } else {
            Err(ProofError::Length { expected, found })
        }
    }
}

fn reaches(expected: &Hash, found: &Hash) -> Result<(), ProofError> {
    if expected == found {
        return Ok(());
    }
    let [expected, found] = [expected, found].map(hash_to_base64);
    Err(ProofError::Root { expected, found })
}

fn reaches_older(expected: &Hash, found: &Hash) -> Result<(), ProofError> {
    if expected == found {
        return Ok(());
    }
    let [expected, found] = [expected, found].map(hash_to_base64);
    Err(ProofError::OlderRoot { expected, found })
}

/// The way from a perfect subtree up to the root: on which side its neighbours are.
struct Path {
    /// Bit i tells whether neighbour i is on the left, for those below `inner`.
    turns: u64,
    /// Up to here the way is within the tree, and its neighbours may be on either side.
    inner: u32,
    /// From there it goes along the right edge, where neighbours are on the left only.
    border: u32,
}

impl Path {
    /// The way from the subtree of this height that holds entry `index` of `size`; there is a
    /// larger one that holds it.
    fn new(index: u64, size: u64, height: u32) -> Self {
        // The ways of this entry and of the last one meet where their numbers no longer differ.
        let meeting = u64::BITS - (index ^ (size - 1)).leading_zeros();
        Self {
            turns: index >> height,
            inner: meeting - height,
            border: index.checked_shr(meeting).unwrap_or(0).count_ones(),
        }
    }

    fn length(&self) -> usize {
        (self.inner + self.border) as usize
    }

    /// Each neighbour, and whether it is on the left.
    fn sides<'h>(&self, neighbours: &'h [Hash]) -> impl Iterator<Item = (bool, &'h Hash)> {
        let sides = (0..).map(|turn| turn >= self.inner || self.turns >> turn & 1 == 1);
        sides.zip(neighbours)
    }

    /// The root of the tree that the neighbours make.
    fn climb(&self, from: &Hash, neighbours: &[Hash]) -> Hash {
        self.sides(neighbours)
            .fold(*from, |hash, (is_left, neighbour)| {
                if is_left {
                    node(neighbour, &hash)
                } else {
                    node(&hash, neighbour)
                }
            })
    }

    /// The root of the tree that ends where the way begins: it has the neighbours on the left only.
    fn climb_on_the_left(&self, from: &Hash, neighbours: &[Hash]) -> Hash {
        let left = self.sides(neighbours).filter(|(is_left, _)| *is_left);
        left.fold(*from, |hash, (_, neighbour)| node(neighbour, &hash))
    }
}

/// The text is not a proof: expected lines of 32 bytes in base64, each with its newline, and at
/// most [`PROOF_HASHES_MAX`] of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// More lines than a proof can have.
    #[error("a proof has at most {PROOF_HASHES_MAX} lines")]
    TooLong,
    /// The last line does not end.
    #[error("the last line of the proof has no newline: it may have been cut off")]
    CutOff,
    /// A line is not a hash.
    #[error("line {line} of the proof is not 32 bytes in base64")]
    Line {
        /// Which, counted from 1.
        line: usize,
    },
}

/// One line of base64 for each hash; nothing where there is none.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hashes = self.hashes.iter();
        hashes.try_for_each(|hash| writeln!(f, "{}", hash_to_base64(hash)))
    }
}

impl FromStr for Proof {
    type Err = BadProof;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(BadProof::CutOff);
        }
        let mut hashes = Vec::new();
        for (text, line) in text.split_terminator('\n').zip(1..) {
            if line > PROOF_HASHES_MAX {
                return Err(BadProof::TooLong);
            }
            hashes.push(hash_from_base64(text).ok_or(BadProof::Line { line })?);
        }
        Ok(Self { hashes })
    }
}
