//! One cluster for all tests of a run, whichever way the tests are run.

use crate::ClusterError;
use crate::binaries::{Binaries, run};
use crate::cluster::{Cluster, Durability, Options, copy_database, create_database, url};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A cluster which is used by many tests, with [`Durability::Off`]; it cannot be stopped by one.
#[derive(Debug, Clone)]
pub struct SharedCluster {
    binaries: Binaries,
    port: u16,
}

impl SharedCluster {
    /// The address of a database of this cluster, also of one that does not exist.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Makes an empty database with a name of its own and returns its address (50 to 100 ms).
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if the server refuses.
    pub fn create_database(&self) -> Result<String, ClusterError> {
        create_database(&self.binaries, self.port)
    }

    /// Makes a copy of a database of this cluster, with a name of its own. Nobody may be connected
    /// to it.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if the server refuses.
    pub fn copy_database(&self, address: &str) -> Result<String, ClusterError> {
        let name = address.rsplit('/').next().unwrap_or(address);
        copy_database(&self.binaries, self.port, name)
    }

    /// Everything that is in a database, as `pg_dump` writes it.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if the server refuses.
    pub fn dump(&self, address: &str) -> Result<String, ClusterError> {
        let mut dump = Command::new(self.binaries.path("pg_dump"));
        let output = run(dump.args(["--dbname", address]).stdin(Stdio::null()))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Empties a database, whoever is connected to it, and runs a script in it such as a dump. It
    /// stays the same database.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] if the server refuses.
    pub fn put_back(&self, address: &str, script: &str) -> Result<(), ClusterError> {
        let doing = || ClusterError::io("run a script by psql");
        let emptied = "select pg_terminate_backend(pid) from pg_stat_activity \
                       where datname = current_database() and pid <> pg_backend_pid();\n\
                       drop schema public cascade; create schema public;\n";
        let mut psql = Command::new(self.binaries.path("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--output", "/dev/null", "--dbname", address, "--file", "-"]);
        let psql = psql.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut psql = psql.stderr(Stdio::piped()).spawn().map_err(doing())?;
        if let Some(mut input) = psql.stdin.take() {
            // One that refuses the first half does not read the second, and says why.
            let _ = input.write_all(format!("{emptied}{script}\n").as_bytes());
        }
        let output = psql.wait_with_output().map_err(doing())?;
        if output.status.success() {
            return Ok(());
        }
        Err(ClusterError::Failed {
            command: format!("psql --dbname {address} --file -"),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

/// The cluster of this run, started by whoever asks first.
///
/// Under `cargo nextest` every test is a process: the first starts the cluster and leaves its port
/// in a locked file named after the run; it ends with the runner. Under `cargo test` the tests of
/// a binary are threads of one process: the cluster ends with that process.
///
/// # Errors
/// [`ClusterError::Missing`] if PostgreSQL is not installed: fail, never skip.
pub fn shared() -> Result<SharedCluster, ClusterError> {
    static SHARED: Mutex<Option<SharedCluster>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = &*shared {
        return Ok(cluster.clone());
    }
    let port = match std::env::var("NEXTEST_RUN_ID") {
        Ok(run) => port_of_run(&run)?,
        Err(_) => start(std::process::id(), None)?,
    };
    let cluster = SharedCluster {
        binaries: Binaries::find()?,
        port,
    };
    *shared = Some(cluster.clone());
    Ok(cluster)
}

fn start(owner: u32, also: Option<&Path>) -> Result<u16, ClusterError> {
    let cluster = Cluster::start_owned_by(owner, &Options::new(Durability::Off), also)?;
    let port = cluster.port();
    cluster.leave_to_watchdog();
    Ok(port)
}

fn port_of_run(run: &str) -> Result<u16, ClusterError> {
    let path = std::env::temp_dir().join(format!("meguri-postgres-run-{run}"));
    let doing = || ClusterError::io(format!("agree on a cluster in {}", path.display()));
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(doing())?;
    // Held until this function returns: one starts, the others wait for the port. The kernel lets
    // go of it when a holder is killed; the next one then finds no port and starts anew.
    file.lock().map_err(doing())?;
    if let Some(port) = port_in(&mut file).filter(|port| answers(*port)) {
        return Ok(port);
    }
    // The parent of a test's process is the runner, which outlives all tests of the run.
    let port = start(parent_id(), Some(&path))?;
    file.set_len(0)
        .and_then(|()| file.rewind())
        .map_err(doing())?;
    file.write_all(port.to_string().as_bytes())
        .map_err(doing())?;
    Ok(port)
}

fn port_in(file: &mut File) -> Option<u16> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.parse().ok()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
