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
    /// Heads of 390 kB, and methods of 200 kB.
    LargeHeads,
    /// Bodies that come byte by byte, as long as they say or in chunks.
    SlowBodies,
    /// Large bodies that are announced, and sent when they are asked for.
    ExpectedBodies,
    /// Connections on which nothing more is asked.
    Kept,
    /// Answers that nobody reads.
    UnreadAnswers,
    /// Answers that are read byte by byte.
    SlowReads,
    /// Live streams.
    Streams,
    /// Reads that wait for a position which never comes.
    Waits,
    /// Reads, one after the other.
    Flood,
    /// Reads, each on a connection of its own, of which few wait for the answer.
    Connections,
    /// Reads that cost more than others: searches, the past, whole documents.
    CostlyReads,
    /// Log-ins and registrations, whose passwords are hashed.
    Passwords,
    /// Methods, paths and other words that nobody knows.
    Words,
    /// Tokens that nobody has.
    Tokens,
    /// Questions about the server itself.
    Operations,
}

impl Attack {
    pub(super) const ALL: [Self; 17] = [
        Self::Silence,
        Self::HalfHeads,
        Self::LargeHeads,
        Self::SlowBodies,
        Self::ExpectedBodies,
        Self::Kept,
        Self::UnreadAnswers,
        Self::SlowReads,
        Self::Streams,
        Self::Waits,
        Self::Flood,
        Self::Connections,
        Self::CostlyReads,
        Self::Passwords,
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
        if matches!(self, Self::UnreadAnswers | Self::SlowReads) {
            socket.set_recv_buffer_size(4_096)?;
        }
        socket.connect(host.parse().unwrap()).await
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "all others are told elsewhere"
    )]
    async fn attack(self, host: &str, number: usize) -> io::Result<()> {
        let mut stream = self.connect(host).await?;
        if let Some(asks) = self.asks(number) {
            return again_and_again(&mut stream, &asks).await;
        }
        let even = number.is_multiple_of(2);
        match self {
            Self::HalfHeads => slowly(&mut stream, "GET /api/board HTTP/1.1\r\n", "a: b\r\n").await,
            Self::SlowBodies if even => {
                let head = post(number, "content-length: 100000");
                slowly(&mut stream, &head, " ").await
            }
            Self::SlowBodies => {
                let head = post(number, "transfer-encoding: chunked");
                slowly(&mut stream, &head, "1\r\n \r\n").await
            }
            Self::ExpectedBodies => {
                let length = if even { 100_000 } else { 999_000_000 };
                let head = format!("content-length: {length}\r\nexpect: 100-continue");
                stream.write_all(post(number, &head).as_bytes()).await?;
                stream.read_u8().await?;
                stream.write_all(&vec![b' '; 100_000]).await?;
                to_its_end(&mut stream).await
            }
            Self::Connections => {
                stream.write_all(get("/api/board").as_bytes()).await?;
                if number.is_multiple_of(10) {
                    stream.read_u8().await?;
                }
                Ok(())
            }
            Self::UnreadAnswers | Self::SlowReads => {
                let many = get("/api/board?limit=100").repeat(100);
                stream.write_all(many.as_bytes()).await?;
                let pause = match self {
                    Self::SlowReads => SLOWLY,
                    _ => Duration::from_hours(1),
                };
                loop {
                    sleep(pause).await;
                    stream.read_u8().await?;
                }
            }
            _ => {
                stream.write_all(self.says_once(even).as_bytes()).await?;
                to_its_end(&mut stream).await
            }
        }
    }

    /// What is said on a connection on which nothing more follows.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "all others are told elsewhere"
    )]
    fn says_once(self, even: bool) -> String {
        match self {
            Self::LargeHeads if even => {
                format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(390_000))
            }
            Self::LargeHeads => format!("{MARK}{}", "Y".repeat(200_000)),
            Self::Kept => get("/api/board"),
            Self::Streams => get("/api/stream"),
            _ => String::new(),
        }
    }

    /// What is asked again as soon as it is answered, where that is all.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "all others are told elsewhere"
    )]
    fn asks(self, number: usize) -> Option<String> {
        Some(match self {
            Self::Waits => get("/api/board?min_position=9007199254740991"),
            Self::Flood => get("/api/board"),
            Self::CostlyReads => {
                let paths = [
                    "/api/search?q=%E5%BA%AD".to_owned(),
                    format!("/api/board?as_of={}", 1 + number % 20),
                    "/api/openapi.json".to_owned(),
                    "/tile/0/000".to_owned(),
                ];
                get(&paths[number % paths.len()])
            }
            Self::Passwords => password(number),
            Self::Words => words(number),
            Self::Tokens => token(number),
            Self::Operations => {
                let paths = ["/metrics", "/healthz", "/readyz"];
                get(paths[number % paths.len()])
            }
            _ => return None,
        })
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: meguri\r\n\r\n")
}

fn post(number: usize, headers: &str) -> String {
    format!(
        "POST /api/members HTTP/1.1\r\nhost: meguri\r\ncontent-type: application/json\r\n\
         idempotency-key: {number}\r\n{headers}\r\n\r\n"
    )
}

/// A log-in under a made-up name, or a registration.
fn password(number: usize) -> String {
    let registers = number.is_multiple_of(2);
    let (path, more) = if registers {
        let more = format!(r#","nickname":"x","mail":"x{number}@example.org""#);
        ("members", more)
    } else {
        ("tokens", String::new())
    };
    let body = format!(r#"{{"user_name":"x{number}","password":"correct horse battery"{more}}}"#);
    format!(
        "POST /api/{path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn token(number: usize) -> String {
    format!("GET /api/me HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {number}\r\n\r\n")
}

fn words(number: usize) -> String {
    let times = if number.is_multiple_of(2) { 300 } else { 1 };
    let long = format!("{MARK}{number}").repeat(times);
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
