//! Texts that readers of JSON, of notes and of keys take for different things: both programs say
//! the same of them.

use meguri_proofs::Tree;

use crate::both::ask;
use crate::scene::{Scene, base64, list_anew, put, signed, signer};

/// What both programs say of a bundle in which this file is another.
fn with(name: &str, bytes: &[u8]) -> Vec<String> {
    let scene = Scene::new();
    let mut files = scene.files();
    put(&mut files, name, bytes);
    list_anew(&mut files);
    ask(&files, None, None).codes
}

/// A header with one field as it is given.
fn header(field: &str, value: &str) -> String {
    let fields = [
        ("id", r#""id-7""#),
        ("stream", r#""exchange-1""#),
        ("version", "3"),
        ("at", r#""2026-11-21T07:02:07.000000Z""#),
        ("actor", r#""member-2""#),
        ("acting_for", "null"),
        ("causation", r#""id-0""#),
        ("data", "{}"),
        ("sealed", "[]"),
    ];
    let fields = fields.map(|(name, own)| {
        let value = if name == field { value } else { own };
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", fields.join(","))
}

/// A section as a header lists it.
const SECTION: &str = r#"{"section":"a","key":"b","commitment":"c"}"#;

/// Data with so many arrays in each other: the header and its data are two more of 127 levels.
fn nested(depth: usize) -> String {
    let (opened, closed) = ("[".repeat(depth), "]".repeat(depth));
    format!(r#"{{"a":{opened}{closed}}}"#)
}

#[test]
fn a_header_that_readers_take_for_different_things_is_none() {
    let too_deep = nested(126);
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(64 << 10));
    let many = format!("[{}]", vec![SECTION; 17].join(","));
    let none = [
        ("version", "3,\"version\":4"),
        ("data", r#"{"a":1,"a":2}"#),
        ("data", r#"{"a":{"b":1,"b":1}}"#),
        ("data", r#"{"a":NaN}"#),
        ("data", r#"{"a":-Infinity}"#),
        ("data", r#"{"a":1e400}"#),
        ("data", r#"{"a":01}"#),
        ("data", r#"{"a":"\ud800"}"#),
        ("data", r#"{"\udc00":1}"#),
        ("data", "{\"a\":\"\t\"}"),
        ("data", "{\"a\":1,}"),
        ("data", "[]"),
        ("data", too_deep.as_str()),
        ("data", long.as_str()),
        ("version", "3.0"),
        ("version", "-0"),
        ("version", "-1"),
        ("version", "true"),
        ("version", "\"3\""),
        ("version", "18446744073709551616"),
        ("acting_for", "5"),
        ("causation", "[]"),
        ("sealed", "null"),
        ("sealed", "{}"),
        ("sealed", "\"\""),
        ("sealed", r#"[["a","b","c"]]"#),
        ("sealed", r#"[{"section":"a","key":"b"}]"#),
        ("sealed", many.as_str()),
        ("id", "7"),
        ("at", "null"),
        ("sealed", "[] x"),
        ("sealed", "[]}{"),
    ];
    for (field, value) in none {
        let told = with("events/7.header", header(field, value).as_bytes());
        assert!(
            told.contains(&"bad-header events/7".to_owned()),
            "{field}: {value}: {told:?}"
        );
    }
    for array in [r#"["id-7","exchange-1",3]"#, "\u{feff}{}", "{}", "", "null"] {
        let told = with("events/7.header", array.as_bytes());
        assert!(told.contains(&"bad-header events/7".to_owned()), "{array}");
    }
}

#[test]
fn a_header_that_every_reader_takes_for_the_same_is_one() {
    let deep = nested(125);
    let some = [
        ("data", deep.as_str()),
        (
            "data",
            r#"{"a":1.5,"b":-9223372036854775809,"c":1e-400,"d":0.1E+2,"e":-0}"#,
        ),
        ("data", r#"{"a":"\ud83d\ude00\u0000"}"#),
        ("sealed", &format!("[{SECTION},{SECTION}]")),
        ("acting_for", "\"member-3\""),
    ];
    for (field, value) in some {
        let told = with("events/7.header", header(field, value).as_bytes());
        assert_eq!(told, ["not-included events/7"], "{field}: {value}");
    }
}

#[test]
fn versions_at_the_end_of_what_numbers_hold_are_a_gap_and_nothing_worse() {
    let last = u64::MAX.to_string();
    let told = with("events/7.header", header("version", &last).as_bytes());
    assert_eq!(told, ["not-included events/7", "version-gap events/7"]);
}

#[test]
fn a_note_that_readers_take_for_different_things_is_none() {
    let note = Scene::new().checkpoint();
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let root = text.lines().last().unwrap();
    let bytes = |text: &str| text.as_bytes().to_vec();
    let refused = [
        note.replace("\n8\n", "\n08\n").into_bytes(),
        note.replace("\n8\n", "\n18446744073709551616\n")
            .into_bytes(),
        note.replace("\n8\n", "\n0\n").into_bytes(),
        note.replace("\n8\n", "\n８\n").into_bytes(),
        note.replace(root, &root[1..]).into_bytes(),
        bytes(&format!("{text}\n\nx\n\n{signatures}")),
        bytes(&format!("{text}\r\n\n{signatures}")),
        bytes(&format!("{text}\n\n— a\u{1}b AAAAAAA=\n{signatures}")),
        bytes(&format!("{text}\n\n— a\u{85}b AAAAAAA=\n{signatures}")),
        bytes(&format!("{text}\n\n— a AAAA\n{signatures}")),
        bytes(&format!("{text}\n\n— a AAAAAB==\n{signatures}")),
        bytes(&format!("{text}\n\n-- a AAAAAAA=\n{signatures}")),
        bytes(&format!("{text}\n\n{signatures}\n")),
        bytes(&format!("{text}\n\n{}", signatures.trim_end())),
        bytes(&format!("{text}\n\n")),
        bytes(&format!("{text}\n\n{}", "— a AAAAAAA=\n".repeat(101))),
        [b"\xff".as_slice(), note.as_bytes()].concat(),
        vec![b'x'; 1_000_001],
    ];
    for note in refused {
        let told = with("checkpoint", &note);
        let shown = String::from_utf8_lossy(&note[..note.len().min(200)]);
        assert_eq!(told, ["bad-checkpoint checkpoint"], "{shown}");
    }
    let more = format!("{text}\n\n— a AAAAAAA=\n{signatures}");
    let told = ask_with_note(&more);
    assert_eq!(told, ["no-key key"]);
}

fn ask_with_note(note: &str) -> Vec<String> {
    let mut files = Scene::new().files();
    put(&mut files, "checkpoint", note);
    list_anew(&mut files);
    ask(&files, None, None).codes
}

#[test]
fn a_key_whose_signatures_anybody_can_make_is_none() {
    // Points of small order (RFC 8032, section 5.1): openssl alone takes them.
    let mut points = vec![[0; 32]; 4];
    points[1][0] = 1;
    points[2][..].copy_from_slice(&[0xff; 32]);
    (points[2][0], points[2][31]) = (0xec, 0x7f);
    points[3][31] = 0x80;
    let eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    points.push(hex(eighth));
    // This one is no point at all.
    let mut none = [0; 32];
    none[0] = 2;
    points.push(none);
    for point in points {
        let mut key = vec![1];
        key.extend(point);
        let named = [b"log.example.org\n".as_slice(), &key].concat();
        let id = <sha2::Sha256 as sha2::Digest>::digest(named);
        let id = format!("{:08x}", u32::from_be_bytes(id[..4].try_into().unwrap()));
        let text = format!("log.example.org+{id}+{}\n", base64(&key));
        let told = with("key", text.as_bytes());
        assert_eq!(told, ["bad-key key"], "{text}");
    }
}

fn hex(text: &str) -> [u8; 32] {
    let bytes = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap());
    bytes.collect::<Vec<u8>>().try_into().unwrap()
}

#[test]
fn what_follows_a_key_or_stands_before_it_makes_it_none() {
    let key = Scene::new().key.verifier().to_string();
    let (name, rest) = key.split_once('+').unwrap();
    for bad in [
        key.clone(),
        format!("{key}\n\n"),
        format!(" {key}\n"),
        format!("{key}=\n"),
        format!("{name}\u{a0}+{rest}\n"),
        format!("+{rest}\n"),
        String::new(),
    ] {
        assert_eq!(with("key", bad.as_bytes()), ["bad-key key"], "{bad:?}");
    }
}

#[test]
fn a_checkpoint_of_another_log_under_the_same_key_is_told() {
    let tree = Tree::EMPTY;
    let told = with("checkpoint", signed(tree, &signer(1)).as_bytes());
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told.iter().all(|it| it.starts_with("after-checkpoint ")),
        "{told:?}"
    );
}
