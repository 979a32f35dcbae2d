//! What a hostile client does with its sockets.

use std::io;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout_at};

/// Where the attacker comes from.
const ADDRESS: &str = "127.0.0.2:0";
/// How soon it comes back with a socket that was closed.
const AGAIN: Duration = Duration::from_secs(1);
/// How slow it is where it is slow.
const SLOWLY: Duration = Duration::from_secs(1);
/// The priority of its thread (`nice`).
const GIVES_WAY: i32 = 10;
/// Stands in whatever it makes up.
pub(super) const MARK: &str = "HOSTILE";

/// The sockets of an attack.
pub(super) struct Attackers(Runtime);

impl Attackers {
    /// Closes all of them.
    pub(super) async fn end(self) {
        let end = move || self.0.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(end).await.unwrap();
    }
}

/// One way to keep a server busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attack {
    /// Connections without a word.
    Silence,
    /// Heads that never end.
    HalfHeads,
    /// Heads of 390 kB.
    LargeHeads,
    /// Bodies that come byte by byte.
    SlowBodies,
    /// Answers that nobody reads.
    UnreadAnswers,
    /// Live streams.
    Streams,
    /// Reads that wait for a position which never comes.
    Waits,
    /// Reads, one after the other.
    Flood,
    /// Reads, each on a connection of its own, of which few wait for the answer.
    Connections,
    /// Methods, paths and other words that nobody knows.
    Words,
    /// Tokens that nobody has.
    Tokens,
    /// Questions about the server itself.
    Operations,
}

impl Attack {
    pub(super) const ALL: [Self; 12] = [
        Self::Silence,
        Self::HalfHeads,
        Self::LargeHeads,
        Self::SlowBodies,
        Self::UnreadAnswers,
        Self::Streams,
        Self::Waits,
        Self::Flood,
        Self::Connections,
        Self::Words,
        Self::Tokens,
        Self::Operations,
    ];

    /// Does it with so many sockets until then, on a thread that gives way to the server: an
    /// attacker has a machine of its own.
    pub(super) fn begin(self, host: &str, sockets: usize, until: Instant) -> Attackers {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .on_thread_start(|| setpriority_process(None, GIVES_WAY).unwrap())
            .build()
            .unwrap();
        for number in 0..sockets {
            let host = host.to_owned();
            runtime.spawn(async move {
                while Instant::now() < until {
                    // Whatever comes of it: the server may close what it likes.
                    let _ = timeout_at(until, self.attack(&host, number)).await;
                    sleep(AGAIN).await;
                }
            });
        }
        Attackers(runtime)
    }

    async fn connect(self, host: &str) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(ADDRESS.parse().unwrap())?;
        if self == Self::UnreadAnswers {
            socket.set_recv_buffer_size(4_096)?;
        }
        socket.connect(host.parse().unwrap()).await
    }

    async fn attack(self, host: &str, number: usize) -> io::Result<()> {
        let mut stream = self.connect(host).await?;
        match self {
            Self::Silence => to_its_end(&mut stream).await,
            Self::HalfHeads => slowly(&mut stream, "GET /api/board HTTP/1.1\r\n", "a: b\r\n").await,
            Self::LargeHeads => {
                let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(390_000));
                stream.write_all(head.as_bytes()).await?;
                to_its_end(&mut stream).await
            }
            Self::SlowBodies => {
                let head = post(number, 100_000);
                slowly(&mut stream, &head, " ").await
            }
            Self::UnreadAnswers => {
                let many = get("/api/board?limit=100").repeat(100);
                stream.write_all(many.as_bytes()).await?;
                sleep(Duration::from_hours(1)).await;
                Ok(())
            }
            Self::Streams => {
                stream.write_all(get("/api/stream").as_bytes()).await?;
                to_its_end(&mut stream).await
            }
            Self::Waits => {
                let wait = get("/api/board?min_position=9007199254740991");
                again_and_again(&mut stream, &wait).await
            }
            Self::Flood => again_and_again(&mut stream, &get("/api/board")).await,
            Self::Connections => {
                stream.write_all(get("/api/board").as_bytes()).await?;
                if number.is_multiple_of(10) {
                    stream.read_u8().await?;
                }
                Ok(())
            }
            Self::Words => again_and_again(&mut stream, &words(number)).await,
            Self::Tokens => again_and_again(&mut stream, &token(number)).await,
            Self::Operations => {
                let paths = ["/metrics", "/healthz", "/readyz"];
                again_and_again(&mut stream, &get(paths[number % paths.len()])).await
            }
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: meguri\r\n\r\n")
}

fn post(number: usize, length: usize) -> String {
    format!(
        "POST /api/members HTTP/1.1\r\nhost: meguri\r\ncontent-type: application/json\r\n\
         idempotency-key: {number}\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn token(number: usize) -> String {
    format!("GET /api/me HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {number}\r\n\r\n")
}

fn words(number: usize) -> String {
    let long = format!("{MARK}{number}").repeat(300);
    format!(
        "{long} /{MARK}/{number}?{MARK}={number} HTTP/1.1\r\nhost: {MARK}\r\n\
         user-agent: {MARK}{number}\r\nx-request-id: {MARK} {number}\r\n{MARK}{number}: a\r\n\r\n"
    )
}

/// Reads what comes, until nothing does any more.
async fn to_its_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Begins, and then sends a little now and then.
async fn slowly(stream: &mut TcpStream, begin: &str, little: &str) -> io::Result<()> {
    stream.write_all(begin.as_bytes()).await?;
    loop {
        sleep(SLOWLY).await;
        stream.write_all(little.as_bytes()).await?;
    }
}

/// Asks as soon as there is something of an answer.
async fn again_and_again(stream: &mut TcpStream, request: &str) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        stream.write_all(request.as_bytes()).await?;
        if stream.read(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
