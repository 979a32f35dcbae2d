//! Nobody keeps a verifier busy, has it open what is no file, or makes another verdict of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use meguri_evidence::{
    ERASURES_MAX, Expected, Files, Packer, Verdict, verify, verify_beside, verify_zip,
};

use crate::both::{arguments, ask, python, unpack};
use crate::scene::{EXCHANGE, Scene, list_anew, put};

/// Far more than it takes, and far less than what grows with the square of the entries.
const LONG: Duration = Duration::from_mins(2);

#[test]
fn very_many_files_that_do_not_belong_are_counted_and_the_first_are_named() {
    let begun = Instant::now();
    let (mut zip, mut packer) = (Vec::new(), Packer::default());
    for number in 0..150_000 {
        zip.extend(packer.file(&format!("{number:06}"), b"").unwrap());
    }
    zip.extend(packer.finish());
    let files = Files::from_zip(&zip).unwrap();
    let said = ask(&files, None, None);
    assert_eq!(said.verdict, Verdict::Findings);
    let lines = said.text.lines().count();
    assert!(lines < 4_000, "{lines} lines are printed");
    assert!(
        said.text.contains("\nand 149007 more\n"),
        "{}",
        &said.text[said.text.len() - 200..]
    );
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[test]
fn events_that_all_speak_of_each_other_do_not_keep_a_verifier_busy() {
    let begun = Instant::now();
    let mut files = Files::default();
    let sealed = (0..16).map(|number| {
        format!(r#"{{"section":"s{number}","key":"m/c{number}/9","commitment":""}}"#)
    });
    let sealed = sealed.collect::<Vec<_>>().join(",");
    let erasing = (0..16).map(|number| format!("\"c{number}/8\""));
    let erasing = erasing.collect::<Vec<_>>().join(",");
    for position in 1..=5_000_u64 {
        let header = format!(
            "{{\"id\":\"{position}\",\"stream\":\"s{position}\",\"version\":9,\"at\":\"\",\
             \"actor\":\"m\",\"causation\":\"1\",\"data\":{{}},\"sealed\":[{sealed}]}}"
        );
        put(&mut files, &format!("events/{position}.header"), header);
        put(
            &mut files,
            &format!("events/{}.entry", position + 10_000),
            "",
        );
    }
    for position in 20_001..=20_000 + ERASURES_MAX as u64 {
        let header = format!(
            "{{\"id\":\"{position}\",\"stream\":\"m\",\"version\":9,\"at\":\"\",\
             \"actor\":\"m\",\"data\":{{\"m\":\"m\",\"keys\":[{erasing}]}}}}"
        );
        put(&mut files, &format!("erasures/{position}.header"), header);
    }
    list_anew(&mut files);
    assert_eq!(ask(&files, None, None).verdict, Verdict::Findings);
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[test]
fn a_list_of_sums_that_names_one_large_file_again_and_again_is_summed_once() {
    let begun = Instant::now();
    let mut files = Scene::new().files();
    put(&mut files, "README.en.md", vec![b'x'; 8 << 20]);
    let line = format!("{}  README.en.md\n", "0".repeat(64));
    put(&mut files, "SHA256SUMS", line.repeat(100_000));
    let said = ask(&files, None, None);
    assert!(said.codes.contains(&"sum-differs README.en.md".to_owned()));
    put(&mut files, "SHA256SUMS", line.repeat(200_001));
    let said = ask(&files, None, None);
    assert_eq!(said.codes[0], "bad-sums SHA256SUMS");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
}

#[test]
fn more_erasures_than_anybody_needs_are_not_looked_at() {
    let mut files = Scene::new().files();
    for position in 0..=ERASURES_MAX {
        put(
            &mut files,
            &format!("erasures/{}.header", 100 + position),
            "{}",
        );
    }
    let said = ask(&files, None, None);
    assert_eq!(said.verdict, Verdict::CannotTell);
    assert!(
        said.text.starts_with("unreadable: a bundle has at most"),
        "{}",
        said.text
    );
}

#[test]
fn what_is_no_file_in_an_unpacked_bundle_is_named_and_not_opened() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    unpack(&scene.files(), folder.path());
    let at = |name: &str| folder.path().join(name);
    let made = Command::new("mkfifo")
        .arg(at("events/9.header"))
        .status()
        .unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("/dev/zero", at("events/9.blind")).unwrap();
    std::os::unix::fs::symlink("..", at("erasures")).unwrap();
    std::fs::create_dir_all(at("events/events/deep")).unwrap();
    let key = scene.key.verifier();
    let said = python(folder.path(), &arguments(Some(&key), Some(EXCHANGE)));
    let others = [
        "erasures",
        "events/9.blind",
        "events/9.header",
        "events/events",
    ];
    let expected = Expected {
        key: Some(&key),
        stream: Some(EXCHANGE),
    };
    let others = others.map(str::to_owned).to_vec();
    let report = verify_beside(&scene.files(), others, expected);
    assert_eq!(report.findings.len(), 4, "{report}");
    assert_eq!(said, (1, report.to_string()));
}

#[test]
fn a_pipe_or_a_device_in_the_place_of_a_bundle_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for path in [pipe.as_path(), "/dev/zero".as_ref()] {
        let (code, said) = python(path, &[]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("this is no plain file"), "{said}");
    }
}

#[test]
fn a_verdict_stays_what_it_is_where_nobody_reads_what_is_printed() {
    let scene = Scene::new();
    let mut tampered = scene.files();
    put(&mut tampered, "events/6.text.json", "{}");
    let key = scene.key.verifier();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    for (files, key, code) in [
        (scene.files(), Some(&key), 0),
        (tampered, Some(&key), 1),
        (scene.files(), None, 2),
    ] {
        let zip = files.to_zip().unwrap();
        std::fs::write(&path, &zip).unwrap();
        let expected = Expected { key, stream: None };
        assert_eq!(verify_zip(&zip, expected).verdict().exit_code(), code);
        for redirected in ["| true", "| head -c1", ">/dev/full", ">&-", "2>&- >&-"] {
            let script = format!("set -o pipefail; \"$@\" {redirected} 2>errors");
            let mut command = Command::new("bash");
            command.current_dir(folder.path());
            command.args(["-c", &script, "bash", "python3", "-I"]);
            command.arg(format!("{}/src/verify.py", env!("CARGO_MANIFEST_DIR")));
            command.arg(&path).args(arguments(key, None));
            let run = command.stdin(Stdio::null()).output().unwrap();
            let errors = std::fs::read_to_string(folder.path().join("errors")).unwrap();
            let found = (run.status.code(), errors.as_str());
            assert_eq!(found, (Some(i32::from(code)), ""), "{redirected}");
        }
    }
}

#[test]
fn a_proof_as_long_as_a_bundle_is_no_proof() {
    let mut files = Scene::new().files();
    put(&mut files, "events/6.proof", "\n".repeat(4 << 20));
    list_anew(&mut files);
    assert_eq!(ask(&files, None, None).codes, ["malformed events/6.proof"]);
    assert_eq!(verify(&files, Expected::default()).findings.len(), 1);
}
