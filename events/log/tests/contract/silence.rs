//! The host of the database vanishes: connections stay open and nothing is answered on them any
//! more, from any moment on. Nobody waits for ever, and everything works again with the host.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use meguri_log::{
    Expected, Filter, Kek, Location, Log, LogOptions, Position, RequestKey, StreamRange,
};
use meguri_postgres_cluster::{Cluster, Durability, Options};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{append, event, on_condition, sealed, stream};

/// How long one waits for an answer in these tests.
const ANSWER: Duration = Duration::from_secs(2);
/// Longer than anything takes that waits for a few answers: a test that waits so long has failed.
const BOUND: Duration = Duration::from_mins(1);
/// Moments that are tried at once: most of the time is waiting.
const LANES: usize = 10;

/// Stands between a log and its databases, and swallows everything from one message on.
struct Proxy {
    port: u16,
    messages: Arc<Messages>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // And with it all connections.
        self.accepting.abort();
    }
}

/// How many messages clients have sent, and from which one on nothing gets through.
struct Messages {
    sent: AtomicUsize,
    silent_from: AtomicUsize,
}

impl Messages {
    /// Whether one more message gets through.
    fn passes(&self) -> bool {
        self.sent.fetch_add(1, Ordering::SeqCst) < self.silent_from.load(Ordering::SeqCst)
    }

    fn is_silent(&self) -> bool {
        self.sent.load(Ordering::SeqCst) > self.silent_from.load(Ordering::SeqCst)
    }
}

impl Proxy {
    async fn start(server: u16, silent_from: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let messages = Arc::new(Messages {
            sent: AtomicUsize::new(0),
            silent_from: AtomicUsize::new(silent_from),
        });
        let shared = Arc::clone(&messages);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            port,
            messages,
            accepting,
        }
    }

    /// From now on everything gets through, on connections that are made from now on.
    fn heal(&self) {
        self.messages
            .silent_from
            .store(usize::MAX, Ordering::SeqCst);
    }
}

/// Lets one connection through until it falls silent, which it then stays.
async fn forward(client: TcpStream, server: u16, messages: Arc<Messages>) {
    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = Arc::clone(&messages);
    let asking = pump(from_client, to_server, move || asked.passes());
    let answering = pump(from_server, to_client, move || !messages.is_silent());
    tokio::join!(asking, answering);
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passes: impl Fn() -> bool,
) {
    let (mut bytes, mut silent) = (vec![0; 64 * 1024], false);
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        silent = silent || !passes();
        if !silent && to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
    if !silent {
        let _ = to.shutdown().await;
    }
}

/// A server of its own: many connections stay open to it for a while.
fn cluster() -> Cluster {
    let options = Options::new(Durability::Off).setting("max_connections", "400");
    Cluster::start_with(&options).unwrap()
}

/// A log on databases of its own, reached through a proxy; and how to reach them directly.
struct Scene {
    proxy: Proxy,
    through: LogOptions,
    direct: LogOptions,
}

impl Scene {
    async fn new(cluster: &Cluster, folder: &Path, silent_from: usize) -> Self {
        let (log, vault) = (
            cluster.create_database().unwrap(),
            cluster.create_database().unwrap(),
        );
        let server = port_of(&log);
        let proxy = Proxy::start(server, silent_from).await;
        let through = |url: &str| url.replace(&format!(":{server}/"), &format!(":{}/", proxy.port));
        let kek = Kek::File(folder.join(format!("kek-{}", proxy.port)));
        let options = |log, vault| LogOptions {
            answer_within: ANSWER,
            ..LogOptions::new(Location::Postgres { log, vault }, kek.clone())
        };
        let (through, direct) = (options(through(&log), through(&vault)), options(log, vault));
        Self {
            proxy,
            through,
            direct,
        }
    }
}

impl Scene {
    /// The log through the proxy, and as another process has it. A busy machine may be as slow as
    /// a host that has vanished, so it is tried until it works.
    async fn open(&self) -> (Log, Log) {
        let until = Instant::now() + BOUND;
        loop {
            let opened = (
                Log::open(&self.through).await,
                Log::open(&self.direct).await,
            );
            match opened {
                (Ok(log), Ok(other)) => return (log, other),
                (one, other) => assert!(Instant::now() < until, "{one:?} {other:?}"),
            }
        }
    }
}

fn port_of(url: &str) -> u16 {
    let (_, rest) = url.rsplit_once(':').unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

/// What is done, whatever comes of it, as long as something comes of it.
async fn bounded<T>(moment: usize, done: impl Future<Output = T>) -> T {
    let bounded = tokio::time::timeout(BOUND, done).await;
    bounded.unwrap_or_else(|_| panic!("silent from message {moment} on: somebody still waits"))
}

/// Everything that the writer, the vault and readers ask of their databases, by number, as long as
/// there is one. What comes of it does not matter.
async fn ask(log: &Log, other: &Log, moment: usize, number: usize) -> bool {
    let (name, subject) = (format!("a-{moment}"), format!("member-{moment}"));
    let mut key = [0; 32];
    key[..8].copy_from_slice(&moment.to_be_bytes());
    let key = RequestKey {
        key,
        request: [2; 32],
        expires: true,
    };
    let (whole, everything) = (StreamRange::newest(9), Filter::default());
    match number {
        0 | 1 => {
            let said = sealed(event(&name, "Said"), &subject, "{}");
            let mut append = on_condition(append([said]), &name, Expected::NoStream);
            append.key = Some(key);
            let _ = log.append(append).await;
        }
        2 => {
            let refused = on_condition(append([event(&name, "Made")]), &name, Expected::NoStream);
            let _ = log.append(refused).await;
        }
        3 => {
            // Another process writes, so that this one has to take its turn.
            let _ = other.append(append([event("b-1", "Made")])).await;
            let _ = log.append(append([event("b-1", "Made")])).await;
        }
        4 => {
            let _ = log.outcome(&key).await;
        }
        5 => {
            let _ = log.head().await;
        }
        6 => {
            let _ = log.stream_head(&stream(&name)).await;
            let _ = log.read_stream(&stream(&name), whole).await;
        }
        7 => {
            if let Ok(block) = log.read_all(Position::ZERO, &everything, 100).await {
                let _ = log.open_events(&block.events).await;
            }
        }
        _ => return ask_vault(log, &subject, number).await,
    }
    true
}

/// What is asked of the vault, by the numbers that follow those of the log.
async fn ask_vault(log: &Log, subject: &str, number: usize) -> bool {
    let vault = log.vault();
    match number {
        8 => {
            if let Ok(token) = vault.issue_token(subject, "member").await {
                let _ = vault.token_holder(&token).await;
            }
        }
        9 => {
            let _ = vault.set_password_hash(subject, "$").await;
            let _ = vault.password_hash(subject).await;
        }
        10 => {
            let _ = vault.key_numbers(subject).await;
            let _ = vault.destroy_keys(subject, "message", 1).await;
        }
        11 => {
            let _ = vault.rotate(None).await;
        }
        12 => {
            let _ = vault.lock_out(subject).await;
        }
        _ => return false,
    }
    true
}

/// Everything is asked while the host vanishes at this message, and once more when it is back.
/// Answers whether it was gone before all was asked.
async fn vanish_at(scene: &Scene, log: &Log, other: &Log, moment: usize) -> bool {
    let messages = &scene.proxy.messages;
    let begins = messages.sent.load(Ordering::SeqCst);
    let silent_from = begins + moment;
    messages.silent_from.store(silent_from, Ordering::SeqCst);
    // When it has vanished in the middle of one question, one more finds it gone.
    let (mut number, mut more) = (0, 2);
    while more > 0 {
        let asked = bounded(moment, ask(log, other, moment, number)).await;
        if !asked {
            break;
        }
        more -= u32::from(messages.is_silent());
        number += 1;
    }
    let was_gone = messages.is_silent();
    scene.proxy.heal();
    works_again(log, moment).await;
    was_gone
}

async fn works_again(log: &Log, moment: usize) {
    let until = Instant::now() + BOUND;
    while let Err(error) = log.append(append([event("c-1", "Made")])).await {
        let late = Instant::now() > until;
        assert!(!late, "silent from {moment} on, and then for ever: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(log.appends_fail(), None);
    while let Err(error) = log.vault().issue_token("member-2", "member").await {
        let late = Instant::now() > until;
        assert!(!late, "silent from {moment} on, and then for ever: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_vanishes_at_any_message_holds_nobody_up_for_ever() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let next = AtomicUsize::new(0);
    let lanes = (0..LANES).map(async |_| {
        let scene = Scene::new(&cluster, folder.path(), usize::MAX).await;
        let (log, other) = scene.open().await;
        loop {
            let moment = next.fetch_add(1, Ordering::SeqCst);
            if !vanish_at(&scene, &log, &other, moment).await {
                break;
            }
        }
        bounded(0, log.close()).await;
        other.close().await;
    });
    futures::future::join_all(lanes).await;
    let moments = next.into_inner();
    assert!(
        moments > 40,
        "everything was asked through the proxy: {moments} messages"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_vanishes_while_a_log_opens_refuses_it_in_time() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let scene = Scene::new(&cluster, folder.path(), usize::MAX).await;
    scene.open().await.0.close().await;
    let asked = scene.proxy.messages.sent.load(Ordering::SeqCst);
    // Those of migrations are alike, and many.
    let moments = (0..asked).step_by(3).map(async |moment| {
        let scene = Scene::new(&cluster, folder.path(), moment).await;
        let opened = bounded(moment, Log::open(&scene.through)).await;
        if let Ok(log) = opened {
            bounded(moment, log.close()).await;
        }
    });
    // A migration may be silent for as long as 20 answers: nearly all of them wait at once.
    let moments = futures::stream::iter(moments).buffer_unordered(4 * LANES);
    moments.collect::<Vec<()>>().await;
}
