//! Both programs that check bundles: this crate and `verify.py`, which have to say the same.

use std::path::Path;
use std::process::Command;

use meguri_evidence::{Expected, Files, Verdict, verify, verify_zip};
use meguri_proofs::VerifierKey;

/// What both programs say of a bundle.
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    pub(crate) text: String,
    /// The findings, or why nothing can be told: `<code> <where>`.
    pub(crate) codes: Vec<String>,
}

/// The program that is in every bundle, as anyone would run it.
pub(crate) fn python(path: &Path, arguments: &[String]) -> (i32, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verify.py");
    let mut command = Command::new("python3");
    command.arg("-I").arg(program).arg(path).args(arguments);
    let run = command.output().expect("python3 runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(said, "", "verify.py complains");
    (
        run.status.code().unwrap(),
        String::from_utf8(run.stdout).unwrap(),
    )
}

/// Lets both programs look at a bundle; the key is the one that the reader has from elsewhere.
/// Files that no zip of a bundle can have are unpacked, as somebody might.
pub(crate) fn ask(files: &Files, key: Option<&VerifierKey>, stream: Option<&str>) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let expected = Expected { key, stream };
    let report = if let Ok(bytes) = files.to_zip() {
        std::fs::write(&path, &bytes).unwrap();
        verify_zip(&bytes, expected)
    } else {
        unpack(files, &path);
        verify(files, expected)
    };
    let (code, told) = python(&path, &arguments(key, stream));
    assert_eq!(
        told,
        report.to_string(),
        "verify.py (left) and meguri-evidence differ"
    );
    assert_eq!(code, i32::from(report.verdict().exit_code()));
    let found = report.findings.iter();
    let found = found.chain(report.unknown.iter().filter(|_| report.findings.is_empty()));
    let codes = found.map(|it| format!("{} {}", it.code.code(), it.at));
    Said {
        verdict: report.verdict(),
        codes: codes.collect(),
        text: told,
    }
}

/// What the program is told that lies in every bundle.
pub(crate) fn arguments(key: Option<&VerifierKey>, stream: Option<&str>) -> Vec<String> {
    let key = key.map(|key| ["--key".to_owned(), key.to_string()]);
    let stream = stream.map(|stream| ["--of".to_owned(), stream.to_owned()]);
    key.into_iter().chain(stream).flatten().collect()
}

/// Writes the files into a folder.
pub(crate) fn unpack(files: &Files, folder: &Path) {
    for (name, bytes) in files.iter() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
