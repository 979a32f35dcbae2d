//! A connection pooler between clients and PostgreSQL: the real PgBouncer.

use std::{
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A PgBouncer on a port of its own, which ends with this.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    port: u16,
    server: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts one between clients and the server on this port of this machine.
    ///
    /// # Panics
    /// Where PgBouncer is not installed: such tests fail, they are never skipped.
    pub fn start(server: u16, pool_mode: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder and a port for PgBouncer");
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a folder and a port for PgBouncer")
            .local_addr()
            .expect("a folder and a port for PgBouncer")
            .port();
        let users = folder.path().join("users");
        std::fs::write(&users, "\"postgres\" \"\"\n").expect("a folder and a port for PgBouncer");
        open_to_all(folder.path());
        let is_root = folder.path().metadata().is_ok_and(|it| it.uid() == 0);
        // It refuses to run as root.
        let user = if is_root { "user = postgres" } else { "" };
        let users = users.display();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {users}\npool_mode = {pool_mode}\n{user}\n{more}\n"
        );
        let path = folder.path().join("pgbouncer.ini");
        std::fs::write(&path, settings).expect("a folder and a port for PgBouncer");
        let process = Command::new(program())
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("PgBouncer is installed (.ci/install-tools)");
        let pooler = Self {
            process,
            port,
            server,
            _folder: folder,
        };
        pooler.wait_until_it_listens();
        pooler
    }

    fn wait_until_it_listens(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The address of a database of the server, through the pooler.
    pub fn url(&self, direct: &str) -> String {
        direct.replace(&format!(":{}/", self.server), &format!(":{}/", self.port))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps it where only root looks.
fn program() -> &'static str {
    let debian = "/usr/sbin/pgbouncer";
    if Path::new(debian).exists() {
        debian
    } else {
        "pgbouncer"
    }
}

fn open_to_all(folder: &Path) {
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, all).expect("a folder and a port for PgBouncer");
}
