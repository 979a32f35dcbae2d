//! The zip of a bundle: the same bytes for the same evidence.

use meguri_evidence::{BUNDLE_BYTES_MAX, Files, NotABundle, Packer};

use crate::scene::{EXCHANGE, Scene};

#[test]
fn the_same_evidence_is_the_same_bytes() {
    let zips = [Scene::new(), Scene::new()].map(|scene| scene.files().to_zip().unwrap());
    assert_eq!(zips[0], zips[1]);
    let names: Vec<String> = Scene::new()
        .files()
        .iter()
        .map(|it| it.0.to_owned())
        .collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn a_bundle_is_the_same_bytes_whether_it_is_made_at_once_or_while_it_is_written() {
    let mut scene = Scene::new();
    for _ in 0..500 {
        let said = format!(r#"{{"text":"{}"}}"#, "x".repeat(300));
        scene.add(EXCHANGE, "{}", &[("text", &said)]);
    }
    scene.redact(7);
    let mut evidence = scene.evidence();
    evidence.erased.push((4, "message".to_owned()));
    let whole = evidence.files().unwrap().to_zip().unwrap();
    let zip = evidence.into_zip().unwrap();
    assert_eq!(zip.length(), whole.len());
    let chunks: Vec<Vec<u8>> = zip.collect();
    let longest = chunks.iter().map(Vec::len).max().unwrap();
    assert!(chunks.len() > 3 && longest < 256 << 10, "{longest}");
    assert!(chunks.concat() == whole);
    let files = Files::from_zip(&whole).unwrap();
    for readme in ["README.ja.md", "README.en.md"] {
        let text = String::from_utf8(files.get(readme).unwrap().to_vec()).unwrap();
        assert!(text.contains("\n- `events/4` message\n"), "{text}");
    }
}

#[test]
fn the_zip_of_a_bundle_has_not_changed_since_the_first_release() {
    let zip = include_bytes!("three-files.zip");
    let files = Files::from_zip(zip).unwrap();
    assert_eq!(files.iter().count(), 3);
    assert_eq!(files.get("events/000002.header"), Some(&b"hello 2"[..]));
    assert_eq!(files.to_zip().unwrap(), zip);
}

#[test]
fn a_bundle_of_any_number_of_files_is_read_again() {
    // From 65,536 on their number stands in another record.
    for count in [0_u32, 1, 65_534, 65_535, 65_536, 70_000] {
        let mut files = Files::default();
        for number in 0..count {
            files
                .add(format!("events/{number}.header"), vec![])
                .unwrap();
        }
        let zip = files.to_zip().unwrap();
        assert_eq!(Files::from_zip(&zip).unwrap(), files, "{count}");
    }
}

#[test]
fn a_bundle_is_refused_where_nobody_would_read_it() {
    let mut files = Files::default();
    let whole = vec![0; BUNDLE_BYTES_MAX];
    let refused = files.add("events/1.header".to_owned(), whole.clone());
    assert_eq!(refused, Err(NotABundle::TooLarge));
    let refused = Packer::default().file("events/1.header", &whole);
    assert_eq!(refused, Err(NotABundle::TooLarge));
    let mut files = Files::default();
    let room = files.room_for("a");
    files.add("a".to_owned(), whole[..room].to_vec()).unwrap();
    let zip = files.to_zip().unwrap();
    assert!(zip.len() <= BUNDLE_BYTES_MAX);
    assert_eq!(Files::from_zip(&zip).as_ref(), Ok(&files));
    assert_eq!(files.add("b".to_owned(), vec![]), Err(NotABundle::TooLarge));
}
