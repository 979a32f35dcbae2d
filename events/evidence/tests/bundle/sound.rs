//! What is sound, and what cannot be told.

use meguri_evidence::{ErasedKeys, Verdict};

use crate::both::{ask, python};
use crate::scene::{EXCHANGE, Scene, drop_event, list_anew};

#[test]
fn a_whole_exchange_with_everything_disclosed_is_sound() {
    let scene = Scene::new();
    let said = ask(&scene.files(), Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!((said.verdict, said.codes), (Verdict::Sound, vec![]));
    insta::assert_snapshot!(said.text);
}

#[test]
fn what_is_not_disclosed_is_closed_and_nothing_is_wrong_with_that() {
    let scene = Scene::new();
    let evidence = scene.evidence_of(&[EXCHANGE, "need-1"], false);
    let said = ask(
        &evidence.files().unwrap(),
        Some(&scene.key.verifier()),
        None,
    );
    assert_eq!(said.verdict, Verdict::Sound);
    assert!(
        said.text.contains("0 disclosed, 4 closed, 0 erased"),
        "{}",
        said.text
    );
}

#[test]
fn a_bundle_checked_by_its_own_key_is_consistent_in_itself_and_proves_nothing() {
    let said = ask(&Scene::new().files(), None, None);
    assert_eq!(said.verdict, Verdict::CannotTell);
    assert_eq!(said.codes, ["no-key key"]);
    assert!(said.text.contains("consistent in itself"), "{}", said.text);
}

#[test]
fn closed_sections_whose_keys_were_destroyed_are_told_from_those_kept_closed() {
    let mut scene = Scene::new();
    scene.add(
        "member-2",
        r#"{"member":"member-2","keys":["message/1"]}"#,
        &[],
    );
    let evidence = scene.with_erasures(&[9]);
    let said = ask(
        &evidence.files().unwrap(),
        Some(&scene.key.verifier()),
        Some(EXCHANGE),
    );
    assert_eq!((said.verdict, said.codes), (Verdict::Sound, vec![]));
    assert!(
        said.text.contains("0 disclosed, 0 closed, 4 erased"),
        "{}",
        said.text
    );
}

#[test]
fn an_erasure_of_another_person_or_class_covers_nothing() {
    let mut scene = Scene::new();
    scene.add(
        "member-2",
        r#"{"member":"member-2","keys":["profile/1"],"kept":["message"]}"#,
        &[],
    );
    scene.add(
        "member-3",
        r#"{"member":"member-3","keys":["message/1"]}"#,
        &[],
    );
    let evidence = scene.with_erasures(&[9, 10]);
    let said = ask(
        &evidence.files().unwrap(),
        Some(&scene.key.verifier()),
        None,
    );
    assert_eq!(
        said.codes,
        ["unrelated-event erasures/9", "unrelated-event erasures/10"]
    );
}

#[test]
fn a_redacted_event_leaves_its_place_and_nothing_can_be_told_of_it() {
    let mut scene = Scene::new();
    scene.redact(6);
    let said = ask(&scene.files(), Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!(said.verdict, Verdict::CannotTell);
    assert_eq!(said.codes, ["redacted events/6"]);
}

#[test]
fn a_redaction_that_the_log_tells_of_is_sound_and_told() {
    let mut scene = Scene::new();
    scene.redact_as_ordered(6, 2, EXCHANGE);
    let said = ask(&scene.files(), Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!(said.verdict, Verdict::Sound, "{}", said.text);
    let told = "Redacted: position 6, as position 9 says, order 2026-wa-1234;";
    assert!(said.text.contains(told), "{}", said.text);
    assert!(
        said.text.contains("Complete to version 4;"),
        "{}",
        said.text
    );
}

#[test]
fn a_redaction_of_what_led_to_it_may_be_told_later_beside_the_erasures() {
    let mut scene = Scene::new();
    scene.redact_as_ordered(2, 1, "need-1");
    let mut evidence = scene.with_erasures(&[9]);
    evidence.events.retain(|event| event.position != 9);
    let mut files = evidence.files().unwrap();
    let key = scene.key.verifier();
    let said = ask(&files, Some(&key), Some(EXCHANGE));
    assert_eq!(said.verdict, Verdict::Sound, "{}", said.text);
    // What it tells of is not there: it does not belong.
    drop_event(&mut files, 2);
    list_anew(&mut files);
    let said = ask(&files, Some(&key), Some(EXCHANGE));
    assert_eq!(said.codes, ["unrelated-event erasures/9"]);
}

#[test]
fn a_redaction_of_another_event_or_in_another_stream_tells_nothing() {
    let key = Scene::new().key.verifier();
    let mut scene = Scene::new();
    scene.redact_as_ordered(6, 2, EXCHANGE);
    scene.events[5].blind = [7; 32];
    let said = ask(&scene.files(), Some(&key), Some(EXCHANGE));
    assert_eq!(said.codes, ["redacted events/6"], "another entry");
    let mut scene = Scene::new();
    scene.redact_as_ordered(6, 2, EXCHANGE);
    scene.redact(7);
    let said = ask(&scene.files(), Some(&key), Some(EXCHANGE));
    assert_eq!(said.codes, ["redacted events/7"], "another position");
    let mut scene = Scene::new();
    scene.redact_as_ordered(6, 2, "need-1");
    let said = ask(&scene.files(), Some(&key), Some(EXCHANGE));
    assert_ne!(
        said.verdict,
        Verdict::Sound,
        "another stream: {}",
        said.text
    );
    let mut scene = Scene::new();
    scene.redact_as_ordered(6, 3, EXCHANGE);
    let said = ask(&scene.files(), Some(&key), Some(EXCHANGE));
    assert!(
        said.codes.contains(&"version-gap events/6".to_owned()),
        "{}",
        said.text
    );
}

#[test]
fn a_redacted_erasure_covers_nothing_and_fills_no_gap() {
    let mut scene = Scene::new();
    scene.add(
        "member-2",
        r#"{"member":"member-2","keys":["message/1"]}"#,
        &[],
    );
    scene.redact(5);
    let mut files = scene.with_erasures(&[5]).files().unwrap();
    let key = scene.key.verifier();
    let said = ask(&files, Some(&key), Some(EXCHANGE));
    assert_eq!(said.codes, ["redacted erasures/5"]);
    assert!(said.text.contains("4 closed, 0 erased"), "{}", said.text);
    drop_event(&mut files, 6);
    list_anew(&mut files);
    let said = ask(&files, Some(&key), Some(EXCHANGE));
    assert_eq!(said.codes, ["version-gap events/7"]);
}

#[test]
fn later_events_cannot_be_excluded_and_both_programs_say_so() {
    let scene = Scene::new();
    let mut files = scene.files();
    drop_event(&mut files, 7);
    list_anew(&mut files);
    let said = ask(&files, Some(&scene.key.verifier()), Some(EXCHANGE));
    assert_eq!(said.verdict, Verdict::Sound);
    assert!(
        said.text
            .contains("Complete to version 2; later events cannot"),
        "{}",
        said.text
    );
}

#[test]
fn what_is_no_bundle_cannot_be_told_anything_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.zip");
    std::fs::write(&path, "no zip").unwrap();
    let (code, said) = python(&path, &[]);
    assert_eq!(code, 2);
    assert!(said.starts_with("unreadable: "), "{said}");
    assert!(meguri_evidence::Files::from_zip(b"no zip").is_err());
}

#[test]
fn an_unpacked_bundle_is_checked_by_the_program_that_lies_in_it() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in scene.files().iter() {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let key = folder.path().with_extension("vkey");
    std::fs::write(&key, format!("{}\n", scene.key.verifier())).unwrap();
    let run = std::process::Command::new("python3")
        .args(["verify.py", "--key", key.to_str().unwrap()])
        .current_dir(folder.path())
        .output();
    std::fs::remove_file(&key).unwrap();
    let run = run.unwrap();
    assert_eq!(run.status.code(), Some(0), "{run:?}");
}

#[test]
fn an_erasure_covers_the_key_of_its_number_and_all_before_it() {
    let header = |keys: &str| {
        format!(
            "{{\"id\":\"1\",\"stream\":\"member-2\",\"version\":1,\"at\":\"\",\"actor\":\"system\",\
             \"data\":{{\"member\":\"member-2\",\"keys\":[{keys}]}}}}"
        )
    };
    let erases = |keys: &str, key: &str| ErasedKeys::of(header(keys).as_bytes()).has(key);
    assert!(erases(r#""message/2""#, "member-2/message/1"));
    assert!(erases(r#""message/2""#, "member-2/message/2"));
    assert!(erases(r#""member-3/message/1""#, "member-3/message/1"));
    for other in [
        "member-2/message/3",
        "member-3/message/1",
        "member-2/profile/1",
        "message/1",
    ] {
        assert!(
            !erases(r#""message/2","profile/0","message/03""#, other),
            "{other}"
        );
    }
}

#[test]
fn nothing_that_lies_in_a_bundle_makes_a_program_fail_in_place_of_telling() {
    let scene = Scene::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, bytes) in [
        ("events/7.header", deep.as_bytes()),
        ("events/7.header", b"\xff".as_slice()),
        ("events/7.proof", b"\xff"),
        ("events/7.blind", b"\xff"),
        ("events/4.title.salt", b"\xff"),
        ("events/99999999999999999999999.header", b"{}"),
        ("checkpoint", b"\xff"),
        ("key", b"\xff"),
        ("SHA256SUMS", b"\xff"),
        ("\u{1b}[31m\u{7f}", b""),
    ] {
        let mut files = scene.files();
        crate::scene::put(&mut files, name, bytes);
        let said = ask(&files, Some(&scene.key.verifier()), Some(EXCHANGE));
        assert_eq!(said.verdict, Verdict::Findings, "{name}");
        assert!(!said.text.contains('\u{1b}'), "{name}");
    }
}
