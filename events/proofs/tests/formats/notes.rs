//! A note is believed if a known key signed it, as it stands there, and not otherwise.

use std::slice::from_ref;

use meguri_proofs::{
    NOTE_BYTES_MAX, Note, NoteError, SIGNATURES_MAX, Signature, SignerKey, VerifierKey, VerifyError,
};

use crate::keys::{ENOCH, PETER, PETER_SECRET};

const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
/// The signatures of the examples of Go's `note`.
const BY_PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFY\
                        C2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const BY_ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGr\
                        Q5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn keys(texts: &[&str]) -> Vec<VerifierKey> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn note(signatures: &str) -> String {
    format!("{TEXT}\n{signatures}")
}

#[test]
fn the_example_of_go_is_signed_byte_for_byte() {
    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    assert_eq!(Note::sign(TEXT, &key).unwrap().to_string(), note(BY_PETER));
}

#[test]
fn the_example_of_the_standard_is_verified() {
    let key = keys(&["example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"]);
    let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6\
                TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let note = Note::parse(note).unwrap();
    assert_eq!(note.verify(&key).unwrap(), [&key[0]]);
}

#[test]
fn who_is_known_is_told_and_strangers_are_kept_and_passed_over() {
    let both = Note::parse(note(&[BY_PETER, BY_ENOCH].concat())).unwrap();
    let [peter, enoch] = [PETER, ENOCH].map(|key| key.parse::<VerifierKey>().unwrap());
    let names = |keys: &[VerifierKey]| -> Vec<String> {
        let signers = both.verify(keys).unwrap();
        signers.iter().map(|key| key.name().to_string()).collect()
    };
    assert_eq!(names(from_ref(&peter)), ["PeterNeumann"]);
    assert_eq!(names(from_ref(&enoch)), ["EnochRoot"]);
    assert_eq!(names(&[enoch, peter]), ["PeterNeumann", "EnochRoot"]);
    assert_eq!(both.verify(&[]), Err(VerifyError::Unknown));
    assert_eq!(both.text(), TEXT);
    assert_eq!(both.signatures().len(), 2);
    assert_eq!(both.to_string(), note(&[BY_PETER, BY_ENOCH].concat()));
}

#[test]
fn who_signed_twice_counts_once() {
    let twice = Note::parse(note(&BY_PETER.repeat(2))).unwrap();
    let peter = keys(&[PETER, PETER]);
    assert_eq!(twice.verify(&peter).unwrap(), [&peter[0]]);
}

#[test]
fn a_signature_that_a_known_key_did_not_make_spoils_the_note() {
    let known = keys(&[PETER, ENOCH]);
    let [peter, enoch] =
        [BY_PETER, BY_ENOCH].map(|line| line.trim_end().parse::<Signature>().unwrap());
    // Enoch's signature under Peter's name and id.
    let line = peter.to_string();
    let prefix = &line[..line.len() - 4];
    let forged = format!("{prefix}AAA=\n{BY_ENOCH}");
    let forged = Note::parse(note(&forged)).unwrap();
    let by_peter = VerifyError::Forged {
        name: peter.name().clone(),
        id: peter.key_id(),
    };
    assert_eq!(forged.verify(&known), Err(by_peter));
    assert_eq!(forged.verify(&known[1..]).unwrap(), [&known[1]]);
    assert_ne!(peter.bytes(), enoch.bytes());
}

#[test]
fn a_name_or_an_id_alone_does_not_make_a_key_known() {
    let known = keys(&[PETER]);
    for stranger in [
        BY_PETER.replace("Peter", "Petra"),
        BY_PETER.replace("x08g", "x08A"),
    ] {
        let note = Note::parse(note(&stranger)).unwrap();
        assert_eq!(note.verify(&known), Err(VerifyError::Unknown), "{stranger}");
    }
}

#[test]
fn a_note_with_any_one_byte_changed_is_not_verified() {
    let original = note(BY_PETER);
    let known = keys(&[PETER]);
    for at in 0..original.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = original.clone().into_bytes();
            changed[at] ^= bit;
            let verified = Note::parse(&changed).is_ok_and(|note| note.verify(&known).is_ok());
            assert!(!verified, "{at} {bit}");
        }
        let cut = &original.as_bytes()[..at];
        assert!(
            !Note::parse(cut).is_ok_and(|note| note.verify(&known).is_ok()),
            "{at}"
        );
    }
    assert!(Note::parse(&original).unwrap().verify(&known).is_ok());
}

#[test]
fn the_text_ends_at_the_last_empty_line() {
    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    for text in [
        "one\n",
        "one\n\ntwo\n",
        "one\n\n",
        "\n",
        "\n\n\n",
        "巡り\n— someone dGV4dA==\n",
        "one\n\n— someone dGV4dA==\n",
    ] {
        let signed = Note::sign(text, &key).unwrap();
        let read = Note::parse(signed.to_string()).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.text(), text);
        read.verify(&keys(&[PETER])).unwrap();
    }
}

#[test]
fn what_is_not_a_note_is_refused_with_its_reason() {
    let refused = |note: &str| Note::parse(note).unwrap_err();
    assert_eq!(refused(""), NoteError::Unsigned);
    assert_eq!(refused(TEXT), NoteError::Unsigned);
    assert_eq!(refused(&note("")), NoteError::Unsigned);
    assert_eq!(refused(&note(BY_PETER.trim_end())), NoteError::CutOff);
    assert_eq!(
        refused(&format!("\x01{}", note(BY_PETER))),
        NoteError::NotText
    );
    assert_eq!(
        refused(&note(BY_PETER).replace('\n', "\r\n")),
        NoteError::Unsigned
    );
    assert_eq!(
        refused(&note(BY_PETER).replacen('k', "\t", 1)),
        NoteError::NotText
    );
    let not_utf8 = [&[0xff], note(BY_PETER).as_bytes()].concat();
    assert_eq!(Note::parse(not_utf8), Err(NoteError::NotText));
    for line in [
        "Unexpected line.\n".to_owned(),
        "\u{2013}".to_owned() + &BY_PETER[3..],
        BY_PETER.replace("PeterNeumann", "Peter Neumann"),
        BY_PETER.replace("PeterNeumann", "Peter+Neumann"),
        BY_PETER.replace("PeterNeumann", ""),
        BY_PETER.replace("— ", "—"),
        BY_PETER.replace("— ", "—  "),
        BY_PETER.replace('=', ""),
        BY_PETER.replace("AM=", "AN="),
        BY_PETER.replace('\n', " \n"),
        // A key id and no signature.
        "— PeterNeumann x08gow==\n".to_owned(),
        "— PeterNeumann x08g\n".to_owned(),
        "— PeterNeumann \n".to_owned(),
        "— PeterNeumann\n".to_owned(),
    ] {
        let error = refused(&note(&[BY_ENOCH, &line].concat()));
        assert!(matches!(error, NoteError::Signature(_)), "{line:?} {error}");
    }
}

#[test]
fn a_text_that_could_not_be_read_again_is_not_signed() {
    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    assert_eq!(Note::sign("", &key), Err(NoteError::CutOff));
    assert_eq!(Note::sign("abc", &key), Err(NoteError::CutOff));
    assert_eq!(Note::sign("a\tb\n", &key), Err(NoteError::NotText));
    assert_eq!(Note::sign("a\r\n", &key), Err(NoteError::NotText));
}

#[test]
fn a_note_has_its_limits() {
    let known = keys(&[PETER]);
    let most = Note::parse(note(&BY_PETER.repeat(SIGNATURES_MAX))).unwrap();
    most.verify(&known).unwrap();
    let more = note(&BY_PETER.repeat(SIGNATURES_MAX + 1));
    assert_eq!(Note::parse(more), Err(NoteError::TooManySignatures));
    let enoch: Signature = BY_ENOCH.trim_end().parse().unwrap();
    assert_eq!(most.with(enoch), Err(NoteError::TooManySignatures));

    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    let room = NOTE_BYTES_MAX - "\n".len() - BY_PETER.len();
    let longest = "x".repeat(room - 1) + "\n";
    let note = Note::sign(&longest, &key).unwrap();
    assert_eq!(note.to_string().len(), NOTE_BYTES_MAX);
    assert_eq!(Note::parse(note.to_string()), Ok(note));
    assert_eq!(
        Note::sign(format!("x{longest}"), &key),
        Err(NoteError::TooLong)
    );
    assert_eq!(
        Note::parse("x".repeat(NOTE_BYTES_MAX + 1)),
        Err(NoteError::TooLong)
    );
}

#[test]
fn a_signature_is_added_once_and_a_newer_one_takes_its_place() {
    let peter = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    let enoch: Signature = BY_ENOCH.trim_end().parse().unwrap();
    let note = Note::sign(TEXT, &peter)
        .unwrap()
        .with(enoch.clone())
        .unwrap();
    assert_eq!(note.verify(&keys(&[PETER, ENOCH])).unwrap().len(), 2);
    assert_eq!(note.clone().with(enoch).unwrap(), note);
    let spoilt: Signature = BY_ENOCH.trim_end().replace("+QQ=", "+QA=").parse().unwrap();
    let note = note.with(spoilt.clone()).unwrap();
    assert_eq!(note.signatures()[1], spoilt);
    assert_eq!(note.signatures().len(), 2);
}
