//! Which programs there are, and how they are run: as a user that PostgreSQL accepts.

use std::{
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What is installed, and who runs it.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    /// The folder of PostgreSQL's programs.
    pub(super) postgres: PathBuf,
    /// The user and group `postgres`, where this process is root.
    owner: Option<(u32, u32)>,
}

impl Programs {
    /// Finds everything, or says what is missing.
    pub(super) fn find() -> Result<Self, String> {
        let missing = ["patroni", "etcd", "haproxy"]
            .into_iter()
            .filter(|program| said(program, &["--version"]).is_none() && !is_there(program));
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            return Err(format!("{} not installed", missing.join(", ")));
        }
        let folder = said("pg_config", &["--bindir"]).ok_or("pg_config is not installed")?;
        let postgres = PathBuf::from(folder);
        if !postgres.join("postgres").exists() {
            return Err(format!("no PostgreSQL server in {}", postgres.display()));
        }
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
        let number = |flag| said("id", &[flag, "postgres"]).and_then(|it| it.parse().ok());
        let owner = number("-u").zip(number("-g"));
        if is_root && owner.is_none() {
            return Err("there is no user postgres".into());
        }
        Ok(Self {
            postgres,
            owner: owner.filter(|_| is_root),
        })
    }

    /// Versions, for whoever reads the verdict.
    pub(super) fn versions(&self) -> Vec<String> {
        let postgres = self.postgres.join("postgres").display().to_string();
        let asked = [
            (postgres.as_str(), "--version"),
            ("patroni", "--version"),
            ("etcd", "--version"),
            ("haproxy", "-v"),
        ];
        let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
        asked
            .into_iter()
            .filter_map(|(program, flag)| said(program, &[flag]).map(first))
            .collect()
    }

    /// A command as the owner of the cluster, whose words go into this file.
    pub(super) fn command(&self, program: &Path, log: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let words = std::fs::File::options().create(true).append(true).open(log);
        let words = words.expect("a file for what it says");
        let also = words.try_clone().expect("a file for what it says");
        command.env("LC_ALL", "C.UTF-8").current_dir("/");
        command.stdin(Stdio::null()).stdout(words).stderr(also);
        // What interrupts this process is not to reach them: they are stopped one by one.
        command.process_group(0);
        command
    }

    /// Gives a folder to the owner of the cluster.
    pub(super) fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("a folder is given");
        }
    }
}

/// What a program says, where it is there and succeeds.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program is on the path.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}
