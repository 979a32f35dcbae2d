//! Software of which not a line is ours accepts the published log, and rejects one that was
//! tampered with: Go's `sumdb/tlog` and `sumdb/note`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meguri_postgres_cluster::shared;
use meguri_proofs::VerifierKey;

use super::proofs::{checkpoint, verifier};
use crate::support::api::Api;
use crate::support::server::Installation;

/// The program, and where Debian has the packages that it needs.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent/verify.go");
const PACKAGES: &str = "/usr/share/gocode";

/// How many proofs of each kind are checked.
const PROOFS: u64 = 20;

/// Go's verifier, built.
struct Verifier(PathBuf);

impl Verifier {
    fn build(folder: &Path) -> Self {
        let program = folder.join("verify");
        let built = Command::new("go")
            .args(["build", "-o"])
            .args([&program, Path::new(PROGRAM)])
            .env("GO111MODULE", "off")
            .env("GOPATH", PACKAGES)
            .env("GOCACHE", folder.join("cache"))
            .output()
            .expect("Go is there: `make tools` installs it");
        assert!(built.status.success(), "{built:?}");
        Self(program)
    }

    /// What it says of a published log: whether it holds, and in words.
    fn asked(&self, published: &Path, key: &str) -> (bool, String) {
        let asked = Command::new(&self.0).arg(published).arg(key).output();
        let asked = asked.unwrap();
        let said = [asked.stdout, asked.stderr].concat();
        (asked.status.success(), String::from_utf8(said).unwrap())
    }
}

/// Has the log published as files, with proofs that the server makes beside them.
async fn published(installation: &Installation, to: &Path) -> (VerifierKey, u64) {
    installation.run(&["demo", "--members", "20", "--exchanges", "60"]);
    let server = installation.serve().await;
    let status = server.api().get("/api/status", None).await;
    let key = verifier(installation);
    let head = status["log"]["position"].as_u64().unwrap();
    let tree = checkpoint(server.api(), &key, head).await;
    installation.run(&["audit", "publish", to.to_str().unwrap()]);
    let (mut inclusion, mut consistency) = (String::new(), String::new());
    for number in 0..PROOFS {
        let index = number * (tree.size - 1) / (PROOFS - 1);
        let path = format!("/api/events/{}/proof?size={}", index + 1, tree.size);
        let proof = hashes(server.api(), &path).await;
        writeln!(inclusion, "{index} {proof}").unwrap();
        let older = index + 1;
        let path = format!("/api/proof/consistency?from={older}&to={}", tree.size);
        let proof = hashes(server.api(), &path).await;
        writeln!(consistency, "{older} {proof}").unwrap();
    }
    fs::write(to.join("inclusion"), inclusion).unwrap();
    fs::write(to.join("consistency"), consistency).unwrap();
    server.terminate().await;
    (key, tree.size)
}

async fn hashes(api: &Api, path: &str) -> String {
    let answer = api.get(path, None).await;
    let hashes = answer["proof"].as_array().unwrap().iter();
    let hashes: Vec<_> = hashes.map(|hash| hash.as_str().unwrap()).collect();
    hashes.join(",")
}

async fn it_is_accepted_as_it_is_and_rejected_when_tampered_with(installation: &Installation) {
    let folder = tempfile::tempdir().unwrap();
    let verifier = Verifier::build(folder.path());
    let log = folder.path().join("log");
    let (key, size) = published(installation, &log).await;
    let key = key.to_string();
    assert!(size > 512, "two full tiles and a part of one: {size}");
    let (holds, said) = verifier.asked(&log, &key);
    let proofs = "20 inclusion and 20 consistency proofs hold\n";
    assert!(
        holds && said.starts_with(&format!("{size} entries, ")),
        "{said}"
    );
    assert!(said.ends_with(proofs), "{said}");

    for (file, line) in [
        ("checkpoint", 1),
        ("checkpoint", 2),
        ("checkpoint", 4),
        ("tile/0/000", 0),
        ("tile/0/001", 0),
        ("tile/entries/001", 0),
        ("inclusion", 7),
        ("consistency", 7),
    ] {
        let path = log.join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, with_a_changed_byte(&before, line)).unwrap();
        let (holds, said) = verifier.asked(&log, &key);
        assert!(!holds, "{file} was changed: {said}");
        fs::write(&path, before).unwrap();
    }
    let other = Installation::on_sqlite();
    let elsewhere = folder.path().join("other");
    let (other, _) = published(&other, &elsewhere).await;
    assert!(!verifier.asked(&log, &other.to_string()).0, "another key");
    assert!(verifier.asked(&log, &key).0);
}

/// The same with another byte near the end of a line, or in the middle of bytes without lines.
fn with_a_changed_byte(bytes: &[u8], line: usize) -> Vec<u8> {
    let at = if line == 0 {
        bytes.len() / 2
    } else {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let (end, _) = ends.map(|(end, byte)| (end, *byte)).nth(line).unwrap();
        // Digits, letters of base64 and its padding stay what they are.
        end - 5
    };
    let mut changed = bytes.to_vec();
    changed[at] = match changed[at] {
        b'A' => b'B',
        byte if byte.is_ascii_alphabetic() && line > 0 => b'A',
        byte => byte ^ 1,
    };
    changed
}

#[tokio::test]
async fn independent_software_accepts_the_log_and_rejects_a_tampered_one_on_sqlite() {
    it_is_accepted_as_it_is_and_rejected_when_tampered_with(&Installation::on_sqlite()).await;
}

#[tokio::test]
async fn independent_software_accepts_the_log_and_rejects_a_tampered_one_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    let installation = Installation::on_databases(database);
    it_is_accepted_as_it_is_and_rejected_when_tampered_with(&installation).await;
}
