//! A witness cosigns what follows from what it has seen, and says what is wrong with anything else.

use meguri_proofs::{
    AddCheckpoint, BadAddCheckpoint, Checkpoint, Note, Proof, SignerKey, Tree, WitnessRefusal,
    leaf, node,
};

use crate::checkpoints::signer;

const LOG: &str = "log.example.org";

/// Logs of one, two and three entries.
fn trees() -> [Tree; 3] {
    let [a, b, c] = [b"a", b"b", b"c"].map(|entry| leaf(entry));
    let two = node(&a, &b);
    [(1, a), (2, two), (3, node(&two, &c))].map(|(size, root)| Tree { size, root })
}

fn note(key: &SignerKey, tree: Tree) -> Note {
    let checkpoint = Checkpoint::new(key.verifier().name().as_str(), tree).unwrap();
    Note::sign(checkpoint.to_string(), key).unwrap()
}

/// From the tree of two entries to that of three.
fn request() -> AddCheckpoint {
    AddCheckpoint {
        old: 2,
        proof: Proof::new(vec![leaf(b"c")]),
        note: note(&signer(LOG, 1), trees()[2]),
    }
}

fn decided(request: &AddCheckpoint, seen: Tree) -> Result<Checkpoint, WitnessRefusal> {
    request.decide(&[signer(LOG, 1).verifier()], &seen)
}

#[test]
fn a_request_is_written_as_the_protocol_has_it_and_read_again() {
    let request = request();
    let text = request.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "old 2");
    assert_eq!((lines[2], lines[3]), ("", LOG));
    assert_eq!(text.parse(), Ok(request.clone()));
    let first = AddCheckpoint {
        old: 0,
        proof: Proof::default(),
        ..request
    };
    assert!(
        first
            .to_string()
            .starts_with("old 0\n\nlog.example.org\n3\n")
    );
    assert_eq!(first.to_string().parse(), Ok(first));
}

#[test]
fn anything_else_is_no_request() {
    let text = request().to_string();
    for (from, to) in [
        ("old 2", "old 02"),
        ("old 2", "old +2"),
        ("old 2", "new 2"),
        ("old 2\n", "old 2"),
        ("\n\nlog", "\nlog"),
    ] {
        let changed = text.replacen(from, to, 1);
        changed.parse::<AddCheckpoint>().unwrap_err();
    }
    let long = format!(
        "old 2\n{}\n{}",
        request().proof.to_string().repeat(64),
        request().note
    );
    assert_eq!(
        long.parse::<AddCheckpoint>(),
        Err(BadAddCheckpoint::TooLong)
    );
}

#[test]
fn what_follows_from_what_was_seen_is_cosigned() {
    let checkpoint = decided(&request(), trees()[1]).unwrap();
    assert_eq!(*checkpoint.tree(), trees()[2]);
    // Seen first, and seen again.
    let first = AddCheckpoint {
        old: 0,
        proof: Proof::default(),
        ..request()
    };
    decided(&first, Tree::EMPTY).unwrap();
    let again = AddCheckpoint { old: 3, ..first };
    decided(&again, trees()[2]).unwrap();
}

#[test]
fn what_does_not_follow_is_refused_with_the_status_that_says_it() {
    let [one, two, three] = trees();
    let other = Tree {
        root: leaf(b"forked"),
        ..two
    };
    let unsigned = AddCheckpoint {
        note: note(&signer(LOG, 2), three),
        ..request()
    };
    let of_another = AddCheckpoint {
        note: note(&signer("other.example.org", 1), three),
        ..request()
    };
    let backwards = AddCheckpoint {
        old: 4,
        ..request()
    };
    let unproven = AddCheckpoint {
        proof: Proof::new(vec![leaf(b"x")]),
        ..request()
    };
    let forked = AddCheckpoint {
        note: note(&signer(LOG, 1), other),
        proof: Proof::default(),
        ..request()
    };
    for (request, seen, status) in [
        (&unsigned, two, 403),
        (&of_another, two, 404),
        (&backwards, two, 400),
        (&unproven, two, 422),
        (&request(), other, 422),
        (&request(), one, 409),
        (&request(), three, 409),
        (&forked, two, 409),
    ] {
        let refusal = decided(request, seen).unwrap_err();
        assert_eq!(refusal.status(), status, "{refusal}");
    }
    let refusal = decided(&request(), three).unwrap_err();
    assert_eq!(refusal, WitnessRefusal::Conflict { seen: 3 });
}
