//! HTTP/1.1 by hand: one connection that hides nothing, neither by a retry nor by a pool.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::api::Member;

/// An open connection to a server.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

/// What was answered to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether the server said that it closes the connection now.
    pub(crate) last: bool,
    /// Up to which position it has seen the log, where it says so.
    pub(crate) position: Option<u64>,
    pub(crate) body: String,
}

/// The bytes of a request that reads.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: meguri\r\n\r\n")
}

/// The bytes of a command.
pub(crate) fn post(path: &str, member: &Member, key: &str, body: &Value) -> String {
    let (token, body) = (&member.token, body.to_string());
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: meguri\r\nauthorization: Bearer {token}\r\n\
         idempotency-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

impl Connection {
    /// Connects to an address such as `127.0.0.1:8080`.
    pub(crate) async fn open(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and waits for the whole answer.
    pub(crate) async fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    /// Sends a request, or a part of one.
    pub(crate) async fn send(&mut self, bytes: &str) -> io::Result<()> {
        self.0.write_all(bytes.as_bytes()).await
    }

    /// The next answer. Its body has to have a known length.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head().await?;
        let field = |name: &str| {
            let mut fields = head.iter().filter_map(|line| line.split_once(": "));
            fields.find(|(it, _)| it.eq_ignore_ascii_case(name))
        };
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let last = field("connection").is_some_and(|(_, value)| value == "close");
        let position = field("meguri-position").map(|(_, value)| value.parse().unwrap());
        let (_, length) = field("content-length").unwrap_or_else(|| panic!("no length: {head:?}"));
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await?;
        let body = String::from_utf8(body).unwrap();
        Ok(Answer {
            status,
            last,
            position,
            body,
        })
    }

    /// The lines of the head of an answer.
    pub(crate) async fn head(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            match self.line().await?.as_str() {
                "" => return Ok(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The next line, without its end.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
