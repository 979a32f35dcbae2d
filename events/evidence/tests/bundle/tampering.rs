//! Everything that somebody might do to a bundle, and by which code it is found.

use meguri_evidence::{Files, Verdict};
use meguri_proofs::Tree;

use crate::both::{Said, ask};
use crate::scene::{
    EXCHANGE, Scene, base64, drop_event, list_anew, move_event, put, signed, signer,
};

/// What is said of the bundle of the exchange after this was done to it, and all files listed
/// anew, so that no sum gives it away.
fn after(tamper: impl FnOnce(&mut Files)) -> Said {
    let scene = Scene::new();
    let mut files = scene.files();
    tamper(&mut files);
    list_anew(&mut files);
    let said = ask(&files, Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!(said.verdict, Verdict::Findings, "{}", said.text);
    said
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files.get(name).unwrap().to_vec()).unwrap()
}

/// All events of the bundle, in the order of positions.
const ALL: [&str; 4] = ["events/2", "events/4", "events/6", "events/7"];

fn each(code: &str, events: &[&str]) -> Vec<String> {
    events
        .iter()
        .map(|event| format!("{code} {event}"))
        .collect()
}

#[test]
fn a_fork_that_the_log_itself_signed_does_not_hold_the_events() {
    let mut other = Scene::new();
    other.events.swap(0, 7);
    let said = after(|files| put(files, "checkpoint", other.checkpoint()));
    assert_eq!(said.codes, each("not-included", &ALL));
    insta::assert_snapshot!(said.text);
}

#[test]
fn a_checkpoint_from_before_the_last_events_does_not_hold_them() {
    let mut older = Scene::new();
    older.events.truncate(6);
    let said = after(|files| put(files, "checkpoint", older.checkpoint()));
    let mut expected = each("not-included", &ALL[..3]);
    expected.push("after-checkpoint events/7".into());
    assert_eq!(said.codes, expected);
}

#[test]
fn the_last_events_cannot_be_left_out_of_the_list() {
    let scene = Scene::new();
    let mut files = scene.files();
    drop_event(&mut files, 7);
    let said = ask(&files, Some(&scene.key.verifier()), None);
    let missing = [
        "missing-file events/7.blind",
        "missing-file events/7.header",
    ];
    assert_eq!(said.codes[..2], missing);
    assert_eq!(said.codes[2..], ["missing-file events/7.proof"]);
}

#[test]
fn an_event_that_is_left_out_leaves_a_gap() {
    let said = after(|files| drop_event(files, 6));
    assert_eq!(said.codes, ["version-gap events/7"]);
    let said = after(|files| drop_event(files, 4));
    assert_eq!(said.codes[0], "version-gap events/6");
}

#[test]
fn events_that_change_places_are_found_by_place_version_and_time() {
    let said = after(|files| {
        move_event(files, 4, 100);
        move_event(files, 6, 4);
        move_event(files, 100, 6);
    });
    let mut expected = each("not-included", &["events/4", "events/6"]);
    expected.push("time-order events/6".into());
    expected.extend(each("version-gap", &["events/4", "events/6", "events/7"]));
    assert_eq!(said.codes, expected);
}

#[test]
fn a_header_cannot_be_changed_by_a_single_byte() {
    let said = after(|files| {
        let header = text(files, "events/6.header").replace("member-2", "member-3");
        put(files, "events/6.header", header);
    });
    // Another actor, and the keys of somebody else; the commitment still holds.
    assert_eq!(said.codes, ["not-included events/6"]);
}

#[test]
fn a_header_cannot_be_replaced_with_a_blind_of_its_own() {
    let said = after(|files| {
        let header = text(files, "events/7.header").replace("Happened", "NeverWas");
        put(files, "events/7.header", header);
        put(files, "events/7.blind", base64(&[7; 32]) + "\n");
    });
    assert_eq!(said.codes, ["not-included events/7"]);
}

#[test]
fn what_is_no_header_is_found_though_its_entry_may_be_in_the_log() {
    let said = after(|files| put(files, "events/7.header", r#"{"id":1}"#));
    assert_eq!(said.codes, ["not-included events/7", "bad-header events/7"]);
}

#[test]
fn another_key_is_found_whether_it_signs_or_not() {
    let other = signer(2);
    let own = format!("{}\n", other.verifier());
    let said = after(|files| put(files, "key", own.clone()));
    assert_eq!(said.codes, ["other-key key"]);
    let tree = Scene::new().tree();
    let said = after(|files| {
        put(files, "key", own);
        put(files, "checkpoint", signed(tree, &other));
    });
    assert_eq!(said.codes, ["other-key key", "bad-signature checkpoint"]);
    let said = after(|files| put(files, "key", "log.example.org+00000000+AAAA\n"));
    assert_eq!(said.codes, ["bad-key key"]);
}

#[test]
fn a_bundle_that_was_signed_anew_is_only_consistent_in_itself() {
    let mut forged = Scene::new();
    forged.key = signer(2);
    let said = ask(&forged.files(), None, None);
    assert_eq!(said.verdict, Verdict::CannotTell);
    let said = ask(&forged.files(), Some(&signer(1).verifier()), None);
    assert_eq!(said.codes, ["other-key key", "bad-signature checkpoint"]);
}

#[test]
fn a_checkpoint_cannot_be_changed_after_it_was_signed() {
    let tree = Scene::new().tree();
    let grown = Tree {
        size: tree.size + 1,
        ..tree
    };
    let said = after(|files| {
        let checkpoint = text(files, "checkpoint");
        let size = format!("\n{}\n", tree.size);
        put(
            files,
            "checkpoint",
            checkpoint.replace(&size, &format!("\n{}\n", grown.size)),
        );
    });
    assert_eq!(said.codes[0], "bad-signature checkpoint");
    let said = after(|files| put(files, "checkpoint", "no note"));
    assert_eq!(said.codes, ["bad-checkpoint checkpoint"]);
}

#[test]
fn the_bundle_of_another_exchange_is_not_the_one_that_was_asked_for() {
    let scene = Scene::new();
    let files = scene.evidence_of(&["exchange-2"], true).files().unwrap();
    let said = ask(&files, Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!(said.codes, ["other-stream exchange-2"]);
}

#[test]
fn events_of_another_exchange_do_not_belong() {
    let scene = Scene::new();
    let both = scene.evidence_of(&[EXCHANGE, "exchange-2", "need-1"], true);
    let said = ask(
        &both.files().unwrap(),
        Some(&scene.key.verifier()),
        Some(EXCHANGE),
    );
    assert_eq!(said.codes, ["unrelated-event exchange-2"]);
}

#[test]
fn an_event_cannot_stand_in_for_another_one_of_the_log() {
    let said = after(|files| {
        drop_event(files, 6);
        move_event(files, 7, 6);
    });
    assert_eq!(
        said.codes,
        ["not-included events/6", "version-gap events/6"]
    );
}

#[test]
fn what_was_written_cannot_be_changed() {
    let said = after(|files| put(files, "events/6.text.json", r#"{"text":"困ります"}"#));
    assert_eq!(said.codes, ["plaintext-differs events/6.text.json"]);
    let said = after(|files| put(files, "events/6.text.salt", base64(&[1; 32]) + "\n"));
    assert_eq!(said.codes, ["plaintext-differs events/6.text.json"]);
    let said = after(|files| put(files, "events/6.text.salt", "no salt"));
    assert_eq!(said.codes, ["malformed events/6.text.salt"]);
}

#[test]
fn a_text_cannot_be_slipped_in() {
    let said = after(|files| {
        put(files, "events/7.words.json", "{}");
        put(files, "events/7.words.salt", base64(&[1; 32]) + "\n");
    });
    assert_eq!(said.codes, ["unknown-section events/7.words"]);
    let mut scene = Scene::new();
    scene.redact(6);
    let mut files = scene.files();
    put(&mut files, "events/6.text.json", "{}");
    list_anew(&mut files);
    let said = ask(&files, Some(&scene.key.verifier()), None);
    assert_eq!(said.codes, ["extra-file events/6.text.json"]);
}

#[test]
fn every_file_that_is_missing_is_named() {
    let scene = Scene::new();
    let all = scene.files();
    for (name, _) in all.iter() {
        let mut files = all.clone();
        files.remove(name);
        let said = ask(&files, Some(&scene.key.verifier()), Some(EXCHANGE));
        assert_eq!(said.verdict, Verdict::Findings, "{name}");
        assert!(
            said.codes.contains(&format!("missing-file {name}")),
            "{name}: {:?}",
            said.codes
        );
    }
}

#[test]
fn a_file_that_does_not_belong_is_found_listed_or_not() {
    for name in [
        "evil.exe",
        "events/6.exe",
        "events/06.header",
        "../verify.py",
        "events/6.a.b.json",
    ] {
        let said = after(|files| put(files, name, "x"));
        assert_eq!(said.codes, [format!("extra-file {name}")]);
    }
    let scene = Scene::new();
    let mut files = scene.files();
    put(&mut files, "events/9.header", "{}");
    let said = ask(&files, Some(&scene.key.verifier()), None);
    assert_eq!(said.codes[0], "extra-file events/9.header");
}

#[test]
fn sums_that_were_changed_are_found() {
    let scene = Scene::new();
    let key = scene.key.verifier();
    let changed = |change: &dyn Fn(String) -> String| {
        let mut files = scene.files();
        let sums = change(text(&files, "SHA256SUMS"));
        put(&mut files, "SHA256SUMS", sums);
        ask(&files, Some(&key), None).codes
    };
    let zeros = "0".repeat(64);
    let codes = changed(&|sums| format!("{zeros}{}", &sums[64..]));
    assert_eq!(codes, ["sum-differs README.en.md"]);
    assert_eq!(changed(&|sums| sums + "\n"), ["bad-sums SHA256SUMS"]);
    assert_eq!(changed(&|_| String::new()), ["bad-sums SHA256SUMS"]);
    let codes = changed(&|sums| format!("{sums}{zeros}  more\n"));
    assert_eq!(codes, ["missing-file more"]);
}

#[test]
fn a_proof_that_is_too_long_short_or_no_proof_is_found() {
    let proof = text(&Scene::new().files(), "events/6.proof");
    let longer = format!("{proof}{}\n", base64(&[0; 32]));
    let said = after(|files| put(files, "events/6.proof", longer));
    assert_eq!(said.codes, ["not-included events/6"]);
    let said = after(|files| put(files, "events/6.proof", ""));
    assert_eq!(said.codes, ["not-included events/6"]);
    for bad in ["no proof\n".to_owned(), proof.trim_end().to_owned()] {
        let said = after(|files| put(files, "events/6.proof", bad));
        assert_eq!(said.codes, ["malformed events/6.proof"]);
    }
}

#[test]
fn a_bundle_without_events_proves_nothing() {
    let said = after(|files| {
        for position in [2, 4, 6, 7] {
            drop_event(files, position);
        }
    });
    assert_eq!(said.codes, ["no-events events"]);
}
