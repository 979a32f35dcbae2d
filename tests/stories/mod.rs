//! Stories of the whole product, as the people see it who run it and look into it.

mod audit;
pub(crate) mod backup;
mod bad_output;
mod buckets;
mod command_line;
mod configuration;
mod demo;
mod erasure;
mod evidence;
mod exit_codes;
mod files_of_others;
mod front_door;
mod handover;
mod independent;
mod input;
mod log;
mod lost_log;
mod matches;
mod past;
mod policies;
mod processes;
pub(crate) mod proofs;
mod put_back;
mod reach;
mod redacted_evidence;
mod redaction;
mod shutdown;
mod supervision;
mod time;
mod views;
mod witness;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder to run the program in, without settings of the machine.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program, ready to run here.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meguri"));
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        let of_meguri = |name: &str| name.starts_with("MEGURI_") || name.starts_with("AWS_");
        for (name, _) in std::env::vars().filter(|(name, _)| of_meguri(name)) {
            command.env_remove(name);
        }
        command.env_remove("DATABASE_URL").env_remove("VAULT_URL");
        command
    }

    /// Runs it to its end.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it to its end, which has to be a good one, and returns what it printed.
    fn answer(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "meguri {arguments:?}: {}",
            said(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What a run said on standard error.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
