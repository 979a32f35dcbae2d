//! A proof of inclusion holds for its entry at its place in its tree, and for nothing else.

use ct_merkle::InclusionProof;
use meguri_proofs::{MissingTile, Plan, PlanError, Proof, ProofError, Tile, Tree, leaf};

use crate::{
    entries::{Site, entries, entry},
    oracle,
};

fn prove(site: &Site, index: u64) -> Proof {
    let plan = Plan::inclusion(index, site.tree().size).unwrap();
    plan.proof(|tile| site.tile(tile)).unwrap()
}

#[test]
fn every_entry_of_every_small_tree_is_proven_as_the_definition_has_it() {
    let all = entries(300);
    for size in 1..=all.len() {
        let entries = &all[..size];
        let site = Site::of(entries);
        let theirs = oracle::theirs(entries);
        for (index, entry) in entries.iter().enumerate() {
            let proof = prove(&site, index as u64);
            let their_proof = theirs.prove_inclusion(index);
            assert_eq!(proof.hashes(), oracle::hashes(their_proof.as_bytes()));
            proof
                .verify_inclusion(&leaf(entry), index as u64, &site.tree())
                .unwrap();
            if size % 29 == 0 {
                assert_eq!(proof.hashes(), oracle::path(index, entries));
            }
        }
    }
}

#[test]
fn entries_of_a_tree_of_three_levels_of_tiles_are_proven_and_another_program_agrees() {
    let all = entries(65_900);
    let site = Site::of(&all);
    let theirs = oracle::theirs(&all);
    let root = oracle::their_root(&site.tree());
    assert_eq!(root, theirs.root());
    for index in [
        0, 1, 255, 256, 40_000, 65_535, 65_536, 65_791, 65_792, 65_899,
    ] {
        let proof = prove(&site, index);
        let at = usize::try_from(index).unwrap();
        assert_eq!(
            proof.hashes(),
            oracle::hashes(theirs.prove_inclusion(at).as_bytes())
        );
        proof
            .verify_inclusion(&leaf(&all[at]), index, &site.tree())
            .unwrap();
        let for_them = InclusionProof::from_bytes(proof.hashes().as_flattened().to_vec());
        root.verify_inclusion(&all[at], index, &for_them).unwrap();
    }
}

#[test]
fn a_plan_asks_for_all_the_tiles_it_reads_and_for_no_other() {
    for (index, size) in [
        (0, 1),
        (0, 256),
        (255, 256),
        (300, 1000),
        (999, 1000),
        (40_000, 65_900),
    ] {
        let site = Site::of(&entries(size));
        let plan = Plan::inclusion(index, size).unwrap();
        let needed = plan.tiles();
        assert!(needed.iter().all(|tile| site.tiles.contains_key(tile)));
        let only_needed = |tile| needed.contains(&tile).then(|| site.tile(tile)).flatten();
        plan.proof(only_needed).unwrap();
        for missing in &needed {
            let others = |tile| (tile != *missing).then(|| site.tile(tile)).flatten();
            assert_eq!(plan.proof(others), Err(MissingTile(*missing)));
        }
    }
    let tiles = Plan::inclusion(0, 1).unwrap().tiles();
    assert!(tiles.is_empty(), "the only entry needs no proof");
}

#[test]
fn a_proof_is_made_of_wider_tiles_where_the_partial_ones_are_gone() {
    let large = Site::of(&entries(66_000));
    let small = Site::of(&entries(700));
    let full = |tile: Tile| large.tile(Tile::new(tile.level(), tile.index(), 256).unwrap());
    let proof = Plan::inclusion(699, 700).unwrap().proof(full).unwrap();
    assert_eq!(proof, prove(&small, 699));
}

#[test]
fn no_proof_is_made_for_an_entry_that_is_not_there() {
    for (index, size) in [(0, 0), (1, 1), (700, 700), (u64::MAX, u64::MAX)] {
        assert_eq!(
            Plan::inclusion(index, size),
            Err(PlanError::NoSuchEntry { index, size })
        );
        let tree = Tree {
            size,
            root: leaf(b""),
        };
        assert_eq!(
            Proof::default().verify_inclusion(&leaf(b""), index, &tree),
            Err(ProofError::NoSuchEntry { index, size })
        );
    }
}

#[test]
fn a_proof_with_any_one_byte_changed_fails() {
    for size in [2_u64, 3, 8, 130, 257, 700] {
        let site = Site::of(&entries(size));
        for index in [0, 1, size / 2, size - 1] {
            let leaf = leaf(&entry(index));
            let proof = prove(&site, index);
            let bytes = proof.hashes().as_flattened();
            for at in 0..bytes.len() {
                let mut changed = bytes.to_vec();
                changed[at] ^= 1 << (at % 8);
                let changed = Proof::new(oracle::hashes(&changed));
                let result = changed.verify_inclusion(&leaf, index, &site.tree());
                assert!(
                    matches!(result, Err(ProofError::Root { .. })),
                    "{size} {index} {at}"
                );
            }
            for at in 0..32 {
                let (mut other, mut tree) = (leaf, site.tree());
                other[at] ^= 0x80;
                proof.verify_inclusion(&other, index, &tree).unwrap_err();
                tree.root[at] ^= 0x80;
                proof.verify_inclusion(&leaf, index, &tree).unwrap_err();
            }
        }
    }
}

#[test]
fn a_proof_fails_for_every_other_place_and_for_every_other_tree() {
    let all = entries(70);
    let sites: Vec<_> = (0..=all.len()).map(|size| Site::of(&all[..size])).collect();
    for site in &sites[1..] {
        for index in 0..site.tree().size {
            let leaf = leaf(&all[usize::try_from(index).unwrap()]);
            let proof = prove(site, index);
            for other in (0..=site.tree().size).filter(|other| *other != index) {
                proof
                    .verify_inclusion(&leaf, other, &site.tree())
                    .unwrap_err();
            }
            for other in sites.iter().filter(|other| other.tree() != site.tree()) {
                proof
                    .verify_inclusion(&leaf, index, &other.tree())
                    .unwrap_err();
            }
        }
    }
}

#[test]
fn a_proof_that_is_too_long_or_too_short_says_so() {
    let site = Site::of(&entries(100));
    for index in 0..100 {
        let leaf = leaf(&entry(index));
        let proof = prove(&site, index);
        let expected = proof.hashes().len();
        let longer = Proof::new([proof.hashes(), &[leaf]].concat());
        let too_long = ProofError::Length {
            expected,
            found: expected + 1,
        };
        assert_eq!(
            longer.verify_inclusion(&leaf, index, &site.tree()),
            Err(too_long)
        );
        for found in 0..expected {
            let shorter = Proof::new(proof.hashes()[..found].to_vec());
            let too_short = ProofError::Length { expected, found };
            assert_eq!(
                shorter.verify_inclusion(&leaf, index, &site.tree()),
                Err(too_short)
            );
        }
    }
}

#[test]
fn a_node_within_the_tree_cannot_be_passed_off_as_an_entry() {
    let all = entries(4);
    let site = Site::of(&all);
    let pair = |at: usize| [leaf(&all[at]), leaf(&all[at + 1])].concat();
    // Two levels of four leaves look like one level of two, if leaves and nodes hash alike.
    let proof = Proof::new(vec![meguri_proofs::node(&leaf(&all[2]), &leaf(&all[3]))]);
    let tree = Tree {
        size: 2,
        ..site.tree()
    };
    proof
        .verify_inclusion(&leaf(&pair(0)), 0, &tree)
        .unwrap_err();
}

#[test]
fn proofs_of_the_largest_trees_are_verified_without_overflow() {
    for size in [1 << 63, (1 << 63) + 1, u64::MAX] {
        for index in [0, 1, size / 2, size - 2, size - 1] {
            let expected = Plan::inclusion(index, size).unwrap().tiles();
            assert!(
                expected
                    .iter()
                    .all(|tile| Tile::in_tree(tile.level(), tile.index(), size) == Some(*tile))
            );
            let tree = Tree {
                size,
                root: leaf(b""),
            };
            let result = Proof::default().verify_inclusion(&leaf(b""), index, &tree);
            assert!(matches!(result, Err(ProofError::Length { .. })));
        }
    }
}

#[test]
fn a_proof_is_one_line_of_base64_for_each_hash() {
    let site = Site::of(&entries(5));
    let text = prove(&site, 1).to_string();
    assert_eq!(
        text,
        "dHfpX/E3Tp5sTDxjxfnls1Xq67RurmzfF6ZZLkrDdag=\n\
         k3YU5TqrFm4MX1xZTVB4VZd84DebwcMaWwG+/xmSzFc=\n\
         oOMLnDQXJVtxqDz5+hmEFpdxb8GMnePY6jO1jaGOuZ0=\n"
    );
    assert_eq!(text.parse(), Ok(prove(&site, 1)));
    assert_eq!("".parse(), Ok(prove(&Site::of(&entries(1)), 0)));
}

#[test]
fn a_text_that_is_not_a_proof_is_refused() {
    use meguri_proofs::{BadProof, PROOF_HASHES_MAX};
    let line = "dHfpX/E3Tp5sTDxjxfnls1Xq67RurmzfF6ZZLkrDdag=\n";
    let refused = |text: &str| text.parse::<Proof>().unwrap_err();
    assert_eq!(refused(line.trim_end()), BadProof::CutOff);
    assert_eq!(refused("\n"), BadProof::Line { line: 1 });
    assert_eq!(refused(&format!("{line}\n")), BadProof::Line { line: 2 });
    assert_eq!(
        refused(&format!("{line} {line}")),
        BadProof::Line { line: 2 }
    );
    assert_eq!(
        refused(&line.replace('\n', "\r\n")),
        BadProof::Line { line: 1 }
    );
    assert_eq!(refused(&line.replace('=', "")), BadProof::Line { line: 1 });
    assert!(line.repeat(PROOF_HASHES_MAX).parse::<Proof>().is_ok());
    assert_eq!(
        refused(&line.repeat(PROOF_HASHES_MAX + 1)),
        BadProof::TooLong
    );
}
