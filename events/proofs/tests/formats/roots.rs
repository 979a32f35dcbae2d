//! The root of a tree is what formats.md, the RFC and other programs say.

use meguri_proofs::{Builder, Hash, Tree, hash_from_base64, hash_to_base64, leaf, node, root};
use sha2::{Digest, Sha256};

use crate::{
    entries::{entries, entry},
    oracle,
};

/// From formats-vectors.json.
const ROOTS: [(u64, &str); 12] = [
    (0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    (1, "dHfpX/E3Tp5sTDxjxfnls1Xq67RurmzfF6ZZLkrDdag="),
    (2, "NkdzjJ8GG0KK/on4INNZdUdSh8a2H/PodlHx8k4C+j4="),
    (3, "ltb5INXqdD26my1O7lXQ9XXye7h87uEolkY2bDicBUQ="),
    (4, "HksbR+E4u7lUsdNmJxQUyu6CRBikPc81c8Ou+8bBFIQ="),
    (5, "0SeiQgxiCycaE68Hc0sK/Lklt6z0gBPgHiXKuOydxto="),
    (255, "Yri3PPQ2Ex+HgIooFaEa98NioebNxdAJJk6xwQ0VEe4="),
    (256, "2iVJSuusA9FoL0P1M1kqnyKS7dXHHTPI+bzyH5gPqiw="),
    (257, "PMZahEoQjllPFpeTacDAwM9+gJZ/0qKjQdYcDJvPyk4="),
    (1000, "xL6hDsMu4g0/n0Oa1bEND2oPEbvtOPi06seiMlO6iII="),
    (65536, "QBKdSPSEI9z02vE5l4sCV5xeFLP/qZv1Iim/P75pl50="),
    (65537, "nap+pWVuE8KxZ207DGN/3FhZvFr+8O8KTBHb3XizTh8="),
];

#[test]
fn the_roots_are_those_of_the_worked_example() {
    let mut builder = Builder::default();
    for (size, expected) in ROOTS {
        for next in builder.tree().size..size {
            builder.push(&entry(next)).unwrap();
        }
        assert_eq!(hash_to_base64(&builder.tree().root), expected, "{size}");
    }
}

#[test]
fn the_first_entry_and_its_leaf_are_those_of_the_worked_example() {
    assert_eq!(
        hex::encode(entry(0)),
        "019979e4c3ee19965f9ecc6dca6b3954b10c18c1bfa105c512cc3ae58be85db71c"
    );
    assert_eq!(
        hex::encode(leaf(&entry(0))),
        "7477e95ff1374e9e6c4c3c63c5f9e5b355eaebb46eae6cdf17a6592e4ac375a8"
    );
}

#[test]
fn the_empty_tree_has_the_hash_of_nothing() {
    let nothing: Hash = Sha256::digest([]).into();
    assert_eq!(Tree::EMPTY.root, nothing);
    assert_eq!(Builder::default().tree(), Tree::EMPTY);
    assert_eq!(root(&[]), nothing);
}

#[test]
fn roots_are_those_of_the_definition_and_of_another_program_at_every_size() {
    let all = entries(600);
    let mut theirs = oracle::theirs(&[]);
    let mut builder = Builder::default();
    let leaves: Vec<_> = all.iter().map(|entry| leaf(entry)).collect();
    for (size, entry) in (1..).zip(&all) {
        theirs.push(entry.clone());
        builder.push(entry).unwrap();
        let tree = builder.tree();
        assert_eq!(tree.size, size);
        let size = usize::try_from(size).unwrap();
        assert_eq!(tree.root, oracle::mth(&all[..size]), "{size}");
        assert_eq!(tree.root, root(&leaves[..size]), "{size}");
        assert_eq!(oracle::their_root(&tree), theirs.root(), "{size}");
    }
}

#[test]
fn a_leaf_cannot_be_taken_for_a_node() {
    let [left, right] = [leaf(b"left"), leaf(b"right")];
    let looks_like_a_node = [left.as_slice(), &right].concat();
    assert_ne!(leaf(&looks_like_a_node), node(&left, &right));
    assert_ne!(node(&left, &right), node(&right, &left));
}

#[test]
fn a_hash_is_read_from_its_one_text_only() {
    let hash = leaf(b"an entry");
    let text = hash_to_base64(&hash);
    assert_eq!(hash_from_base64(&text), Some(hash));
    let longer = format!("{text}\n");
    let unpadded = text.trim_end_matches('=');
    // The last character before the padding carries two bits that mean nothing and must be zero.
    let stray_bits = text.replace('=', "").split_at(42).0.to_owned() + "B=";
    let shorter = &text[4..];
    for wrong in [
        "",
        shorter,
        unpadded,
        &stray_bits,
        &longer,
        &text.replace('=', "=="),
    ] {
        assert_eq!(hash_from_base64(wrong), None, "{wrong:?}");
    }
}
