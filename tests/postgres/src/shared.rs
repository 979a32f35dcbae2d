//! One cluster for all tests of a run, whichever way the tests are run.

use crate::ClusterError;
use crate::binaries::Binaries;
use crate::cluster::{Cluster, Durability, Options, copy_database, create_database, url};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::parent_id;
use std::path::Path;
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
