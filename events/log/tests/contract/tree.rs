//! The arithmetic of the tree, against the published roots and against RFC 6962 word for word.

use std::{collections::BTreeMap, num::NonZeroUsize};

use hmac::{Hmac, KeyInit, Mac};
use meguri_log::{BadFrontier, Entry, Frontier, Position, Root};
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The worked example of formats.md.
#[derive(Deserialize)]
struct Vectors {
    entry_0_hex: String,
    leaf_0_hex: String,
    roots_base64: BTreeMap<usize, Root>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../formats-vectors.json")).unwrap()
}

/// Entry i of the worked example: `0x01 ‖ HMAC-SHA256(32 bytes of i mod 256, decimal i)`.
fn entry(index: usize) -> Entry {
    let key = [u8::try_from(index % 256).unwrap(); 32];
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(index.to_string().as_bytes());
    let mut entry = [1; 33];
    entry[1..].copy_from_slice(&mac.finalize().into_bytes());
    entry
}

fn entries(count: usize) -> Vec<Entry> {
    (0..count).map(entry).collect()
}

fn frontier(entries: &[Entry]) -> Frontier {
    let mut frontier = Frontier::default();
    frontier.extend(entries);
    frontier
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// MTH as RFC 6962, section 2.1, defines it.
fn tree_hash(entries: &[Entry]) -> [u8; 32] {
    match entries {
        [] => sha256(&[]),
        [entry] => sha256(&[&[0], entry]),
        _ => {
            // The largest power of two smaller than n.
            let middle = 1 << (entries.len() - 1).ilog2();
            let (left, right) = entries.split_at(middle);
            sha256(&[&[1], &tree_hash(left), &tree_hash(right)])
        }
    }
}

#[test]
fn the_roots_are_those_that_were_published() {
    let vectors = vectors();
    assert_eq!(hex::encode(entry(0)), vectors.entry_0_hex);
    let leaf = Root(hex::decode(vectors.leaf_0_hex).unwrap().try_into().unwrap());
    assert_eq!(frontier(&entries(1)).root(), leaf);
    assert_eq!(vectors.roots_base64.len(), 12);
    let all = entries(*vectors.roots_base64.keys().max().unwrap());
    let mut one_by_one = Frontier::default();
    for (size, root) in vectors.roots_base64 {
        let so_far = usize::try_from(one_by_one.size()).unwrap();
        one_by_one.extend(&all[so_far..size]);
        assert_eq!(one_by_one.root(), root, "of {size} entries");
        assert_eq!(one_by_one.position(), Position::new(size as u64));
        assert_eq!(frontier(&all[..size]), one_by_one);
    }
}

#[test]
fn a_root_is_written_in_base64() {
    let empty = Frontier::default().root();
    let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert_eq!(empty.to_string(), text);
    assert_eq!(serde_json::to_value(empty).unwrap(), text);
    assert_eq!(text.parse(), Ok(empty));
    for bad in ["", "47DE", &text[1..], "not base64"] {
        assert!(bad.parse::<Root>().is_err(), "{bad}");
    }
}

#[test]
fn the_frontier_is_stored_as_its_size_and_the_roots_of_its_perfect_subtrees() {
    let entries = entries(7);
    let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 7];
    for perfect in [&entries[..4], &entries[4..6], &entries[6..]] {
        expected.extend(tree_hash(perfect));
    }
    assert_eq!(frontier(&entries).to_bytes(), expected);
    assert_eq!(Frontier::default().to_bytes(), [0; 8]);
}

#[test]
fn bytes_that_are_no_frontier_are_refused() {
    let good = frontier(&entries(7)).to_bytes();
    let of_size = |size: u64, rest: &[u8]| [size.to_be_bytes().as_slice(), rest].concat();
    let roots = &good[8..];
    for bad in [
        vec![],
        vec![0; 7],
        vec![0; 9],
        of_size(0, roots),
        of_size(6, roots),
        of_size(15, roots),
        of_size(7, &roots[1..]),
        of_size(7, &roots[32..]),
        [good.as_slice(), &[0]].concat(),
        of_size(1 << 63, &roots[..32]),
    ] {
        assert_eq!(Frontier::from_bytes(&bad), Err(BadFrontier), "{bad:?}");
    }
}

#[test]
fn a_root_tells_a_tree_only_together_with_its_size() {
    let seven = frontier(&entries(7));
    let mut bytes = seven.to_bytes();
    bytes[7] = 11;
    let eleven = Frontier::from_bytes(&bytes).unwrap();
    assert_eq!(eleven.root(), seven.root());
    assert_ne!(eleven, seven);
}

proptest! {
    #[test]
    fn any_way_of_taking_entries_in_gives_the_root_of_rfc_6962(
        entries in prop::collection::vec(any::<[u8; 32]>(), 0..300),
        step in any::<NonZeroUsize>(),
    ) {
        let entries: Vec<Entry> = entries
            .iter()
            .map(|hash| [&[1], hash.as_slice()].concat().try_into().unwrap())
            .collect();
        let mut one_by_one = Frontier::default();
        for entry in &entries {
            one_by_one.push(entry);
        }
        let mut in_parts = Frontier::default();
        for part in entries.chunks(step.get() % 97 + 1) {
            // Each part goes on from what was stored of the one before.
            in_parts = Frontier::from_bytes(&in_parts.to_bytes()).unwrap();
            in_parts.extend(part);
        }
        prop_assert_eq!(&in_parts, &one_by_one);
        prop_assert_eq!(&frontier(&entries), &one_by_one);
        prop_assert_eq!(one_by_one.root(), Root(tree_hash(&entries)));
    }

    #[test]
    fn a_skipped_repeated_altered_or_swapped_entry_changes_the_root(
        count in 2_usize..200,
        at in any::<prop::sample::Index>(),
        bit in 0_usize..264,
    ) {
        let good = entries(count);
        let root = frontier(&good).root();
        let at = at.index(count);
        let (mut skipped, mut repeated) = (good.clone(), good.clone());
        let (mut altered, mut swapped) = (good.clone(), good);
        skipped.remove(at);
        repeated.insert(at, repeated[at]);
        altered[at][bit / 8] ^= 1 << (bit % 8);
        swapped.swap(at, (at + 1) % count);
        for other in [skipped, repeated, altered, swapped] {
            prop_assert_ne!(frontier(&other).root(), root);
        }
    }
}
