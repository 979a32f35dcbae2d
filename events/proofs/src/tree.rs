//! The Merkle tree of RFC 6962, section 2.1: hashes of leaves, of nodes and of whole trees.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a leaf, of a node or of a whole tree.
pub type Hash = [u8; 32];

/// A tree as it is told in two words: how many entries, and the root over them.
///
/// The two belong together. A proof holds for a size *and* a root, and it is the signature of a
/// checkpoint that binds one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tree {
    /// How many entries it has.
    pub size: u64,
    /// The hash over all of them, called MTH in the RFC.
    pub root: Hash,
}

impl Tree {
    /// The tree without entries; its root is the SHA-256 hash of nothing.
    pub const EMPTY: Self = Self {
        size: 0,
        root: [
            0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f,
            0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b,
            0x78, 0x52, 0xb8, 0x55,
        ],
    };
}

/// The hash of an entry: `SHA-256(0x00 ‖ entry)`.
pub fn leaf(entry: &[u8]) -> Hash {
    let hasher = Sha256::new().chain_update([0]).chain_update(entry);
    hasher.finalize().into()
}

/// The hash of two neighbouring subtrees: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root over consecutive leaves, or over consecutive perfect subtrees of one height.
///
/// Over all 256 hashes of a full tile it is the hash that stands for it one level up.
pub fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Tree::EMPTY.root,
        [only] => *only,
        [_, _, ..] => {
            // The left subtree is the largest perfect one that leaves something to its right.
            let (left, right) = hashes.split_at(1 << (hashes.len() - 1).ilog2());
            node(&root(left), &root(right))
        }
    }
}

/// A hash as checkpoints and proofs write it: standard base64, 44 characters.
pub fn hash_to_base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// Undoes [`hash_to_base64`]; `None` for every other text.
pub fn hash_from_base64(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A tree that is made from the right to the left: its next perfect subtree, and all that stands to
/// the right of it.
pub(crate) fn join(left: Hash, right: Option<Hash>) -> Hash {
    right.map_or(left, |right| node(&left, &right))
}

/// The root of the tree whose partial tiles these are, from level 0 upwards. All its full tiles are
/// in them, each as one hash.
pub(crate) fn root_of_edge<'a>(levels: impl Iterator<Item = &'a [Hash]>) -> Hash {
    let mut right = None;
    for mut hashes in levels {
        // The perfect subtrees of a partial tile are as large as the one bits of its width.
        while !hashes.is_empty() {
            let smallest = 1 << hashes.len().trailing_zeros();
            let (rest, perfect) = hashes.split_at(hashes.len() - smallest);
            right = Some(join(root(perfect), right));
            hashes = rest;
        }
    }
    right.unwrap_or(Tree::EMPTY.root)
}
