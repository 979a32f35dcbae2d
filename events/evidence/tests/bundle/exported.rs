//! A log that was exported with its proofs: every line is checked against what was signed.

use meguri_evidence::{ExportCheck, Exported, Report, Verdict, first_line};
use meguri_proofs::SignerKey;

use crate::scene::{Scene, base64, signer};

fn check(lines: &[String], key: Option<&SignerKey>) -> Report {
    let verifier = key.map(SignerKey::verifier);
    let mut check = match ExportCheck::begin(lines[0].as_bytes(), verifier.as_ref()) {
        Ok(check) => check,
        Err(report) => return *report,
    };
    lines[1..]
        .iter()
        .for_each(|line| check.line(line.as_bytes()));
    check.finish()
}

fn codes(lines: &[String]) -> Vec<String> {
    let found = check(lines, Some(&signer(1))).findings;
    found
        .iter()
        .map(|it| format!("{} {}", it.code.code(), it.at))
        .collect()
}

/// All events after the first ones.
fn exported(scene: &Scene, after: usize) -> Vec<String> {
    let mut lines = vec![first_line(
        &scene.checkpoint(),
        Some(&scene.frontier(after)),
    )];
    lines.extend((after..scene.events.len()).map(|index| scene.line(index, false)));
    lines
}

#[test]
fn an_export_from_any_position_on_is_sound() {
    let mut scene = Scene::new();
    scene.redact(3);
    for after in 0..=scene.events.len() {
        let lines = exported(&scene, after);
        assert_eq!(
            check(&lines, Some(&scene.key)).verdict(),
            Verdict::Sound,
            "{after}"
        );
        assert_eq!(
            check(&lines, None).verdict(),
            Verdict::CannotTell,
            "{after}"
        );
        let other = check(&lines, Some(&signer(2)));
        assert_eq!(other.verdict(), Verdict::Findings);
    }
}

#[test]
fn some_events_are_sound_each_by_its_own_proof() {
    let scene = Scene::new();
    let mut lines = vec![first_line(&scene.checkpoint(), None)];
    assert_eq!(codes(&lines), [""; 0]);
    lines.extend([1, 3, 6].map(|index| scene.line(index, true)));
    assert_eq!(codes(&lines), [""; 0]);
    let changed = lines[2].replace("member-2", "member-3");
    let forged = [lines[0].clone(), lines[1].clone(), changed];
    assert_eq!(codes(&forged), ["not-included position 4"]);
    lines.swap(1, 2);
    assert_eq!(codes(&lines)[0], "position-gap position 2");
}

#[test]
fn whatever_is_changed_left_out_or_moved_is_found() {
    let scene = Scene::new();
    let lines = exported(&scene, 2);
    for at in 1..lines.len() {
        let position = at + 2;
        let mut changed = lines.clone();
        changed[at] = changed[at].replace("\"version\":", "\"version\": ");
        assert_eq!(codes(&changed), ["root-differs checkpoint"], "{position}");
        let mut changed = lines.clone();
        let blind = base64(&scene.events[position - 1].blind);
        changed[at] = changed[at].replace(&blind, &base64(&[9; 32]));
        assert_eq!(codes(&changed), ["root-differs checkpoint"], "{position}");
        let mut missing = lines.clone();
        missing.remove(at);
        assert!(
            codes(&missing)
                .iter()
                .any(|it| it.starts_with("position-gap ")),
            "{position}"
        );
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        assert_eq!(
            codes(&twice)[0],
            format!("position-gap position {position}")
        );
    }
    let mut longer = lines.clone();
    longer.push(lines[6].replace("\"position\":8", "\"position\":9"));
    assert_eq!(codes(&longer), ["after-checkpoint position 9"]);
    let mut other = exported(&scene, 1);
    other[0].clone_from(&lines[0]);
    assert_eq!(codes(&other)[0], "position-gap position 2");
    for bad in [
        "",
        "{}\n",
        "null\n",
        "{\"position\":3,\"header\":{}}\n",
        "{\"position\":03",
    ] {
        let mut bad_line = lines.clone();
        bad_line[1] = bad.to_owned();
        assert_eq!(codes(&bad_line)[0], "malformed after position 2", "{bad}");
    }
    assert_eq!(codes(&["{}\n".to_owned()]), ["malformed line 1"]);
    let first = first_line("no note", None);
    assert_eq!(codes(&[first]), ["bad-checkpoint checkpoint"]);
}

#[test]
fn a_line_is_what_it_says_byte_for_byte() {
    let scene = Scene::new();
    let line = scene.line(0, false);
    let blind = base64(&scene.events[0].blind);
    let begin = format!("{{\"position\":1,\"blind\":\"{blind}\",\"header\":{{\"id\":");
    assert!(line.starts_with(&begin), "{line}");
    let entry = [1; 33];
    let redacted = Exported {
        position: 7,
        whole: None,
        entry: &entry,
        proof: None,
    };
    let entry = base64(&entry);
    let expected = format!("{{\"position\":7,\"entry\":\"{entry}\",\"header\":null}}\n");
    assert_eq!(redacted.line(), expected);
}
