//! What a proof is made of: which tiles to load first, and the hashes that come of them.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    proof::Proof,
    tile::{TILE_HEIGHT, Tile},
    tree::{Hash, Tree, join, root, root_of_edge},
};

/// A proof that is wanted: it says which tiles it needs, and is made of them.
///
/// Loading them is left to the caller, all at once and from wherever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Of the tree whose tiles are read.
    size: u64,
    /// INVARIANT: each as the RFC splits a tree, so that it is a row of perfect subtrees, the
    /// largest first, and within `size`.
    ranges: Vec<Range<u64>>,
}

/// There is no such proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The entry came later, or never: ask for a larger tree.
    #[error("a tree of {size} entries has no entry {index}, counted from 0")]
    NoSuchEntry {
        /// Which entry was asked for, counted from 0.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The tree that is to be the older one is larger.
    #[error("a tree of {from} entries cannot have grown to one of {to}")]
    Shrunk {
        /// The size of the older tree.
        from: u64,
        /// The size of the newer tree.
        to: u64,
    },
}

/// A tile that is needed was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} was not given, or with fewer hashes than it has")]
pub struct MissingTile(pub Tile);

impl Plan {
    /// The proof that entry `index`, counted from 0, is in a tree of `size` entries (RFC 6962,
    /// section 2.1.1).
    ///
    /// # Errors
    /// [`PlanError::NoSuchEntry`] where it is not.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, PlanError> {
        if index >= size {
            return Err(PlanError::NoSuchEntry { index, size });
        }
        // From the root down to the leaf: the half that the entry is not in.
        let mut ranges = Vec::new();
        let mut tree = 0..size;
        while let Some(middle) = split(&tree) {
            let (left, right) = (tree.start..middle, middle..tree.end);
            let (with, without) = if index < middle {
                (left, right)
            } else {
                (right, left)
            };
            ranges.push(without);
            tree = with;
        }
        ranges.reverse();
        Ok(Self { size, ranges })
    }

    /// The proof that a tree of `to` entries begins with all those of a tree of `from` entries
    /// (RFC 6962, section 2.1.2). Empty where `from` is `to` or 0.
    ///
    /// # Errors
    /// [`PlanError::Shrunk`] where `from` is the larger.
    pub fn consistency(from: u64, to: u64) -> Result<Self, PlanError> {
        if from > to {
            return Err(PlanError::Shrunk { from, to });
        }
        let mut ranges = Vec::new();
        let mut tree = 0..to;
        // The older tree ends somewhere within `tree`; where it is all of it, nothing is to show.
        while from != 0
            && from != tree.end
            && let Some(middle) = split(&tree)
        {
            if from <= middle {
                ranges.push(middle..tree.end);
                tree.end = middle;
            } else {
                ranges.push(tree.start..middle);
                tree.start = middle;
            }
        }
        // The subtree where both end is known to the reader if it is the whole of the older tree.
        if tree.start != 0 {
            ranges.push(tree);
        }
        ranges.reverse();
        Ok(Self { size: to, ranges })
    }

    /// The tiles that [`Plan::proof`] will ask for, each once: those of a tree of the size that
    /// the proof leads to. One that has been replaced by a wider one is as good.
    pub fn tiles(&self) -> BTreeSet<Tile> {
        let ranges = self.ranges.iter().cloned();
        let subtrees = ranges.flat_map(perfect_subtrees);
        subtrees.map(|subtree| subtree.place(self.size).0).collect()
    }

    /// The proof. Whether the tiles were sound is told by verifying it against a checkpoint.
    ///
    /// # Errors
    /// [`MissingTile`] where `tiles` does not give one of [`Plan::tiles`] as a whole.
    pub fn proof<'t>(
        &self,
        tiles: impl Fn(Tile) -> Option<&'t [Hash]>,
    ) -> Result<Proof, MissingTile> {
        let mut proof = Vec::with_capacity(self.ranges.len());
        for range in &self.ranges {
            let mut hash = None;
            for subtree in perfect_subtrees(range.clone()) {
                let (tile, hashes) = subtree.place(self.size);
                let given = tiles(tile).and_then(|given| given.get(hashes));
                hash = Some(join(root(given.ok_or(MissingTile(tile))?), hash));
            }
            proof.extend(hash);
        }
        Ok(Proof::new(proof))
    }
}

impl Tree {
    /// The tree of this size, from its right edge: `tiles` gives each tile of [`Tile::edge`].
    ///
    /// # Errors
    /// [`MissingTile`] where it does not give one of them as a whole.
    pub fn from_tiles<'t>(
        size: u64,
        tiles: impl Fn(Tile) -> Option<&'t [Hash]>,
    ) -> Result<Self, MissingTile> {
        let edge = Tile::edge(size).map(|tile| {
            let given = tiles(tile).and_then(|given| given.get(..usize::from(tile.width())));
            given.ok_or(MissingTile(tile))
        });
        let edge = edge.collect::<Result<Vec<_>, _>>()?;
        let root = root_of_edge(edge.into_iter());
        Ok(Self { size, root })
    }
}

/// Where the RFC splits a tree: its left half is the largest perfect subtree that is not all of it.
fn split(tree: &Range<u64>) -> Option<u64> {
    let last = tree.end - tree.start - 1;
    Some(tree.start + (1 << last.checked_ilog2()?))
}

/// The perfect subtree over `1 << height` entries from `start`, counted from 0.
struct Subtree {
    start: u64,
    height: u32,
}

/// The perfect subtrees that a range is made of, from the right, where they are smallest.
fn perfect_subtrees(mut range: Range<u64>) -> impl Iterator<Item = Subtree> {
    std::iter::from_fn(move || {
        let entries = range.end - range.start;
        if entries == 0 {
            return None;
        }
        let height = entries.trailing_zeros();
        range.end -= 1 << height;
        let start = range.end;
        Some(Subtree { start, height })
    })
}

impl Subtree {
    /// The tile and the hashes in it whose root is that of the subtree, in a tree of this size
    /// that has it.
    fn place(&self, size: u64) -> (Tile, Range<usize>) {
        // A tile has only the hashes of every eighth height: those between are made of them.
        let level = self.height / TILE_HEIGHT;
        let first = self.start >> (level * TILE_HEIGHT);
        #[expect(clippy::cast_possible_truncation, reason = "levels are 0 to 7")]
        let tile = Tile::with_hash(level as u8, first, size);
        let first = (first % 256) as usize;
        (tile, first..first + (1 << (self.height % TILE_HEIGHT)))
    }
}
