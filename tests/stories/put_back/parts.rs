//! The parts of an installation, each as it was on one of two days, missing, damaged, or another's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use meguri_postgres_cluster::{SharedCluster, shared};
use meguri_proofs::Tree;

use crate::stories::proofs::{checkpoint, verifier};
use crate::support::server::Installation;

/// Whatever may be put back by itself.
pub(super) const PARTS: [&str; 7] = [
    "log",
    "vault",
    "vault.key",
    "log.key",
    "checkpoint",
    "log.place",
    "views",
];

/// What may be with each part.
const STATES: [&str; 4] = ["older", "newer", "missing", "damaged"];
/// As [`STATES`]: keys may be another's.
const STATES_OF_KEYS: [&str; 5] = ["older", "newer", "missing", "damaged", "another"];

pub(super) fn states(part: &str) -> &'static [&'static str] {
    if matches!(part, "log.key" | "vault.key") {
        &STATES_OF_KEYS
    } else {
        &STATES
    }
}

/// Which of everything that there is of a part is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    First,
    Second,
    Missing,
    Damaged,
    Another,
}

/// A part, and what is with it.
pub(super) type State = (&'static str, &'static str);
/// The version of each part.
pub(super) type Arrangement = BTreeMap<&'static str, Version>;

/// The versions of all parts, where these two are so; `newer` means that all the others are older.
pub(super) fn arrangement(states: &[State]) -> Arrangement {
    let base = if states.iter().any(|(_, state)| *state == "newer") {
        Version::First
    } else {
        Version::Second
    };
    let mut all: Arrangement = PARTS.iter().map(|part| (*part, base)).collect();
    for (part, state) in states {
        let version = match *state {
            "older" => Version::First,
            "newer" => Version::Second,
            "missing" => Version::Missing,
            "damaged" => Version::Damaged,
            "another" => Version::Another,
            other => panic!("nobody knows the state {other}"),
        };
        all.insert(part, version);
    }
    // The key that signs is the same on both days.
    if all["log.key"] == Version::First {
        all.insert("log.key", Version::Second);
    }
    all
}

/// The files of a part in the data folder; on PostgreSQL two parts are databases.
fn files_of(part: &str, in_files: bool) -> &[&str] {
    match part {
        "log" if in_files => &["log.db", "log.db-wal", "log.db-shm"],
        "vault" if in_files => &["vault.db", "vault.db-wal", "vault.db-shm"],
        "log" | "vault" => &[],
        "vault.key" => &["vault.key"],
        "log.key" => &["log.key"],
        "checkpoint" => &["checkpoint"],
        "log.place" => &["log.place"],
        "views" => &["views"],
        other => panic!("nobody knows the part {other}"),
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// Copies files over what is there, so that each keeps its place on the disk.
pub(super) fn copy(from: &Path, to: &Path) {
    if !from.exists() {
        return remove(to);
    }
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() && !entry.file_type().unwrap().is_file() {
            continue;
        }
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

fn damage(path: &Path) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            damage(&entry.unwrap().path());
        }
    } else if path.metadata().is_ok_and(|file| file.len() > 0) {
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(bytes.len() / 2 + 1);
        for byte in bytes.iter_mut().take(200) {
            *byte ^= 0x5a;
        }
        fs::write(path, bytes).unwrap();
    }
}

/// What is there of an installation on one day.
struct Day {
    folder: PathBuf,
    /// Dumps of the log and of the vault, on PostgreSQL.
    dumps: Option<[String; 2]>,
}

/// An installation with a story of two days, which can be arranged in any way again and again. The
/// files whose place on the disk tells a copy from the log keep it.
pub(super) struct Story {
    pub(super) installation: Installation,
    first: Day,
    second: Day,
    /// Links to the files that keep their place on the disk.
    kept: PathBuf,
    pub(super) last: Tree,
}

/// Lets a log that was put back into its database say that it has always been there.
const HERE: &str = "update public.publishing set place = 'the database ' || \
    (select system_identifier from pg_control_system()) || '/' || \
    (select oid from pg_database where datname = current_database()) || '/' || \
    'public.publishing'::regclass::oid;";

/// Files whose place on the disk is looked at.
const KEPT: [&str; 2] = ["log.db", "log.place"];

impl Story {
    /// Tells it; the key of the vault is rotated on the second day, or not.
    pub(super) async fn told(installation: Installation, rotated: bool) -> Self {
        let server = installation.serve().await;
        server.api().register("hanako", "はなこ").await;
        let key = verifier(&installation);
        let first_tree = checkpoint(server.api(), &key, 3).await;
        server.terminate().await;
        let first = Day::of(&installation, "first");
        if rotated {
            installation.run(&["vault", "rotate"]);
        }
        let server = installation.serve().await;
        server.api().register("taro", "たろう").await;
        let last = checkpoint(server.api(), &key, first_tree.size + 1).await;
        server.terminate().await;
        let second = Day::of(&installation, "second");
        let kept = installation.folder().join("kept");
        fs::create_dir(&kept).unwrap();
        for name in KEPT {
            let path = installation.data().join(name);
            if path.exists() {
                fs::hard_link(path, kept.join(name)).unwrap();
            }
        }
        Self {
            installation,
            first,
            second,
            kept,
            last,
        }
    }

    fn is_in_files(&self) -> bool {
        self.installation.databases().is_none()
    }

    /// Puts every part there as it is to be, whatever was there.
    pub(super) fn arrange(&self, all: &Arrangement) {
        let data = self.installation.data();
        // What belongs to no part is as new as the log is.
        let rest = match all["log"] {
            Version::First => &self.first,
            Version::Second | Version::Missing | Version::Damaged | Version::Another => {
                &self.second
            }
        };
        remove(&data);
        fs::create_dir(&data).unwrap();
        for name in KEPT {
            if self.kept.join(name).exists() {
                fs::hard_link(self.kept.join(name), data.join(name)).unwrap();
            }
        }
        copy(&rest.folder, &data);
        for (part, version) in all {
            for name in files_of(part, self.is_in_files()) {
                self.put(*version, &data.join(name), name);
            }
        }
        let Some((log, vault)) = self.installation.databases() else {
            return;
        };
        for (part, url, number, table) in
            [("log", log, 0, "events"), ("vault", vault, 1, "vault_keys")]
        {
            let dump = match all[part] {
                Version::First => &self.first.dumps.as_ref().unwrap()[number],
                Version::Missing => "",
                Version::Second | Version::Damaged | Version::Another => {
                    &self.second.dumps.as_ref().unwrap()[number]
                }
            };
            let more = match all[part] {
                Version::Damaged => format!("drop table public.{table} cascade;"),
                // As if nothing had been put back.
                Version::Second if part == "log" => HERE.to_owned(),
                Version::First | Version::Second | Version::Missing | Version::Another => {
                    String::new()
                }
            };
            cluster()
                .put_back(&url, &format!("{dump}\n{more}"))
                .unwrap();
        }
    }

    fn put(&self, version: Version, to: &Path, name: &str) {
        match version {
            Version::First => copy(&self.first.folder.join(name), to),
            Version::Second => copy(&self.second.folder.join(name), to),
            Version::Missing => remove(to),
            Version::Damaged => {
                copy(&self.second.folder.join(name), to);
                damage(to);
            }
            // 32 other bytes.
            Version::Another => fs::write(to, format!("{}=\n", "A".repeat(43))).unwrap(),
        }
    }
}

impl Day {
    fn of(installation: &Installation, name: &str) -> Self {
        let folder = installation.folder().join(name);
        copy(&installation.data(), &folder);
        let databases = installation.databases();
        let dumps = databases
            .map(|(log, vault)| [log, vault].map(|database| cluster().dump(&database).unwrap()));
        Self { folder, dumps }
    }
}

fn cluster() -> SharedCluster {
    shared().unwrap()
}
