//! Builds what is published: tiles and bundles as entries complete them.

use std::mem::take;

use crate::{
    bundle::{BadBundle, EntryTooLong, push_entry},
    plan::MissingTile,
    tile::{Bundle, LEVELS, Tile},
    tree::{Hash, Tree, leaf, root, root_of_edge},
};

/// A tree that grows by its entries, and remembers of them only its right edge: the partial tile of
/// each level and the partial bundle.
///
/// The default is the empty tree. Nothing is written: what is complete is handed over, and to go on
/// after a restart it is [resumed](Builder::resume) from what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Builder {
    size: u64,
    /// INVARIANT: the hashes of each level that are not in a full tile.
    edge: [Vec<Hash>; LEVELS as usize],
    /// INVARIANT: the entries that are not in a full bundle, as a bundle has them.
    entries: Vec<u8>,
}

/// A file to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A tile and its hashes.
    Tile(Tile, Vec<Hash>),
    /// A bundle and its bytes.
    Bundle(Bundle, Vec<u8>),
}

impl Piece {
    /// Where it is published, from the log's prefix, without a slash before it.
    pub fn path(&self) -> String {
        match self {
            Self::Tile(tile, _) => tile.to_string(),
            Self::Bundle(bundle, _) => bundle.to_string(),
        }
    }

    /// What is in the file.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Tile(_, hashes) => hashes.as_flattened(),
            Self::Bundle(_, entries) => entries,
        }
    }
}

/// What was written is not enough to go on from: build anew from the first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// A tile of the right edge is not there.
    #[error(transparent)]
    Tile(#[from] MissingTile),
    /// The partial bundle does not hold the entries that it should.
    #[error(transparent)]
    Bundle(#[from] BadBundle),
}

impl Builder {
    /// Goes on from a tree of this size: `entries` are the bytes of its partial bundle, empty where
    /// it has none, and `tiles` gives those of [`Tile::edge`] that are of level 1 and above.
    ///
    /// Whether they are the true ones, comparing [`Builder::tree`] with the last checkpoint tells.
    ///
    /// # Errors
    /// [`ResumeError`] where something is missing or of another length.
    pub fn resume<'t>(
        size: u64,
        entries: &[u8],
        tiles: impl Fn(Tile) -> Option<&'t [Hash]>,
    ) -> Result<Self, ResumeError> {
        let mut builder = Self {
            size,
            entries: entries.to_vec(),
            ..Self::default()
        };
        match Bundle::edge(size) {
            Some(bundle) => builder.edge[0].extend(bundle.decode(entries)?.into_iter().map(leaf)),
            None if entries.is_empty() => {}
            None => {
                let bytes = entries.len();
                return Err(BadBundle::Long { bytes }.into());
            }
        }
        for tile in Tile::edge(size).filter(|tile| tile.level() != 0) {
            let given = tiles(tile).and_then(|given| given.get(..usize::from(tile.width())));
            builder.level(tile).extend(given.ok_or(MissingTile(tile))?);
        }
        Ok(builder)
    }

    /// Takes in the next entry, and hands over what it completes: every 256th a bundle and a tile,
    /// every 65,536th also a tile of the level above, and so on.
    ///
    /// # Errors
    /// [`EntryTooLong`] where it does not fit into a bundle; it is not taken in then.
    pub fn push(&mut self, entry: &[u8]) -> Result<Vec<Piece>, EntryTooLong> {
        push_entry(&mut self.entries, entry)?;
        self.size += 1;
        let mut complete = Vec::new();
        let mut hash = leaf(entry);
        for tile in Tile::added(self.size - 1, self.size) {
            self.level(tile).push(hash);
            if tile.is_partial() {
                break;
            }
            if let Some(bundle) = tile.bundle() {
                complete.push(Piece::Bundle(bundle, take(&mut self.entries)));
            }
            let hashes = take(self.level(tile));
            hash = root(&hashes);
            complete.push(Piece::Tile(tile, hashes));
        }
        Ok(complete)
    }

    /// What is not complete and is published all the same, for a checkpoint of this size: the
    /// partial bundle and the partial tiles.
    pub fn edge(&self) -> Vec<Piece> {
        let bundle = Bundle::edge(self.size);
        let bundle = bundle.map(|bundle| Piece::Bundle(bundle, self.entries.clone()));
        let tiles = Tile::edge(self.size).map(|tile| {
            let hashes = self.edge[usize::from(tile.level())].clone();
            Piece::Tile(tile, hashes)
        });
        bundle.into_iter().chain(tiles).collect()
    }

    /// How many entries were taken in, and the root over them.
    pub fn tree(&self) -> Tree {
        Tree {
            size: self.size,
            root: root_of_edge(self.edge.iter().map(Vec::as_slice)),
        }
    }

    fn level(&mut self, tile: Tile) -> &mut Vec<Hash> {
        &mut self.edge[usize::from(tile.level())]
    }
}
