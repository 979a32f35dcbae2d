//! A witness signs one checkpoint at one time, and what it signed holds for no other.

use meguri_proofs::{
    Checkpoint, CosignatureError, Cosigner, Note, Signature, SignerKey, Tree, VerifyError,
    WitnessKey, cosigners, leaf,
};

use crate::checkpoints::{ARCHE, signer};

const REMORA: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
/// 2026-05-23T21:50:24Z, in seconds since 1970.
const SEEN: u64 = 0x6a12_2120;

fn checkpoint(size: u64) -> Checkpoint {
    let root = leaf(b"some root");
    Checkpoint::new("log.example.org", Tree { size, root }).unwrap()
}

fn witness(name: &str, seed: u8) -> Cosigner {
    Cosigner::new(signer(name, seed))
}

#[test]
fn a_witness_of_the_public_network_is_verified_with_its_time() {
    let note = Note::parse(ARCHE).unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    let remora: [WitnessKey; 1] = [REMORA.parse().unwrap()];
    let found = cosigners(&checkpoint, note.signatures(), &remora).unwrap();
    assert_eq!(found, [(&remora[0], SEEN)]);
}

#[test]
fn the_example_of_the_standard_has_its_time_before_its_signature() {
    let line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9\
                dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
    let signature: Signature = line.parse().unwrap();
    let (time, rest) = signature.bytes().split_first_chunk().unwrap();
    assert_eq!((u64::from_be_bytes(*time), rest.len()), (1_679_315_147, 64));
    assert_eq!(signature.to_string(), line);
}

#[test]
fn what_a_witness_signs_is_verified_with_the_time_it_signed_at() {
    let witness = witness("witness.example.org", 3);
    for time in [0, 1, SEEN, i64::MAX.unsigned_abs()] {
        let signature = witness.sign(&checkpoint(9), time).unwrap();
        assert_eq!(
            witness.verifier().verify(&checkpoint(9), &signature),
            Ok(time)
        );
    }
    for time in [i64::MAX.unsigned_abs() + 1, u64::MAX] {
        let error = CosignatureError::Time(time);
        assert_eq!(witness.sign(&checkpoint(9), time), Err(error));
    }
}

#[test]
fn a_cosignature_holds_for_no_other_checkpoint() {
    let witness = witness("witness.example.org", 3);
    let signature = witness.sign(&checkpoint(9), SEEN).unwrap();
    let tree = *checkpoint(9).tree();
    let root = leaf(b"another root");
    for other in [
        checkpoint(10),
        Checkpoint::new("other.example.org", tree).unwrap(),
        Checkpoint::new("log.example.org", Tree { root, ..tree }).unwrap(),
        format!("{}an extension\n", checkpoint(9)).parse().unwrap(),
    ] {
        let result = witness.verifier().verify(&other, &signature);
        assert!(
            matches!(result, Err(CosignatureError::Forged { .. })),
            "{other}"
        );
    }
}

#[test]
fn a_cosignature_with_any_one_bit_changed_fails() {
    let witness = witness("witness.example.org", 3);
    let key = witness.verifier();
    let signature = witness.sign(&checkpoint(9), SEEN).unwrap();
    let line = signature.to_string();
    let (prefix, base64) = line.rsplit_once(' ').unwrap();
    for at in 0..base64.len() {
        for other in ["A", "B", "b", "9", "/"] {
            let changed = format!("{prefix} {}{other}{}", &base64[..at], &base64[at + 1..]);
            let Ok(changed) = changed.parse::<Signature>() else {
                continue;
            };
            let verified = key.verify(&checkpoint(9), &changed).is_ok();
            assert_eq!(verified, changed == signature, "{at} {other}");
        }
    }
    let short = format!("{prefix} {}", &base64[..16]).parse().unwrap();
    key.verify(&checkpoint(9), &short).unwrap_err();
}

#[test]
fn a_stranger_is_not_taken_for_the_witness() {
    let [witness, stranger] = [3, 4].map(|seed| witness("witness.example.org", seed));
    let signature = stranger.sign(&checkpoint(9), SEEN).unwrap();
    assert_eq!(
        witness.verifier().verify(&checkpoint(9), &signature),
        Err(CosignatureError::Stranger {
            name: signature.name().clone(),
            id: signature.key_id()
        })
    );
}

#[test]
fn a_cosignature_is_not_a_signature_of_the_log_nor_the_other_way_round() {
    let text = checkpoint(9).to_string();
    let secret = || signer("log.example.org", 5);
    let witness = Cosigner::new(secret());
    assert_ne!(witness.verifier().id(), secret().verifier().id());
    let signed = Note::sign(&text, &secret()).unwrap();
    let by_log = &signed.signatures()[0];
    assert!(matches!(
        witness.verifier().verify(&checkpoint(9), by_log),
        Err(CosignatureError::Stranger { .. })
    ));
    let by_witness = witness.sign(&checkpoint(9), SEEN).unwrap();
    let both = signed.with(by_witness.clone()).unwrap();
    assert_eq!(both.signatures().len(), 2);
    let stranger = signer("log.example.org", 6);
    let cosigned_only = Note::sign(&text, &stranger)
        .unwrap()
        .with(by_witness)
        .unwrap();
    assert_eq!(
        cosigned_only.verify(&[secret().verifier()]),
        Err(VerifyError::Unknown)
    );
}

#[test]
fn a_quorum_counts_every_witness_once_and_nobody_else() {
    let [a, b, c] = [("a", 10), ("b", 11), ("c", 12)].map(|(name, seed)| witness(name, seed));
    let keys = [a.verifier(), b.verifier()];
    let sign = |witness: &Cosigner, time| witness.sign(&checkpoint(9), time).unwrap();
    let signatures = [sign(&b, 7), sign(&c, 8), sign(&b, 9)];
    let found = cosigners(&checkpoint(9), &signatures, &keys).unwrap();
    assert_eq!(found, [(&keys[1], 7)]);
    assert_eq!(cosigners(&checkpoint(9), &[], &keys), Ok(vec![]));
    assert!(cosigners(&checkpoint(10), &signatures, &keys).is_err());
}

#[test]
fn one_key_under_two_names_is_one_witness() {
    let [a, b] = ["a", "b"].map(|name| witness(name, 10));
    let keys = [a.verifier(), b.verifier()];
    let signatures = [&a, &b].map(|witness| witness.sign(&checkpoint(9), SEEN).unwrap());
    let found = cosigners(&checkpoint(9), &signatures, &keys).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_witness_does_not_show_its_secret() {
    let secret = SignerKey::from_seed("w".parse().unwrap(), &[1; 32]);
    let shown = format!("{:?}", Cosigner::new(secret));
    assert!(shown.starts_with("Cosigner(w+") && shown.len() == "Cosigner(w+01234567)".len());
}
