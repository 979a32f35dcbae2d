//! A bundle is one string of bytes: whatever was done to its zip is found by both programs, and
//! where they read one, so does every other reader.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use meguri_evidence::{Expected, Files, Packer, Verdict, verify, verify_zip};

use crate::both::{arguments, python};
use crate::scene::{EXCHANGE, Scene};

/// What is done to the bytes of a zip: from `at` on, so many bytes are replaced by these.
struct Change {
    at: usize,
    removed: usize,
    put: Vec<u8>,
}

impl Change {
    fn of(&self, zip: &[u8]) -> Vec<u8> {
        let (before, behind) = (&zip[..self.at], &zip[self.at + self.removed..]);
        [before, &self.put, behind].concat()
    }
}

/// Lets `verify.py` look at a zip after each of these changes: exit code and text of each.
const MANY: &str = r#"
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("verify", sys.argv[1])
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)
zip_ = open(sys.argv[2], "rb").read()
for line in sys.stdin:
    at, removed, put = json.loads(line)
    with open(sys.argv[2] + ".changed", "wb") as changed:
        changed.write(zip_[:at] + bytes(put) + zip_[at + removed:])
    try:
        report = verify.verify(sys.argv[2] + ".changed", sys.argv[3], None)
    except Exception as error:
        report = verify.Report()
        report.doubt("unreadable", str(error))
    code, lines = report.end()
    print(json.dumps([code, "".join(line + "\n" for line in lines)]))
"#;

fn verify_py() -> String {
    format!("{}/src/verify.py", env!("CARGO_MANIFEST_DIR"))
}

/// Both programs say the same of each, and none of it is sound.
fn both_find(scene: &Scene, zip: &[u8], changes: &[Change]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    std::fs::write(&path, zip).unwrap();
    let key = scene.key.verifier();
    let mut command = Command::new("python3");
    command
        .args(["-I", "-B", "-c", MANY, &verify_py()])
        .arg(&path);
    command.arg(key.to_string()).stdin(Stdio::piped());
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = changes.iter().map(|it| {
        let put: Vec<String> = it.put.iter().map(u8::to_string).collect();
        format!("[{},{},[{}]]\n", it.at, it.removed, put.join(","))
    });
    let (lines, mut input): (String, _) = (lines.collect(), running.stdin.take().unwrap());
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let said = running.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let expected = Expected {
        key: Some(&key),
        stream: None,
    };
    assert_eq!(said.lines().count(), changes.len());
    for (said, change) in said.lines().zip(changes) {
        let (at, removed, put) = (change.at, change.removed, &change.put);
        let said: (u8, String) = serde_json::from_str(said).unwrap();
        let report = verify_zip(&change.of(zip), expected);
        let ours = (report.verdict().exit_code(), report.to_string());
        assert_eq!(said, ours, "at {at} {removed} bytes became {put:?}");
        assert_ne!(ours.0, 0, "at {at} {removed} bytes became {put:?}");
    }
}

/// Where the bytes of a zip are that are no file's own, and are not repeated for every file of it.
fn structure(zip: &[u8], files: &Files) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    for (number, (name, bytes)) in files.iter().enumerate() {
        let header = 30 + name.len();
        if number < 4 {
            found.extend(at..at + header);
        }
        at += header + bytes.len();
    }
    let end = zip.len() - 22;
    let lines: Vec<usize> = files.iter().map(|(name, _)| 46 + name.len()).collect();
    let last: usize = lines.iter().rev().take(3).sum();
    found.extend(at..at + 200);
    found.extend(end - last..zip.len());
    found
}

#[test]
fn a_zip_of_which_one_byte_was_changed_inserted_removed_or_repeated_is_found() {
    let scene = Scene::new();
    let files = scene.files();
    let zip = files.to_zip().unwrap();
    let mut changes = Vec::new();
    for at in structure(&zip, &files) {
        let own = zip[at];
        let replaced = [own ^ 1, own ^ 0x80, own.wrapping_add(1), !own];
        let replaced = replaced[at % 2..].iter().step_by(2);
        changes.extend(replaced.map(|byte| Change {
            at,
            removed: 1,
            put: vec![*byte],
        }));
        for (removed, put) in [(0, vec![0]), (0, vec![own]), (1, vec![])] {
            changes.push(Change { at, removed, put });
        }
    }
    for put in [vec![0], b"PK\x05\x06".to_vec(), zip.clone()] {
        let (at, removed) = (zip.len(), 0);
        changes.push(Change { at, removed, put });
    }
    both_find(&scene, &zip, &changes);
}

#[test]
fn parts_of_a_zip_that_were_moved_repeated_or_taken_out_are_found() {
    let scene = Scene::new();
    let zip = scene.files().to_zip().unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % bound as u64).unwrap()
    };
    let changes = (0..1_500).map(|_| {
        let (at, from) = (below(zip.len()), below(zip.len()));
        let length = 1 + below(120);
        let removed = below(3) * length.min(zip.len() - at) / 2;
        let put = zip[from..zip.len().min(from + length)].to_vec();
        Change { at, removed, put }
    });
    let changes: Vec<Change> = changes.collect();
    let changes: Vec<Change> = changes
        .into_iter()
        .filter(|it| it.put != zip[it.at..it.at + it.removed])
        .collect();
    both_find(&scene, &zip, &changes);
}

/// The zip of these files in this order, whatever their names.
fn packed<'f>(files: impl Iterator<Item = (&'f str, &'f [u8])>) -> (Vec<u8>, usize) {
    let (mut zip, mut packer) = (Vec::new(), Packer::default());
    for (name, bytes) in files {
        zip.extend(packer.file(name, bytes).unwrap());
        zip.extend(bytes);
    }
    let files_end = zip.len();
    zip.extend(packer.finish());
    (zip, files_end)
}

fn both_say(zip: &[u8], scene: &Scene) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    std::fs::write(&path, zip).unwrap();
    let key = scene.key.verifier();
    let said = python(&path, &arguments(Some(&key), Some(EXCHANGE)));
    let expected = Expected {
        key: Some(&key),
        stream: Some(EXCHANGE),
    };
    let report = verify_zip(zip, expected);
    let code = i32::from(report.verdict().exit_code());
    assert_eq!(said, (code, report.to_string()));
    said
}

#[test]
fn a_second_text_that_only_some_readers_see_is_found() {
    let scene = Scene::new();
    let files = scene.files();
    let forged: &[u8] = r#"{"text":"困ります"}"#.as_bytes();
    let mut all: Vec<(&str, &[u8])> = files.iter().collect();
    let at = all
        .iter()
        .position(|it| it.0 == "events/6.text.json")
        .unwrap();
    all.insert(at + 1, ("events/6.text.json", forged));
    let (twice, _) = packed(all.iter().copied());
    assert_eq!(both_say(&twice, &scene).0, 1);
    // The last file is the forged one, and the record at the end counts one file less.
    let forged = ("events/6.text.json", forged);
    let (mut hidden, files_end) = packed(files.iter().chain([forged]));
    let end = hidden.len() - 22;
    let count = u16::from_le_bytes([hidden[end + 8], hidden[end + 9]]) - 1;
    hidden[end + 8..end + 10].copy_from_slice(&count.to_le_bytes());
    hidden[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
    assert_eq!(both_say(&hidden, &scene).0, 1);
    // Its line in the directory is not counted, either.
    let line = u32::try_from(46 + forged.0.len()).unwrap();
    let length = u32::try_from(end - files_end).unwrap() - line;
    hidden[end + 12..end + 16].copy_from_slice(&length.to_le_bytes());
    assert_eq!(both_say(&hidden, &scene).0, 1);
    // Two zips in one file: readers begin at either end.
    let (mut forged_files, honest) = (files.clone(), files.to_zip().unwrap());
    forged_files
        .add(forged.0.to_owned(), forged.1.to_vec())
        .unwrap();
    let forged_zip = forged_files.to_zip().unwrap();
    for both in [[&forged_zip, &honest], [&honest, &forged_zip], [&honest; 2]] {
        let both = both.map(Vec::as_slice).concat();
        assert_eq!(both_say(&both, &scene).0, 1);
    }
}

#[test]
fn a_bundle_that_others_packed_again_is_no_bundle_any_more() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    for method in ["ZIP_STORED", "ZIP_DEFLATED"] {
        std::fs::write(&path, scene.files().to_zip().unwrap()).unwrap();
        let again = format!(
            "import sys, zipfile\n\
             old = zipfile.ZipFile(sys.argv[1])\n\
             files = [(it, old.read(it)) for it in old.namelist()]\n\
             with zipfile.ZipFile(sys.argv[1], 'w', zipfile.{method}) as new:\n    \
                 for it in files: new.writestr(*it)\n"
        );
        let run = Command::new("python3")
            .args(["-I", "-c", &again])
            .arg(&path)
            .status();
        assert!(run.unwrap().success());
        let (code, said) = both_say(&std::fs::read(&path).unwrap(), &scene);
        assert_eq!(code, 1);
        assert!(said.starts_with("not-canonical: zip\n"), "{said}");
    }
}

#[test]
fn other_readers_see_the_files_that_were_checked() {
    let scene = Scene::new();
    let files = scene.files();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    std::fs::write(&path, files.to_zip().unwrap()).unwrap();
    let into = folder.path().join("unpacked");
    let all = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let mut command = Command::new("python3");
    command.args(["-I", "-c", all]).arg(&path).arg(&into);
    assert!(command.status().unwrap().success());
    let mut count = 0;
    for (name, bytes) in files.iter() {
        assert_eq!(std::fs::read(into.join(name)).unwrap(), bytes, "{name}");
        count += 1;
    }
    assert_eq!(count_files(&into), count);
}

#[test]
fn what_unzip_makes_of_a_changed_zip_is_sound_only_where_it_is_the_same() {
    let scene = Scene::new();
    let files = scene.files();
    let zip = files.to_zip().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    let key = scene.key.verifier();
    let expected = Expected {
        key: Some(&key),
        stream: Some(EXCHANGE),
    };
    let unpacked = |zip: &[u8]| {
        std::fs::write(&path, zip).unwrap();
        let into = folder.path().join("unpacked");
        let _ = std::fs::remove_dir_all(&into);
        let mut command = Command::new("unzip");
        command.args(["-qq", "-o", "-P", "none"]).arg(&path);
        command.arg("-d").arg(&into).stdin(Stdio::null());
        let done = command.stderr(Stdio::null()).stdout(Stdio::null());
        done.status()
            .expect("unzip is installed (.ci/install-tools)");
        let mut found = Files::default();
        unpacked_into(&mut found, &into, "");
        found
    };
    assert_eq!(
        unpacked(&zip),
        files,
        "unzip sees the files that were checked"
    );
    // It takes no notice of much that is no file's own, and of what it does, all has to be found.
    let mut the_same = 0;
    for at in structure(&zip, &files).into_iter().step_by(5) {
        for put in [vec![zip[at] ^ 1], vec![!zip[at]], vec![], vec![zip[at]; 2]] {
            let changed = Change {
                at,
                removed: 1,
                put,
            };
            let found = unpacked(&changed.of(&zip));
            let is_sound = verify(&found, expected).verdict() == Verdict::Sound;
            assert_eq!(is_sound, found == files, "at {at}: {:?}", changed.put);
            the_same += usize::from(is_sound);
        }
    }
    assert!(the_same > 100, "{the_same} were the same to unzip");
}

/// Takes in all files below a folder.
fn unpacked_into(files: &mut Files, folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            unpacked_into(files, &entry.path(), &format!("{name}/"));
        } else {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            // A name that no bundle has is another file.
            let _ = files.add(name, bytes);
        }
    }
}

fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let counts = entries.map(|path| if path.is_dir() { count_files(&path) } else { 1 });
    counts.sum()
}

#[test]
fn what_is_no_zip_at_all_cannot_be_told_anything_of() {
    let scene = Scene::new();
    for none in [&b""[..], b"no zip", b"\0", b"P"] {
        let (code, said) = both_say(none, &scene);
        assert_eq!(code, i32::from(Verdict::CannotTell.exit_code()));
        assert!(
            said.starts_with("unreadable: this is not a zip\n"),
            "{said}"
        );
    }
}
