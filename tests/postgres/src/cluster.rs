//! One cluster: its folder, its port, its start and its end.

use crate::ClusterError;
use crate::binaries::{Binaries, run};
use crate::watchdog;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How often a start is repeated with another port, or with the same one after a stop.
const START_ATTEMPTS: u32 = 10;
/// The pause between two attempts on the same port.
const START_PAUSE: Duration = Duration::from_millis(300);
/// How much of the server's log is quoted when it does not start, in bytes.
const LOG_QUOTED: usize = 2_000;

/// What the server does to survive a loss of power. A crash of the server alone loses nothing in
/// either case, for the operating system still holds what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `fsync=on`: what production does; for benches and for tests that crash the server.
    Full,
    /// `fsync=off`: for tests of behaviour, which it makes much faster.
    Off,
}

/// How a cluster differs from PostgreSQL's defaults.
#[derive(Debug, Clone)]
pub struct Options {
    durability: Durability,
    settings: Vec<(String, String)>,
}

impl Options {
    /// Room for `max_connections` = 200, everything else as PostgreSQL ships it.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        Self {
            durability,
            settings: vec![("max_connections".into(), "200".into())],
        }
    }

    /// Adds a line to `postgresql.conf`; the value is quoted.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    fn lines(&self) -> String {
        let own = [
            ("listen_addresses", "127.0.0.1"),
            // No socket file: its path would have to be short, and TCP is what the product uses.
            ("unix_socket_directories", ""),
            (
                "fsync",
                if self.durability == Durability::Full {
                    "on"
                } else {
                    "off"
                },
            ),
            (
                "full_page_writes",
                if self.durability == Durability::Full {
                    "on"
                } else {
                    "off"
                },
            ),
        ];
        let asked = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let line =
            |(name, value): (&str, &str)| format!("{name} = '{}'\n", value.replace('\'', "''"));
        std::iter::once("\n".to_owned())
            .chain(own.into_iter().chain(asked).map(line))
            .collect()
    }
}

/// A running PostgreSQL of one's own on 127.0.0.1; dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Cluster {
    binaries: Binaries,
    folder: PathBuf,
    port: u16,
    /// Whether the end of this value is the end of the server.
    owned: bool,
}

impl Cluster {
    /// Starts a cluster with [`Durability::Full`]; it takes one to two seconds.
    ///
    /// # Errors
    /// [`ClusterError::Missing`] if PostgreSQL is not installed: fail, never skip.
    pub fn start() -> Result<Self, ClusterError> {
        Self::start_with(&Options::new(Durability::Full))
    }

    /// Starts a cluster with these options.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(options: &Options) -> Result<Self, ClusterError> {
        Self::start_owned_by(std::process::id(), options, None)
    }

    /// Starts a cluster that lives as long as the process `owner`, and removes `also` with it.
    pub(crate) fn start_owned_by(
        owner: u32,
        options: &Options,
        also: Option<&Path>,
    ) -> Result<Self, ClusterError> {
        let binaries = Binaries::find()?;
        let folder = make_folder(&binaries)?;
        // From here on the folder goes, whatever happens: by `Drop`, or by the watchdog.
        let mut cluster = Self {
            binaries,
            folder,
            port: 0,
            owned: true,
        };
        watchdog::watch(&cluster.binaries, owner, &cluster.folder, also)?;
        cluster.initialise(options)?;
        cluster.start_on_a_free_port()?;
        Ok(cluster)
    }

    /// The address of a database of this cluster, also of one that does not exist.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds the cluster, and nothing else.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database with a name of its own and returns its address.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if the server refuses, for instance because it is stopped.
    pub fn create_database(&self) -> Result<String, ClusterError> {
        create_database(&self.binaries, self.port)
    }

    /// Stops the server at once, without a checkpoint and without a word to its clients; what it
    /// had committed is recovered from the write-ahead log by [`Cluster::start_again`].
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if it was not running.
    pub fn stop_immediate(&self) -> Result<(), ClusterError> {
        run(self.pg_ctl("stop").args(["--mode", "immediate"])).map(drop)
    }

    /// Starts a stopped server again, on the same port and data, and waits for its recovery.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] with the end of the server's log.
    pub fn start_again(&self) -> Result<(), ClusterError> {
        let mut attempt = 1;
        loop {
            match self.launch() {
                // The port may be taken for a moment, by somebody's outgoing connection.
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
            sleep(START_PAUSE);
        }
    }

    /// Leaves the end of the server to the watchdog.
    pub(crate) fn leave_to_watchdog(mut self) {
        self.owned = false;
    }

    fn initialise(&self, options: &Options) -> Result<(), ClusterError> {
        let mut initdb = self.binaries.owned("initdb");
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        run(initdb
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(self.data()))?;
        // As the cluster's owner: the folder is closed to everybody else.
        let mut append = self.binaries.owned("sh");
        append.args([
            "-c",
            r#"printf '%s' "$1" >> "$2""#,
            "append",
            &options.lines(),
        ]);
        run(append.arg(self.data().join("postgresql.conf"))).map(drop)
    }

    fn start_on_a_free_port(&mut self) -> Result<(), ClusterError> {
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            match self.launch() {
                // Somebody else may have taken the port between our looking and our starting.
                Err(_) if attempt < START_ATTEMPTS && self.log_says_port_taken() => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn launch(&self) -> Result<(), ClusterError> {
        let mut start = self.pg_ctl("start");
        start
            .arg("--log")
            .arg(self.log())
            .args(["--options", &format!("-p {}", self.port)]);
        // No pipes: the server inherits them and would keep a reader waiting for ever.
        start.stdout(Stdio::null()).stderr(Stdio::null());
        let status = start
            .status()
            .map_err(ClusterError::io("run `pg_ctl start`"))?;
        if status.success() {
            return Ok(());
        }
        Err(ClusterError::Failed {
            command: "pg_ctl start".into(),
            status: status.to_string(),
            output: self.end_of_log(),
        })
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut pg_ctl = self.binaries.owned("pg_ctl");
        pg_ctl
            .args([action, "--wait", "--timeout", "60", "--pgdata"])
            .arg(self.data());
        pg_ctl
    }

    fn log_says_port_taken(&self) -> bool {
        self.end_of_log().contains("Address already in use")
    }

    fn end_of_log(&self) -> String {
        let output = self.binaries.owned("cat").arg(self.log()).output();
        let said = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(LOG_QUOTED)..]).into_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.owned {
            // A server that does not run cannot be stopped; a folder that stays is the watchdog's.
            let _ = self.stop_immediate();
            let _ = run(self.binaries.owned("rm").arg("-rf").arg(&self.folder));
        }
    }
}

/// The address of a database on a port of this machine.
pub(crate) fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// Makes an empty database with a random name.
pub(crate) fn create_database(binaries: &Binaries, port: u16) -> Result<String, ClusterError> {
    // `template0`, for nobody can be connected to it, and a connected template cannot be copied.
    copy_database(binaries, port, "template0")
}

/// Makes a copy, with a random name, of a database that nobody is connected to.
pub(crate) fn copy_database(
    binaries: &Binaries,
    port: u16,
    of: &str,
) -> Result<String, ClusterError> {
    // `RandomState` is the randomness std has; processes of one run must not meet on a name.
    let name = format!("test_{:016x}", RandomState::new().build_hasher().finish());
    let mut psql = Command::new(binaries.path("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    psql.args(["--dbname", &url(port, "postgres"), "--command"]);
    run(psql
        .arg(format!("create database {name} template {of}"))
        .stdin(Stdio::null()))?;
    Ok(url(port, &name))
}

fn make_folder(binaries: &Binaries) -> Result<PathBuf, ClusterError> {
    let within = |parent: &Path| {
        let mut mktemp = binaries.owned("mktemp");
        run(mktemp
            .arg("-d")
            .arg(parent.join("meguri-postgres.XXXXXXXX")))
    };
    // The temporary folder of this user may be closed to the user `postgres`.
    let made = within(&std::env::temp_dir()).or_else(|_| within(Path::new("/tmp")))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim()))
}

fn free_port() -> Result<u16, ClusterError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|it| it.port())
        .map_err(ClusterError::io("find a free port on 127.0.0.1"))
}
