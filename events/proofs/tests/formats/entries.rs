//! The entries of the worked example in formats.md, and what a log publishes of them.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use meguri_proofs::{Builder, Bundle, Hash, Piece, Tile, Tree};
use sha2::Sha256;

/// Entry i of the worked example, from 0: `0x01 ‖ HMAC-SHA256(key, message)`, the key 32 bytes of
/// value i mod 256, the message the decimal digits of i.
pub(crate) fn entry(i: u64) -> Vec<u8> {
    let key = [u8::try_from(i % 256).unwrap(); 32];
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(i.to_string().as_bytes());
    [&[1], mac.finalize().into_bytes().as_slice()].concat()
}

/// The first so many of them.
pub(crate) fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(entry).collect()
}

/// Everything that a log has published when it has signed a checkpoint at one size.
#[derive(Default, PartialEq, Debug)]
pub(crate) struct Site {
    pub(crate) tree: Option<Tree>,
    pub(crate) tiles: BTreeMap<Tile, Vec<Hash>>,
    pub(crate) bundles: BTreeMap<Bundle, Vec<u8>>,
}

impl Site {
    /// The log of these entries.
    pub(crate) fn of<E: AsRef<[u8]>>(entries: &[E]) -> Self {
        let mut site = Self::default();
        let mut builder = Builder::default();
        for entry in entries {
            site.publish(builder.push(entry.as_ref()).unwrap());
        }
        site.publish(builder.edge());
        site.tree = Some(builder.tree());
        site
    }

    pub(crate) fn publish(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Tile(tile, hashes) => assert_eq!(self.tiles.insert(tile, hashes), None),
                Piece::Bundle(bundle, bytes) => {
                    assert_eq!(self.bundles.insert(bundle, bytes), None);
                }
            }
        }
    }

    pub(crate) fn tree(&self) -> Tree {
        self.tree.unwrap()
    }

    pub(crate) fn tile(&self, tile: Tile) -> Option<&[Hash]> {
        self.tiles.get(&tile).map(Vec::as_slice)
    }
}
