//! A checkpoint says which log, how many entries and which root, in one way only.

use meguri_proofs::{
    BadCheckpoint, Checkpoint, Note, OpenError, SignerKey, Tree, VerifierKey, VerifyError,
    hash_to_base64, leaf,
};

use crate::entries::{Site, entries};

/// The example of the standard, with a cosignature.
const EXAMPLE: &str = "example.com/behind-the-sofa\n\
                       20852163\n\
                       CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/// What the log of a staging CT server said, with the signatures of the public network's witnesses.
pub(crate) const ARCHE: &str = "arche2025h1.staging.ct.transparency.dev\n\
    1432088532\n\
    U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\
    \n\
    — arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMH\
    bdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n\
    — arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3Ny\
    gNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
    — transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rh\
    IgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n\
    — witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ7\
    5W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n\
    — remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXT\
    ynk5XeU/zZ0WBxtqB0DrAWfBw==\n\
    — witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY\
    /2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n";
const ARCHE_KEY: &str = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKp\
                         rLI8HKM+dJ472xgFYh15f";

pub(crate) fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name.parse().unwrap(), &[seed; 32])
}

#[test]
fn the_example_of_the_standard_is_read_and_written() {
    let checkpoint: Checkpoint = EXAMPLE.parse().unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.tree().size, 20_852_163);
    assert_eq!(
        hash_to_base64(&checkpoint.tree().root),
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    );
    assert!(checkpoint.extensions().is_empty());
    assert_eq!(checkpoint.to_string(), EXAMPLE);
}

#[test]
fn a_checkpoint_of_the_public_network_is_verified() {
    let note = Note::parse(ARCHE).unwrap();
    let key: VerifierKey = ARCHE_KEY.parse().unwrap();
    let checkpoint = Checkpoint::open(&note, &key).unwrap();
    assert_eq!(checkpoint.tree().size, 1_432_088_532);
    assert_eq!(note.to_string(), ARCHE);
    let other_size = Note::parse(ARCHE.replace("1432088532", "42")).unwrap();
    assert!(matches!(
        Checkpoint::open(&other_size, &key),
        Err(OpenError::Signature(VerifyError::Forged { .. }))
    ));
}

#[test]
fn what_a_log_signs_is_what_others_open() {
    let key = signer("log.example.org", 1);
    let tree = Site::of(&entries(300)).tree();
    for tree in [Tree::EMPTY, tree] {
        let checkpoint = Checkpoint::new("log.example.org", tree).unwrap();
        let note = Note::sign(checkpoint.to_string(), &key)
            .unwrap()
            .to_string();
        let note = Note::parse(note).unwrap();
        assert_eq!(Checkpoint::open(&note, &key.verifier()), Ok(checkpoint));
    }
}

#[test]
fn a_checkpoint_of_another_log_another_key_or_of_nothing_is_refused() {
    let key = signer("log.example.org", 1);
    let verifier = key.verifier();
    let tree = Site::of(&entries(3)).tree();
    let other_log = Checkpoint::new("other.example.org", tree)
        .unwrap()
        .to_string();
    let open = |text: &str, key| Checkpoint::open(&Note::sign(text, key).unwrap(), &verifier);
    assert_eq!(
        open(&other_log, &key),
        Err(OpenError::Origin {
            expected: "log.example.org".into(),
            found: "other.example.org".into()
        })
    );
    let own = Checkpoint::new("log.example.org", tree)
        .unwrap()
        .to_string();
    let replaced_key = signer("log.example.org", 2);
    assert_eq!(
        open(&own, &replaced_key),
        Err(OpenError::Signature(VerifyError::Unknown))
    );
    assert_eq!(
        open("hello\n", &key),
        Err(OpenError::Checkpoint(BadCheckpoint::Lines))
    );
}

#[test]
fn lines_that_mean_nothing_here_are_kept_because_they_are_signed() {
    let text = format!("{EXAMPLE}one extension\nand another\n");
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!(checkpoint.extensions(), ["one extension", "and another"]);
    assert_eq!(checkpoint.to_string(), text);
}

#[test]
fn a_checkpoint_that_is_written_in_any_other_way_is_refused() {
    let refused = |text: &str| text.parse::<Checkpoint>().unwrap_err();
    for text in [
        "",
        "\n",
        "log\n1\n",
        EXAMPLE.trim_end(),
        &format!("{EXAMPLE}\n"),
        &format!("{EXAMPLE}\nline\n"),
        &format!("{EXAMPLE}line\n\n"),
        &format!("{EXAMPLE}tab\there\n"),
        &EXAMPLE.replace("example.com/behind-the-sofa", ""),
        &EXAMPLE.replace("example.com", "example\r.com"),
    ] {
        assert_eq!(refused(text), BadCheckpoint::Lines, "{text:?}");
    }
    for size in [
        "",
        "0x14",
        "+20852163",
        "020852163",
        "-1",
        " 1",
        "1 ",
        "1e3",
        "２",
        "00",
    ] {
        let text = EXAMPLE.replace("20852163", size);
        assert_eq!(refused(&text), BadCheckpoint::Size(size.into()));
    }
    let beyond = EXAMPLE.replace("20852163", "18446744073709551616");
    assert!(matches!(refused(&beyond), BadCheckpoint::Size(_)));
    for root in [
        "",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=",
        "CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I= ",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\r",
    ] {
        let text = EXAMPLE.replace("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", root);
        assert_eq!(refused(&text), BadCheckpoint::Root(root.into()));
    }
}

#[test]
fn only_the_empty_tree_has_the_root_of_nothing() {
    assert_eq!(
        EXAMPLE.replace("20852163", "0").parse::<Checkpoint>(),
        Err(BadCheckpoint::NotEmpty)
    );
    let size = 1;
    assert_eq!(
        Checkpoint::new(
            "log",
            Tree {
                size,
                ..Tree::EMPTY
            }
        ),
        Err(BadCheckpoint::NotEmpty)
    );
    assert!(
        "log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
            .parse::<Checkpoint>()
            .is_ok()
    );
}

#[test]
fn a_log_without_a_name_or_with_one_of_two_lines_says_nothing() {
    let tree = Tree {
        size: 1,
        root: leaf(b"entry"),
    };
    for origin in ["", "two\nlines", "tab\t"] {
        assert_eq!(
            Checkpoint::new(origin, tree),
            Err(BadCheckpoint::Lines),
            "{origin:?}"
        );
    }
}
