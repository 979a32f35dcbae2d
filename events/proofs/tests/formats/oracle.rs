//! Trees and proofs as the RFC defines them, recursively and slowly, and as somebody else's crate
//! (ct-merkle) makes them.

use ct_merkle::{RootHash, mem_backed_tree::MemoryBackedTree};
use meguri_proofs::{Hash, Tree};
use sha2::{Digest, Sha256};

/// MTH of RFC 6962, section 2.1.
pub(crate) fn mth(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Sha256::digest([]).into(),
        [only] => Sha256::digest([&[0], only.as_slice()].concat()).into(),
        _ => {
            let (left, right) = entries.split_at(k(entries.len()));
            Sha256::digest([&[1], mth(left).as_slice(), &mth(right)].concat()).into()
        }
    }
}

/// The largest power of two smaller than n.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// PATH of RFC 6962, section 2.1.1.
pub(crate) fn path(m: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let (left, right) = entries.split_at(k(entries.len()));
    if m < left.len() {
        [path(m, left), vec![mth(right)]].concat()
    } else {
        [path(m - left.len(), right), vec![mth(left)]].concat()
    }
}

/// SUBPROOF of RFC 6962, section 2.1.2; PROOF where `whole` is true.
pub(crate) fn subproof(m: usize, entries: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == entries.len() {
        return if whole { vec![] } else { vec![mth(entries)] };
    }
    let (left, right) = entries.split_at(k(entries.len()));
    if m <= left.len() {
        [subproof(m, left, whole), vec![mth(right)]].concat()
    } else {
        [subproof(m - left.len(), right, false), vec![mth(left)]].concat()
    }
}

pub(crate) type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

/// The same tree, made by ct-merkle.
pub(crate) fn theirs(entries: &[Vec<u8>]) -> Theirs {
    let mut tree = Theirs::new();
    entries.iter().cloned().for_each(|entry| tree.push(entry));
    tree
}

/// Our tree in their words.
pub(crate) fn their_root(tree: &Tree) -> RootHash<Sha256> {
    RootHash::new(tree.root.into(), tree.size)
}

/// Their bytes as hashes.
pub(crate) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.to_vec()
}
