//! A published log: each of its files is checked against what was signed.

use std::collections::BTreeMap;

use meguri_evidence::{Check, Report, Verdict};
use meguri_proofs::{Builder, Bundle, Piece, Published, SignerKey, Tree};

use crate::scene::{signed, signer};

/// Everything that a log of so many entries publishes, by path.
fn published(size: u32) -> (BTreeMap<String, Vec<u8>>, Tree) {
    let mut builder = Builder::default();
    let mut pieces = Vec::new();
    for number in 0..size {
        pieces.extend(builder.push(&number.to_be_bytes()).unwrap());
    }
    pieces.extend(builder.edge());
    let files = pieces
        .iter()
        .map(|piece: &Piece| (piece.path(), piece.bytes().to_vec()));
    (files.collect(), builder.tree())
}

fn check(files: &BTreeMap<String, Vec<u8>>, tree: Tree, key: Option<&SignerKey>) -> Report {
    let verifier = key.map(SignerKey::verifier);
    let mut check = Check::begin(signed(tree, &signer(1)).as_bytes(), verifier.as_ref()).unwrap();
    let mut asked = Vec::new();
    while let Some(wanted) = check.wants() {
        check.give(files.get(&wanted.to_string()).map(Vec::as_slice));
        asked.push(wanted);
    }
    assert!(asked.len() <= files.len() + 1, "nothing is asked for twice");
    check.finish()
}

fn codes(report: &Report) -> Vec<String> {
    let codes = report
        .findings
        .iter()
        .map(|it| format!("{} {}", it.code.code(), it.at));
    codes.collect()
}

#[test]
fn a_log_of_any_size_is_sound_when_every_file_is_as_it_was_signed() {
    for size in [0, 1, 255, 256, 257, 1_000, 70_000] {
        let (files, tree) = published(size);
        let report = check(&files, tree, Some(&signer(1)));
        assert_eq!(report.verdict(), Verdict::Sound, "{size}: {report}");
        let report = check(&files, tree, None);
        assert_eq!(report.verdict(), Verdict::CannotTell, "{size}: {report}");
        let report = check(&files, tree, Some(&signer(2)));
        assert_eq!(codes(&report), ["bad-signature checkpoint"]);
    }
}

#[test]
fn every_file_that_was_changed_or_is_missing_is_named() {
    let (files, tree) = published(700);
    for path in files.keys() {
        let mut changed = files.clone();
        *changed.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
        let report = check(&changed, tree, Some(&signer(1)));
        let found = codes(&report);
        let bundle = path.parse::<Published>().unwrap();
        if matches!(bundle, Published::Bundle(_)) {
            assert!(
                found.contains(&"root-differs checkpoint".to_owned()),
                "{path}: {found:?}"
            );
        } else {
            assert_eq!(found, [format!("tile-differs {path}")]);
        }
        changed.remove(path);
        let report = check(&changed, tree, Some(&signer(1)));
        assert_eq!(codes(&report), [format!("missing-file {path}")]);
    }
}

#[test]
fn a_log_that_was_cut_or_forked_does_not_lead_to_the_signed_root() {
    let (files, _) = published(300);
    let (_, other) = published(299);
    let fork = Tree {
        size: 300,
        root: other.root,
    };
    assert_eq!(
        codes(&check(&files, fork, Some(&signer(1)))),
        ["root-differs checkpoint"]
    );
    let longer = Tree {
        size: 301,
        root: other.root,
    };
    let wanted = Bundle::new(1, 45).unwrap();
    let report = check(&files, longer, Some(&signer(1)));
    assert_eq!(codes(&report), [format!("missing-file {wanted}")]);
}

#[test]
fn what_is_no_checkpoint_ends_the_check() {
    let report = Check::begin(b"no note", None).unwrap_err();
    assert_eq!(codes(&report), ["bad-checkpoint checkpoint"]);
}
