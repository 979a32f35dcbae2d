//! Where PostgreSQL's programs are, and how to run them as a user that PostgreSQL accepts.

use crate::ClusterError;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The oldest major version the product supports.
const OLDEST_MAJOR: u32 = 15;

/// The folder of the server's programs, and the user who runs them.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    folder: PathBuf,
    /// PostgreSQL refuses to run as root, so root runs it as `postgres`.
    as_postgres: bool,
}

impl Binaries {
    /// Finds the server: `MEGURI_POSTGRES_BIN`, what `pg_config` says, Debian's folders, `PATH`.
    pub(crate) fn find() -> Result<Self, ClusterError> {
        let named = std::env::var_os("MEGURI_POSTGRES_BIN").map(PathBuf::from);
        let candidates = match named {
            Some(folder) => vec![folder],
            None => candidates(),
        };
        Self::find_in(&candidates)
    }

    /// Finds the server in the first of these folders that holds one.
    pub(crate) fn find_in(candidates: &[PathBuf]) -> Result<Self, ClusterError> {
        let complete = |folder: &&PathBuf| {
            ["initdb", "pg_ctl", "postgres"]
                .iter()
                .all(|program| folder.join(program).exists())
        };
        let Some(folder) = candidates.iter().find(complete) else {
            let looked_in: Vec<_> = candidates
                .iter()
                .map(|it| it.display().to_string())
                .collect();
            return Err(ClusterError::Missing {
                looked_in: looked_in.join(", "),
            });
        };
        // Debian's own folder, not a link to one program of it: the server looks beside itself.
        let folder = folder.join("initdb").canonicalize().ok();
        let folder = folder.and_then(|initdb| initdb.parent().map(Path::to_path_buf));
        let folder = folder.ok_or_else(|| ClusterError::Missing {
            looked_in: String::new(),
        })?;
        let found = Self {
            folder,
            as_postgres: running_as_root(),
        };
        found.check_version()?;
        Ok(found)
    }

    /// A command line for one of the server's programs, or for `sh`-level programs such as `rm`,
    /// as the user who owns the cluster.
    pub(crate) fn owned(&self, program: &str) -> Command {
        let path = self.path(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // The working folder of a test need not be readable for the user `postgres`.
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// The words before a program's name that make it run as the cluster's owner, for scripts.
    pub(crate) fn owner_prefix(&self) -> &'static str {
        if self.as_postgres {
            "runuser -u postgres --"
        } else {
            ""
        }
    }

    /// The path of a program: beside the server, else by its bare name from `PATH`.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        let beside = self.folder.join(program);
        if beside.exists() {
            beside
        } else {
            PathBuf::from(program)
        }
    }

    fn check_version(&self) -> Result<(), ClusterError> {
        let program = self.path("postgres");
        let output = run(Command::new(&program).arg("--version"))?;
        // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let number = said.split_whitespace().nth(2).unwrap_or_default();
        let major = number
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        match major.parse::<u32>() {
            Ok(major) if major >= OLDEST_MAJOR => Ok(()),
            _ => Err(ClusterError::TooOld {
                program: program.display().to_string(),
                version: said,
            }),
        }
    }
}

/// Runs a command to its end; a failure carries what the command said.
pub(crate) fn run(command: &mut Command) -> Result<Output, ClusterError> {
    let line = line(command);
    let output = command
        .output()
        .map_err(ClusterError::io(format!("run `{line}`")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    Err(ClusterError::Failed {
        command: line,
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = run(Command::new("pg_config").arg("--bindir")) {
        folders.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ));
    }
    folders.extend(debian_folders());
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders
}

/// Debian keeps each major version in a folder of its own and off `PATH`; the newest comes first.
fn debian_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// Whether this process is root, as far as files it makes tell (there is no `geteuid` in std).
fn running_as_root() -> bool {
    std::fs::metadata("/proc/self").map_or_else(
        |_| std::env::var("USER").is_ok_and(|user| user == "root"),
        |of_this_process| of_this_process.uid() == 0,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_machine_without_postgresql_is_told_what_to_install() {
        let nowhere = [
            PathBuf::from("/nowhere/bin"),
            PathBuf::from("/nowhere/else"),
        ];
        let told = Binaries::find_in(&nowhere)
            .expect_err("nothing is there")
            .to_string();
        assert!(told.contains("apt-get install postgresql"), "{told}");
        assert!(told.contains("/nowhere/bin, /nowhere/else"), "{told}");
    }

    #[test]
    fn the_installed_server_is_found_and_new_enough() {
        let found = Binaries::find().unwrap();
        assert!(found.path("initdb").is_absolute());
    }

    #[test]
    fn a_failing_program_is_quoted_with_its_own_words() {
        let told = run(Command::new("ls").arg("/nowhere"))
            .expect_err("no such folder")
            .to_string();
        assert!(told.contains("ls /nowhere"), "{told}");
        assert!(told.contains("No such file"), "{told}");
    }
}
