//! The built `meguri`, run as a child process that can be killed, stopped and started again.

use super::api::Api;
use meguri_log::Location;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The beginning of the line that tells where the server listens.
const ADDRESS_BEFORE: &str = "http://";
/// How much of the server's diagnostics a failed test shows, in bytes.
const LOG_SHOWN: usize = 6_000;
/// Pause between two looks at a server that is starting or stopping.
const PAUSE: Duration = Duration::from_millis(5);
/// How often it is looked at: for 60 s.
const LOOKS_MAX: u32 = 12_000;

/// What stays when a server goes: its data folder, its databases, its diagnostics.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: TempDir,
    /// Its data folder, as it is given to every command, which is run in the folder around it.
    data: PathBuf,
    /// The log's and the vault's database, if they are in PostgreSQL.
    databases: Option<(String, String)>,
    /// What every command finds in its environment.
    variables: Vec<(&'static str, String)>,
}

impl Installation {
    /// An empty one on SQLite.
    pub(crate) fn on_sqlite() -> Self {
        Self::new(None, None)
    }

    fn new(data: Option<&str>, databases: Option<(String, String)>) -> Self {
        let folder = TempDir::new().unwrap();
        let data = data.map_or_else(|| folder.path().join("data"), PathBuf::from);
        Self {
            folder,
            data,
            databases,
            variables: Vec::new(),
        }
    }

    /// Every command finds this in its environment from now on.
    pub(crate) fn set(&mut self, variables: &[(&'static str, String)]) {
        self.variables.extend_from_slice(variables);
    }

    /// An empty one on SQLite, with its data in a folder in this one, such as another disk.
    pub(crate) fn on_disk(disk: &Path) -> Self {
        Self::new(disk.join("data").to_str(), None)
    }

    /// An empty one on SQLite, whose data folder is given by this name alone.
    pub(crate) fn named(name: &str) -> Self {
        Self::new(Some(name), None)
    }

    /// An empty one on PostgreSQL; each call of `database` gives the address of an empty database.
    pub(crate) fn on_databases(mut database: impl FnMut() -> String) -> Self {
        Self::new(None, Some((database(), database())))
    }

    /// The same data in another folder; nothing may run in this one.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(None, None);
        copy_folder(&self.data(), &copy.data());
        copy
    }

    /// The folder that the server was given with `--data`.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join(&self.data)
    }

    /// The folder that everything is in, and that commands are run in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the log and its vault are.
    pub(crate) fn location(&self) -> Location {
        match &self.databases {
            Some((log, vault)) => Location::Postgres {
                log: log.clone(),
                vault: vault.clone(),
            },
            None => Location::Sqlite {
                log: self.data().join("log.db"),
                vault: self.data().join("vault.db"),
            },
        }
    }

    /// Starts a subcommand, and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The exit code of a subcommand of which nobody reads what it prints: through a pipe that is
    /// closed at the other end, and on a disk that is full.
    pub(crate) fn unread(&self, arguments: &[&str]) -> [Option<i32>; 2] {
        let mut child = self.start(arguments);
        drop(child.stdout.take());
        let closed = child.wait_with_output().unwrap().status.code();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(full);
        let full = command.stderr(Stdio::null()).status().unwrap().code();
        [closed, full]
    }

    /// As [`Installation::unread`], in one of its two ways.
    pub(crate) fn unread_once(&self, arguments: &[&str], way: usize) -> Option<i32> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        match way {
            0 => command.stdout(std::io::pipe().unwrap().1),
            _ => command.stdout(full()),
        };
        command.status().unwrap().code()
    }

    /// Runs a subcommand to its end, whatever that is.
    pub(crate) fn end_of(&self, arguments: &[&str]) -> Output {
        self.start(arguments).wait_with_output().unwrap()
    }

    /// The log's and the vault's database, if they are in PostgreSQL.
    pub(crate) fn databases(&self) -> Option<(String, String)> {
        self.databases.clone()
    }

    /// Runs a subcommand to its end and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.end_of(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "meguri {arguments:?}: {}\n{said}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Registers an auditor and returns the token that reads the log.
    pub(crate) fn auditor(&self, name: &str) -> String {
        let said = self.run(&["auditor", "add", name]);
        let token = said.split_whitespace().next_back();
        token
            .unwrap_or_else(|| panic!("no token in {said:?}"))
            .to_owned()
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn serve(&self) -> Server {
        Self::ready(self.launch()).await
    }

    /// As [`Installation::serve`], with these words.
    pub(crate) async fn serve_with(&self, arguments: &[&str]) -> Server {
        Self::ready(self.launch_with(arguments)).await
    }

    /// Starts a server in the place of the one that runs here, and waits until it is ready.
    pub(crate) async fn replace(&self) -> Server {
        Self::ready(self.launch_with(&["serve", "--replace"])).await
    }

    /// As [`Installation::replace`], listening at another address.
    pub(crate) async fn replace_at(&self, address: &str) -> Server {
        Self::ready(self.launch_with(&["serve", "--replace", "--listen", address])).await
    }

    /// Waits until a server says where it listens, and is ready.
    pub(crate) async fn ready(mut server: Server) -> Server {
        let line = server.first_line();
        Self::ready_at(server, &line).await
    }

    /// Waits until a server is ready that has said this first.
    pub(crate) async fn ready_at(mut server: Server, line: &str) -> Server {
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with(ADDRESS_BEFORE));
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        server.api = Some(Api::new(address.trim_end_matches(['/', '.', ','])));
        for _ in 0..LOOKS_MAX {
            if server.api().is_ready().await {
                return server;
            }
            assert!(server.is_running(), "the server ended before it was ready");
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the server is not ready after 60 s");
    }

    /// Starts a server and does not wait for anything.
    pub(crate) fn launch(&self) -> Server {
        self.launch_with(&["serve", "--listen", "127.0.0.1:0"])
    }

    /// As [`Installation::launch`], any subcommand that serves.
    pub(crate) fn launch_with(&self, arguments: &[&str]) -> Server {
        self.launched(self.command(arguments))
    }

    /// As [`Installation::launch_with`], by a process that may have so many descriptors at most, or
    /// as many as this one may.
    pub(crate) fn launch_within(&self, descriptors: u64, arguments: &[&str]) -> Server {
        let limited = self.command(arguments);
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -n \"$0\" 2>/dev/null || ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"",
            &descriptors.to_string(),
        ]);
        command.arg(limited.get_program()).args(limited.get_args());
        for (name, value) in limited.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.folder.path());
        self.launched(command)
    }

    /// As [`Installation::serve`], within so many descriptors.
    pub(crate) async fn serve_within(&self, descriptors: u64) -> Server {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        Self::ready(self.launch_within(descriptors, &serve)).await
    }

    fn launched(&self, mut command: Command) -> Server {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Server {
            child,
            said,
            api: None,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meguri"));
        let mut data = OsString::from("--data=");
        data.push(&self.data);
        command.args(arguments).arg(data);
        // Settings of the machine, in its environment or its folder, are none of the tests'.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("MEGURI_") || name.starts_with("AWS_"))
            {
                command.env_remove(name);
            }
        }
        command.env_remove("DATABASE_URL").env_remove("VAULT_URL");
        if let Some((log, vault)) = &self.databases {
            command.env("DATABASE_URL", log).env("VAULT_URL", vault);
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.current_dir(self.folder.path());
        command
    }

    /// What its servers have said on standard error.
    pub(crate) fn diagnostics(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("diagnostics")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl Drop for Installation {
    #[allow(clippy::print_stderr, reason = "says why a test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut bytes = Vec::new();
            let read = File::open(self.log()).and_then(|mut file| file.read_to_end(&mut bytes));
            let end = &bytes[bytes.len().saturating_sub(LOG_SHOWN)..];
            eprintln!("the server's diagnostics end ({read:?} bytes in all):");
            eprintln!("{}", String::from_utf8_lossy(end));
        }
    }
}

/// A running server; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open for as long as the server lives: it may go on speaking.
    said: BufReader<ChildStdout>,
    api: Option<Api>,
}

impl Server {
    /// Its API; only of a server that was waited for.
    pub(crate) fn api(&self) -> &Api {
        self.api
            .as_ref()
            .expect("a server which was launched only has no known address")
    }

    /// Waits until it says where it listens; what it says instead, where it does not.
    pub(crate) fn listens(&mut self) -> Result<(), String> {
        let line = self.first_line();
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with(ADDRESS_BEFORE));
        match address {
            Some(address) => {
                self.api = Some(Api::new(address.trim_end_matches(['/', '.', ','])));
                Ok(())
            }
            None => Err(line),
        }
    }

    /// Whether the process is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`: no destructor, no farewell.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`, and waits for the graceful end.
    pub(crate) async fn terminate(self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.ended().await;
    }

    /// Waits for its graceful end.
    pub(crate) async fn ended(self) {
        let code = self.ended_with().await;
        assert_eq!(code, Some(0), "the server was told to stop");
    }

    /// Waits for its end, and gives its exit code.
    pub(crate) async fn ended_with(mut self) -> Option<i32> {
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the server was to end, and has not after 60 s");
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says on standard output.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
