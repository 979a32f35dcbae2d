//! The disk under a server on SQLite turns read-only, or its device answers with errors, for a
//! while: the server refuses what it cannot write, says so, and goes on by itself.
//!
//! No disk here can be made to fail under a program that has files open on it: a mount that is
//! written to is not made read-only (`EBUSY`), and device mappers are not everywhere. So a library
//! between the program and the system (`failing_disk.c`) makes the calls fail as they would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::disk::an_outage;
use crate::sources::root;
use crate::support::server::Installation;

/// A disk that fails when it is told to.
struct FailingDisk {
    folder: TempDir,
    library: PathBuf,
}

impl FailingDisk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let library = folder.path().join("failing_disk.so");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library);
        compiler.arg(root().join("tests/faults/failing_disk.c"));
        let status = compiler.arg("-ldl").status();
        assert!(status.unwrap().success(), "C is compiled, as for SQLite");
        let disk = Self { folder, library };
        disk.is("well");
        disk
    }

    fn switch(&self) -> PathBuf {
        self.folder.path().join("switch")
    }

    /// How it is from now on.
    fn is(&self, how: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, how).unwrap();
        fs::rename(next, self.switch()).unwrap();
    }

    /// What a program has to find in its environment to have its files on it.
    fn variables(&self, data: &Path) -> [(&'static str, String); 3] {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", shown(&self.library)),
            ("FAILING_DISK_SWITCH", shown(&self.switch())),
            ("FAILING_DISK_FOLDER", shown(data)),
        ]
    }
}

async fn a_disk_that_is(how: &str) {
    let disk = FailingDisk::new();
    let mut installation = Installation::on_sqlite();
    installation.set(&disk.variables(&installation.data()));
    let mut server = installation.serve().await;
    an_outage(&mut server, || disk.is(how), || disk.is("well")).await;
    server.terminate().await;
    installation.run(&["audit", "check"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_turns_read_only_goes_on_as_soon_as_it_may_write() {
    a_disk_that_is("read-only").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_answers_with_errors_goes_on_as_soon_as_it_works() {
    a_disk_that_is("error").await;
}
