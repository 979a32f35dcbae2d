//! Keys are read as Go's `note` writes them, and not read when anything in them was changed.

use meguri_proofs::{BadKey, KeyName, SignerKey, VerifierKey, WitnessKey};

/// The key of the examples of Go's `note`.
pub(crate) const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub(crate) const PETER_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
pub(crate) const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
/// The key of Go's checksum database.
const SUM_GOLANG_ORG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
/// A witness of the public network.
const REMORA: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

#[test]
fn a_key_is_written_as_it_is_read() {
    for text in [PETER, ENOCH, SUM_GOLANG_ORG] {
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
    }
    let key: WitnessKey = REMORA.parse().unwrap();
    assert_eq!(key.to_string(), REMORA);
    assert_eq!(key.name().as_str(), "remora.n621.de");
    assert_eq!(key.id().to_string(), "da77ade7");
}

#[test]
fn a_key_of_which_anything_is_missing_is_refused() {
    for from in 0..PETER.len() {
        for to in from..=PETER.len() {
            let part = &PETER[from..to];
            assert_eq!(part.parse::<VerifierKey>().is_ok(), part == PETER, "{part}");
        }
    }
    for from in 0..PETER_SECRET.len() {
        for to in from..=PETER_SECRET.len() {
            let part = &PETER_SECRET[from..to];
            assert_eq!(
                SignerKey::from_secret_text(part).is_ok(),
                part == PETER_SECRET,
                "{part}"
            );
        }
    }
}

#[test]
fn a_key_in_which_any_character_is_changed_is_refused() {
    let mutations = |text: &'static str| {
        let at =
            (0..text.len()).flat_map(|at| ["A", "b", "0", "+", " ", "\n"].map(|with| (at, with)));
        at.filter(move |(at, with)| text[*at..].split_at(1).0 != *with)
            .map(move |(at, with)| [&text[..at], with, &text[at + 1..]].concat())
    };
    for changed in mutations(PETER) {
        assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
    }
    for changed in mutations(REMORA) {
        assert!(changed.parse::<WitnessKey>().is_err(), "{changed}");
    }
    for changed in mutations(PETER_SECRET) {
        assert!(SignerKey::from_secret_text(&changed).is_err(), "{changed}");
    }
}

#[test]
fn a_key_says_what_is_wrong_with_it() {
    let verifier = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert!(matches!(verifier("PeterNeumann"), BadKey::Form { .. }));
    assert!(matches!(
        verifier("PeterNeumann+c74f20a3"),
        BadKey::Form { .. }
    ));
    assert!(matches!(
        verifier(&PETER.replace("Peter", "Peter ")),
        BadKey::Name(_)
    ));
    assert!(matches!(
        verifier(&PETER.replace("c74", "C74")),
        BadKey::Id { .. }
    ));
    assert_eq!(
        verifier(REMORA),
        BadKey::Kind {
            expected: 1,
            found: 4
        }
    );
    assert_eq!(
        PETER.parse::<WitnessKey>(),
        Err(BadKey::Kind {
            expected: 4,
            found: 1
        })
    );
    // From the tests of Go's `note`: a key that is too long, with its right id.
    let too_long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    assert!(matches!(verifier(too_long), BadKey::Form { .. }));
    // And an unknown kind, with its right id.
    let unknown = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert!(matches!(
        verifier(unknown),
        BadKey::Kind { found: 0x65, .. }
    ));
}

#[test]
fn a_key_under_which_anybody_can_sign_is_refused() {
    // The neutral element, of which every signature with a chosen R is one.
    let weak = "weak+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(weak.parse::<VerifierKey>(), Err(BadKey::Unsound));
    // y = 2 is not on the curve.
    let no_point = "none+00000000+AQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(no_point.parse::<VerifierKey>(), Err(BadKey::Unsound));
}

#[test]
fn a_secret_key_is_kept_as_go_keeps_it() {
    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    assert_eq!(*key.to_secret_text(), PETER_SECRET);
    assert_eq!(key.verifier().to_string(), PETER);
    let seed = [7; 32];
    let key = SignerKey::from_seed("log.example.org".parse().unwrap(), &seed);
    let again = SignerKey::from_secret_text(&key.to_secret_text()).unwrap();
    assert_eq!(again.verifier(), key.verifier());
}

#[test]
fn a_secret_key_is_not_shown_by_debugging_or_by_an_error() {
    let key = SignerKey::from_secret_text(PETER_SECRET).unwrap();
    assert_eq!(format!("{key:?}"), "SignerKey(PeterNeumann+c74f20a3)");
    let secret = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    for wrong in [
        PETER_SECRET.replace("c74f20a3", "00000000"),
        PETER_SECRET.replace("PRIVATE", "SECRET"),
        PETER_SECRET.replace("DFz", "DF="),
        PETER_SECRET.replace("PeterNeumann", "Peter Neumann"),
    ] {
        let error = SignerKey::from_secret_text(&wrong).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(&secret[..20]) && !shown.contains(&secret[20..40]),
            "{shown}"
        );
    }
}

#[test]
fn a_name_is_one_word_without_a_plus() {
    for name in [
        "log.example.org",
        "a",
        "ログ.example/巡り",
        "example.com/log42",
    ] {
        assert_eq!(name.parse::<KeyName>().unwrap().as_str(), name);
    }
    for name in [
        "",
        " ",
        "a b",
        "a+b",
        "a\n",
        "a\u{3000}b",
        "a\u{a0}b",
        "\t",
        "a\u{1}",
    ] {
        assert!(name.parse::<KeyName>().is_err(), "{name:?}");
    }
}
