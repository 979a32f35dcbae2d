//! Both programs that check bundles: this crate and `verify.py`, which have to say the same.

use std::path::Path;
use std::process::Command;

use meguri_evidence::{Expected, Files, Verdict, verify};
use meguri_proofs::VerifierKey;

/// What both programs say of a bundle.
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    pub(crate) text: String,
    /// The findings, or why nothing can be told: `<code> <where>`.
    pub(crate) codes: Vec<String>,
}

/// The program that is in every bundle, as anyone would run it.
pub(crate) fn python(path: &Path, arguments: &[&str]) -> (i32, String) {
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
pub(crate) fn ask(files: &Files, key: Option<&VerifierKey>, stream: Option<&str>) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("bundle.zip");
    let bytes = files.to_zip().unwrap();
    std::fs::write(&zip, &bytes).unwrap();
    let key_text = key.map(ToString::to_string);
    let mut arguments = Vec::new();
    arguments.extend(key_text.iter().flat_map(|key| ["--key", key]));
    arguments.extend(stream.iter().flat_map(|stream| ["--of", stream]));
    let (code, told) = python(&zip, &arguments);

    let files = Files::from_zip(&bytes).unwrap();
    let report = verify(&files, Expected { key, stream });
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
