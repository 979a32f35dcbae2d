//! A proof of consistency holds between two states of one log, and between no other two.

use ct_merkle::ConsistencyProof;
use meguri_proofs::{MissingTile, Plan, PlanError, Proof, ProofError, Tree, leaf};

use crate::{
    entries::{Site, entries},
    oracle,
};

fn prove(from: u64, site: &Site) -> Proof {
    let plan = Plan::consistency(from, site.tree().size).unwrap();
    plan.proof(|tile| site.tile(tile)).unwrap()
}

#[test]
fn every_two_states_of_a_small_log_are_proven_as_the_definition_has_it() {
    let all = entries(130);
    let sites: Vec<_> = (0..=all.len()).map(|size| Site::of(&all[..size])).collect();
    for (to, newer) in sites.iter().enumerate() {
        let theirs = oracle::theirs(&all[..to]);
        for (from, older) in sites[..=to].iter().enumerate() {
            let proof = prove(from as u64, newer);
            proof
                .verify_consistency(&older.tree(), &newer.tree())
                .unwrap();
            if from == 0 {
                assert!(proof.hashes().is_empty());
                continue;
            }
            let their_proof = theirs.prove_consistency(to - from);
            assert_eq!(
                proof.hashes(),
                oracle::hashes(their_proof.as_bytes()),
                "{from} {to}"
            );
            if to % 13 == 0 {
                assert_eq!(
                    proof.hashes(),
                    oracle::subproof(from, &all[..to], true),
                    "{from} {to}"
                );
            }
        }
    }
}

#[test]
fn states_of_a_log_of_three_levels_of_tiles_are_proven_and_another_program_agrees() {
    let all = entries(65_900);
    let newer = Site::of(&all);
    let theirs = oracle::theirs(&all);
    for from in [
        1, 255, 256, 257, 512, 40_000, 65_535, 65_536, 65_537, 65_899, 65_900,
    ] {
        let older = Site::of(&all[..from]).tree();
        let proof = prove(older.size, &newer);
        let their_proof = theirs.prove_consistency(all.len() - from);
        assert_eq!(proof.hashes(), oracle::hashes(their_proof.as_bytes()));
        proof.verify_consistency(&older, &newer.tree()).unwrap();
        let bytes = proof.hashes().as_flattened().to_vec();
        let for_them = ConsistencyProof::try_from_bytes(bytes).unwrap();
        let [older, newer] = [older, newer.tree()].map(|tree| oracle::their_root(&tree));
        newer.verify_consistency(&older, &for_them).unwrap();
    }
}

#[test]
fn a_plan_asks_for_all_the_tiles_it_reads_and_for_no_other() {
    for (from, to) in [
        (0, 10),
        (10, 10),
        (1, 300),
        (256, 700),
        (699, 700),
        (40_000, 65_900),
    ] {
        let site = Site::of(&entries(to));
        let plan = Plan::consistency(from, to).unwrap();
        let needed = plan.tiles();
        assert_eq!(needed.is_empty(), from == 0 || from == to);
        let only_needed = |tile| needed.contains(&tile).then(|| site.tile(tile)).flatten();
        plan.proof(only_needed).unwrap();
        for missing in &needed {
            let others = |tile| (tile != *missing).then(|| site.tile(tile)).flatten();
            assert_eq!(plan.proof(others), Err(MissingTile(*missing)));
        }
    }
}

#[test]
fn a_log_that_has_become_shorter_is_refused() {
    let [short, long] = [7, 8].map(|size| Site::of(&entries(size)).tree());
    assert_eq!(
        Plan::consistency(8, 7),
        Err(PlanError::Shrunk { from: 8, to: 7 })
    );
    assert_eq!(
        Proof::default().verify_consistency(&long, &short),
        Err(ProofError::Shrunk { from: 8, to: 7 })
    );
}

#[test]
fn a_proof_with_any_one_byte_changed_fails() {
    for (from, to) in [
        (1, 2),
        (3, 4),
        (4, 7),
        (6, 130),
        (64, 130),
        (129, 130),
        (300, 700),
    ] {
        let newer = Site::of(&entries(to));
        let older = Site::of(&entries(from)).tree();
        let proof = prove(from, &newer);
        let newer = newer.tree();
        let bytes = proof.hashes().as_flattened();
        assert!(!bytes.is_empty());
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            let changed = Proof::new(oracle::hashes(&changed));
            let result = changed.verify_consistency(&older, &newer);
            assert!(result.is_err(), "{from} {to} {at}");
        }
        for at in 0..32 {
            let (mut other, mut others) = (older, newer);
            other.root[at] ^= 1;
            proof.verify_consistency(&other, &newer).unwrap_err();
            others.root[at] ^= 1;
            proof.verify_consistency(&older, &others).unwrap_err();
        }
    }
}

#[test]
fn a_proof_fails_for_every_other_older_and_every_other_newer_tree() {
    let all = entries(33);
    let sites: Vec<_> = (0..=all.len()).map(|size| Site::of(&all[..size])).collect();
    for newer in &sites {
        for older in &sites[1..=usize::try_from(newer.tree().size).unwrap()] {
            let (older, newer, proof) =
                (older.tree(), newer.tree(), prove(older.tree().size, newer));
            for other in sites.iter().map(Site::tree) {
                // Of the empty tree and of the tree itself there is nothing to prove.
                let trivial = |one: &Tree, two: &Tree| {
                    proof.hashes().is_empty() && (one.size == 0 || one == two)
                };
                if other != older && !trivial(&other, &newer) {
                    proof.verify_consistency(&other, &newer).unwrap_err();
                }
                if other != newer && !trivial(&older, &other) {
                    proof.verify_consistency(&older, &other).unwrap_err();
                }
            }
        }
    }
}

#[test]
fn a_log_in_which_any_one_entry_was_changed_is_not_what_the_older_one_became() {
    let honest = entries(40);
    let older = Site::of(&honest[..21]).tree();
    for changed in 0..21 {
        let mut forked = honest.clone();
        forked[changed] = b"another entry".to_vec();
        let forked = Site::of(&forked);
        let result = prove(21, &forked).verify_consistency(&older, &forked.tree());
        assert!(
            matches!(result, Err(ProofError::OlderRoot { .. })),
            "{changed}"
        );
    }
    for changed in 21..40 {
        let mut other = honest.clone();
        other[changed] = b"another entry".to_vec();
        let other = Site::of(&other);
        prove(21, &other)
            .verify_consistency(&older, &other.tree())
            .unwrap();
        let result = prove(21, &other).verify_consistency(&older, &Site::of(&honest).tree());
        assert!(matches!(result, Err(ProofError::Root { .. })), "{changed}");
    }
}

#[test]
fn a_proof_that_is_too_long_or_too_short_says_so() {
    let all = entries(50);
    let newer = Site::of(&all);
    for from in 0..=all.len() {
        let older = Site::of(&all[..from]).tree();
        let proof = prove(older.size, &newer);
        let expected = proof.hashes().len();
        let verify = |hashes: Vec<_>| Proof::new(hashes).verify_consistency(&older, &newer.tree());
        let found = expected + 1;
        let longer = [proof.hashes(), &[leaf(b"")]].concat();
        assert_eq!(verify(longer), Err(ProofError::Length { expected, found }));
        for found in 0..expected {
            let shorter = proof.hashes()[..found].to_vec();
            assert_eq!(verify(shorter), Err(ProofError::Length { expected, found }));
        }
    }
}

#[test]
fn two_trees_of_one_size_are_one_tree_or_a_fork() {
    let tree = Site::of(&entries(9)).tree();
    let nothing = Proof::default();
    nothing.verify_consistency(&tree, &tree).unwrap();
    let root = leaf(b"another root");
    let fork = Tree { root, ..tree };
    let result = nothing.verify_consistency(&tree, &fork);
    assert!(matches!(result, Err(ProofError::OlderRoot { .. })));
}

#[test]
fn every_log_began_empty_and_with_the_root_of_nothing() {
    let tree = Site::of(&entries(9)).tree();
    let nothing = Proof::default();
    nothing.verify_consistency(&Tree::EMPTY, &tree).unwrap();
    let root = leaf(b"something");
    let not_empty = Tree { size: 0, root };
    nothing.verify_consistency(&not_empty, &tree).unwrap_err();
    nothing
        .verify_consistency(&Tree::EMPTY, &not_empty)
        .unwrap_err();
}

#[test]
fn proofs_of_the_largest_trees_are_verified_without_overflow() {
    let root = leaf(b"");
    for to in [1 << 63, (1 << 63) + 1, u64::MAX] {
        for from in [1, 3, to / 2, to - 1] {
            assert!(!Plan::consistency(from, to).unwrap().tiles().is_empty());
            let [older, newer] = [from, to].map(|size| Tree { size, root });
            let result = Proof::default().verify_consistency(&older, &newer);
            assert!(
                matches!(result, Err(ProofError::Length { .. })),
                "{from} {to}"
            );
        }
    }
}
