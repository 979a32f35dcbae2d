//! Three nodes of PostgreSQL under Patroni, etcd that they agree by, and one proxy in front of all.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use tempfile::TempDir;

use super::programs::Programs;

/// How many nodes: a primary, a standby that every commit waits for, and one that takes its place.
const NODES: usize = 3;
/// How long a cluster may take until it is whole.
const WHOLE_WITHIN: Duration = Duration::from_mins(2);
/// How long Patroni may take to stop its PostgreSQL.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Ends everything in the folder when the process that made it is gone, however it went.
const WATCHDOG: &str = r#"
while kill -0 "$1" 2>/dev/null && [ -d "$2" ]; do sleep 1; done
[ -d "$2" ] || exit 0
kill -9 $(cat "$2/pids") 2>/dev/null
for file in "$2"/node*/data/postmaster.pid; do
  postmaster=$(head -n 1 "$file" 2>/dev/null) || continue
  kill -9 "$postmaster" $(ps -o pid= --ppid "$postmaster") 2>/dev/null
done
sleep 1
rm -rf "$2"
"#;

#[derive(Debug)]
pub(super) struct Cluster {
    programs: Programs,
    folder: TempDir,
    etcd_port: u16,
    port: u16,
    nodes: Vec<Node>,
    others: Vec<Child>,
}

#[derive(Debug)]
struct Node {
    name: String,
    folder: PathBuf,
    port: u16,
    rest: u16,
    patroni: Option<Child>,
}

/// What Patroni says of the cluster.
#[derive(Debug, Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    role: String,
    state: String,
}

impl Cluster {
    /// Starts everything, and waits until it is whole.
    pub(super) fn start(programs: &Programs) -> Self {
        let folder = tempfile::Builder::new().prefix("meguri-ha.").tempdir();
        let folder = folder.expect("a folder for the cluster");
        programs.give(folder.path());
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("a folder for the cluster");
        watch(folder.path());
        let mut cluster = Self {
            programs: programs.clone(),
            etcd_port: free_port(),
            port: free_port(),
            nodes: Vec::new(),
            others: Vec::new(),
            folder,
        };
        cluster.start_etcd();
        for index in 0..NODES {
            let name = format!("node{index}");
            let folder = cluster.folder.path().join(&name);
            std::fs::create_dir(&folder).expect("a folder for a node");
            programs.give(&folder);
            cluster.nodes.push(Node {
                name,
                folder,
                port: free_port(),
                rest: free_port(),
                patroni: None,
            });
        }
        cluster.start_haproxy();
        for index in 0..NODES {
            cluster.start_node(index);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// The address of a database of whoever is the primary.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn begin(&mut self, program: &Path, words: &[String], log: &str) -> Child {
        let log = self.folder.path().join(log);
        let mut command = self.programs.command(program, &log);
        let child = command.args(words).spawn().expect("a program starts");
        let pids = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("pids"));
        let mut pids = pids.expect("a file of what was started");
        writeln!(pids, "{}", child.id()).expect("a file of what was started");
        child
    }

    fn start_etcd(&mut self) {
        let (client, peer) = (self.etcd_port, free_port());
        let data = self.folder.path().join("etcd").display().to_string();
        let [client, peer] = [client, peer].map(|port| format!("http://127.0.0.1:{port}"));
        let words = [
            format!("--data-dir={data}"),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ];
        let etcd = self.begin(Path::new("etcd"), &words, "etcd.log");
        self.others.push(etcd);
    }

    fn start_haproxy(&mut self) {
        let mut text = format!(
            "global\n  maxconn 400\ndefaults\n  mode tcp\n  retries 2\n  timeout connect 2s\n  \
             timeout client 30m\n  timeout server 30m\n  timeout check 2s\nlisten primary\n  \
             bind 127.0.0.1:{}\n  option httpchk OPTIONS /primary\n  http-check expect status \
             200\n  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions\n",
            self.port
        );
        for Node {
            name, port, rest, ..
        } in &self.nodes
        {
            let _ = writeln!(
                text,
                "  server {name} 127.0.0.1:{port} maxconn 100 check port {rest}"
            );
        }
        let path = self.folder.path().join("haproxy.cfg");
        std::fs::write(&path, text).expect("the configuration of HAProxy");
        let words = ["-db", "-f"].map(str::to_owned);
        let words = [&words[..], &[path.display().to_string()]].concat();
        let haproxy = self.begin(Path::new("haproxy"), &words, "haproxy.log");
        self.others.push(haproxy);
    }

    /// Starts the Patroni of a node, which starts its PostgreSQL.
    pub(super) fn start_node(&mut self, index: usize) {
        let node = &self.nodes[index];
        let path = node.folder.join("patroni.yml");
        let bin = self.programs.postgres.display().to_string();
        std::fs::write(&path, configuration(node, self.etcd_port, &bin))
            .expect("the configuration of Patroni");
        let log = format!("{}/patroni.log", node.name);
        let words = [path.display().to_string()];
        let patroni = self.begin(Path::new("patroni"), &words, &log);
        self.nodes[index].patroni = Some(patroni);
    }

    fn members(&self) -> Vec<Member> {
        let asked = self.nodes.iter().filter_map(|node| {
            let answer = get(node.rest, "/cluster")?;
            serde_json::from_str::<Members>(&answer).ok()
        });
        asked.into_iter().next().map_or(Vec::new(), |it| it.members)
    }

    fn leader(&self) -> Option<usize> {
        let members = self.members();
        let leader = members.iter().find(|member| member.role == "leader")?;
        self.nodes.iter().position(|node| node.name == leader.name)
    }

    /// Waits until another node is the primary.
    pub(super) fn wait_for_another_primary(&self, than: usize) {
        self.wait_for("another primary", |_| {
            self.leader().is_some_and(|leader| leader != than)
        });
    }

    /// Waits until Patroni has noticed that the PostgreSQL of this node is gone.
    pub(super) fn wait_until_noticed(&self, index: usize) {
        let name = &self.nodes[index].name;
        let is_primary = |member: &Member| member.role == "leader" && member.state == "running";
        self.wait_for("to notice", |members| {
            let own = members.iter().find(|member| member.name == *name);
            own.is_some_and(|member| !is_primary(member))
        });
    }

    /// Waits until there is a primary, a standby that commits wait for, and nobody is missing.
    pub(super) fn wait_until_whole(&self) {
        self.wait_for("all of its nodes", |members| {
            let running = |member: &&Member| ["running", "streaming"].contains(&&*member.state);
            let has = |role| members.iter().any(|member| member.role == role);
            let all = members.iter().filter(running).count() == NODES;
            all && has("leader") && has("sync_standby")
        });
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&[Member]) -> bool) {
        let until = Instant::now() + WHOLE_WITHIN;
        loop {
            let members = self.members();
            if is_so(&members) {
                return;
            }
            assert!(
                Instant::now() < until,
                "the cluster does not get {what}: {members:?}\n{}",
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Kills the primary: the whole node, or its PostgreSQL alone. Says which it was.
    ///
    /// # Panics
    /// Where there is none.
    pub(super) fn kill_primary(&mut self, whole_node: bool) -> usize {
        let index = self.leader().expect("there is a primary");
        let node = &mut self.nodes[index];
        if whole_node && let Some(mut patroni) = node.patroni.take() {
            let _ = patroni.kill();
            let _ = patroni.wait();
        }
        node.kill_postgres();
        index
    }

    fn last_words(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let log = std::fs::read_to_string(node.folder.join("patroni.log"));
            let log = log.unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(8).collect();
            for line in last.iter().rev() {
                let _ = writeln!(text, "{}: {line}", node.name);
            }
        }
        text
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.stop();
        }
        for other in &mut self.others {
            let _ = other.kill();
            let _ = other.wait();
        }
    }
}

impl Node {
    fn postmaster(&self) -> Option<String> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        file.lines().next().map(str::to_owned)
    }

    /// All processes of its PostgreSQL at once, as if its host had gone.
    fn kill_postgres(&self) {
        let Some(postmaster) = self.postmaster() else {
            return;
        };
        let children = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &postmaster])
            .output();
        let children = children.map(|output| output.stdout).unwrap_or_default();
        let children = String::from_utf8_lossy(&children).into_owned();
        let _ = Command::new("kill")
            .args(["-9", &postmaster])
            .args(children.split_whitespace())
            .stderr(Stdio::null())
            .status();
    }

    /// Lets Patroni stop, and with it PostgreSQL; kills them where they do not.
    fn stop(&mut self) {
        let Some(mut patroni) = self.patroni.take() else {
            return self.kill_postgres();
        };
        let _ = Command::new("kill").arg(patroni.id().to_string()).status();
        let until = Instant::now() + STOP_WITHIN;
        while matches!(patroni.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = patroni.kill();
        let _ = patroni.wait();
        self.kill_postgres();
    }
}

fn configuration(node: &Node, etcd: u16, bin: &str) -> String {
    let Node {
        name,
        folder,
        port,
        rest,
        ..
    } = node;
    let folder = folder.display();
    format!(
        "scope: meguri
name: {name}
restapi: {{listen: '127.0.0.1:{rest}', connect_address: '127.0.0.1:{rest}'}}
etcd3: {{host: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    # A primary whose PostgreSQL was killed is not waited for.
    primary_start_timeout: 0
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 120, shared_buffers: 32MB, wal_keep_size: 256MB}}
  initdb: [encoding: UTF8, locale: C, data-checksums, auth: trust]
postgresql:
  listen: '127.0.0.1:{port}'
  connect_address: '127.0.0.1:{port}'
  data_dir: '{folder}/data'
  bin_dir: '{bin}'
  pgpass: '{folder}/pgpass'
  remove_data_directory_on_diverged_timelines: true
  remove_data_directory_on_rewind_failure: true
  authentication:
    replication: {{username: replicator, password: none}}
    superuser: {{username: postgres, password: none}}
  parameters: {{unix_socket_directories: ''}}
  pg_hba:
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
"
    )
}

/// What an HTTP server on this port answers.
fn get(port: u16, path: &str) -> Option<String> {
    let address = ([127, 0, 0, 1], port).into();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a free port").port()
}

fn watch(folder: &Path) {
    let owner = std::process::id().to_string();
    let mut watchdog = Command::new("sh");
    watchdog
        .args(["-c", WATCHDOG, "watchdog", &owner])
        .arg(folder);
    watchdog.current_dir("/").process_group(0);
    watchdog.stdin(Stdio::null()).stdout(Stdio::null());
    let watchdog = watchdog.stderr(Stdio::null()).spawn();
    // Not waited for: it outlives this process by design.
    drop(watchdog.expect("the watchdog of the cluster"));
}
