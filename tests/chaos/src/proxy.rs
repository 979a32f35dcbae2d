//! A proxy between the log and PostgreSQL that loses what is sent around a commit: before it, after
//! it, in the middle of the answer, or so that it arrives when nobody waits for it any more.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::chance::Chance;

/// What a connection has sent that writes the log, or takes its turn to.
const WRITES: [&[u8]; 2] = [b"update log_head set position", b"from log_head for update"];
/// How long an answer that is to be lost is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long a connection that nobody holds any more stays with the server.
const LINGERS: Duration = Duration::from_millis(300);

/// How often what was lost.
#[derive(Debug, Default)]
pub struct Counts {
    /// What the log sent never arrived, and the connection was gone.
    pub requests_lost: AtomicU64,
    /// It arrived and was carried out, and the answer was lost with the connection.
    pub answers_lost: AtomicU64,
    /// A part of the answer arrived.
    pub answers_cut: AtomicU64,
    /// The connection was gone for the log, and what it had sent was carried out later.
    pub late: AtomicU64,
    /// It was held back for a while, and nothing was lost.
    pub held: AtomicU64,
}

/// A proxy in front of one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    /// One in so many messages of connections that write is lost.
    one_in: u64,
    active: AtomicBool,
    counts: Counts,
    chance: Mutex<Chance>,
}

/// What becomes of something that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    RequestLost,
    AnswerLost,
    AnswerCut,
    Late(Duration),
    Held(Duration),
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Begins to pass on what comes for the server on this port of this machine, and loses one in
    /// so many messages of those connections that write.
    ///
    /// # Panics
    /// Where there is no port for it.
    pub async fn start(server: u16, one_in: u64, chance: &mut Chance) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port for the proxy");
        let address = listener.local_addr().expect("it has a port");
        let shared = Arc::new(Shared {
            server,
            one_in,
            active: AtomicBool::new(true),
            counts: Counts::default(),
            chance: Mutex::new(Chance::seeded(chance.draw())),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    /// The address of a database of the server, through the proxy.
    ///
    /// # Panics
    /// Where it is the address of another server.
    pub fn url(&self, direct: &str) -> String {
        let [server, own] = [self.shared.server, self.address.port()].map(|it| format!(":{it}/"));
        assert!(direct.contains(&server), "{direct} is at another server");
        direct.replace(&server, &own)
    }

    /// Loses nothing any more.
    pub fn pass_all(&self) {
        self.shared.active.store(false, Ordering::SeqCst);
    }

    /// How often what was lost.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Shared {
    fn fate(&self) -> Fate {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.active.load(Ordering::SeqCst) || !chance.one_in(self.one_in) {
            return Fate::Delivered;
        }
        let counts = &self.counts;
        let (fate, count) = match chance.number(0..5) {
            0 => (Fate::RequestLost, &counts.requests_lost),
            1 => (Fate::AnswerLost, &counts.answers_lost),
            2 => (Fate::AnswerCut, &counts.answers_cut),
            3 => (Fate::Late(chance.millis(1..1_000)), &counts.late),
            _ => (Fate::Held(chance.millis(1..1_500)), &counts.held),
        };
        count.fetch_add(1, Ordering::Relaxed);
        fate
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        tokio::spawn(pass(client, Arc::clone(&shared)));
    }
}

/// What the two directions of a connection tell each other.
#[derive(Default)]
struct Answers {
    /// The answers that come from now on are lost.
    lost: AtomicBool,
    /// The next one is cut.
    cut: AtomicBool,
    came: watch::Sender<()>,
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let answers = Arc::new(Answers::default());
    let down = tokio::spawn(answer(from_server, to_client, Arc::clone(&answers)));
    send(from_client, to_server, &answers, &shared, &down).await;
    down.abort();
}

/// From the server to the log.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, answers: Arc<Answers>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        answers.came.send_replace(());
        if answers.lost.load(Ordering::SeqCst) {
            continue;
        }
        let part = if answers.cut.load(Ordering::SeqCst) {
            count / 2
        } else {
            count
        };
        if to.write_all(&bytes[..part]).await.is_err() || part < count {
            return;
        }
    }
}

/// From the log to the server, until one of them is gone.
async fn send(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    answers: &Answers,
    shared: &Shared,
    down: &tokio::task::JoinHandle<()>,
) {
    let (mut bytes, mut writes) = (vec![0; 256 * 1024], false);
    loop {
        let count = tokio::select! {
            count = from.read(&mut bytes) => count.unwrap_or(0),
            () = ended(down) => 0,
        };
        if count == 0 {
            return;
        }
        let sent = &bytes[..count];
        let holds = |words: &[u8]| sent.windows(words.len()).any(|part| part == words);
        writes = writes || WRITES.into_iter().any(holds);
        let fate = if writes {
            shared.fate()
        } else {
            Fate::Delivered
        };
        match fate {
            Fate::Delivered => {}
            Fate::RequestLost => return,
            Fate::Held(pause) => tokio::time::sleep(pause).await,
            Fate::AnswerLost => answers.lost.store(true, Ordering::SeqCst),
            Fate::AnswerCut => answers.cut.store(true, Ordering::SeqCst),
            Fate::Late(pause) => {
                // The log's end is closed first, and nobody hears the answer.
                answers.lost.store(true, Ordering::SeqCst);
                drop(from);
                down.abort();
                tokio::time::sleep(pause).await;
                let _ = to.write_all(sent).await;
                tokio::time::sleep(LINGERS).await;
                return;
            }
        }
        let mut came = answers.came.subscribe();
        if to.write_all(sent).await.is_err() {
            return;
        }
        if matches!(fate, Fate::AnswerLost | Fate::AnswerCut) {
            let _ = tokio::time::timeout(ANSWER_WITHIN, came.changed()).await;
            return;
        }
    }
}

async fn ended(task: &tokio::task::JoinHandle<()>) {
    while !task.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
