//! Handing the place of a running server to the process that replaces it.
//!
//! They talk over a local socket, one line of JSON at a time. The new process asks for the
//! listening socket, is given it beside the answer, and then asks the old one to make way. Up to
//! there nothing has changed: if the new process ends, the old one serves on. From there the old
//! one ends as if it were told to stop, but that it closes no connection that waits for its next
//! request: it sends each to the new process. The end of the conversation says that it has sent
//! the last one; its views are free as soon as it has closed them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meguri_engine::Views;
use meguri_engine::control::SocketPath;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};

use crate::connections::Kept;

mod lines;

use lines::Lines;

/// The name of the socket in the data folder.
pub const SOCKET: &str = "serve.sock";

/// How long one side waits for the next line of the other. Neither has much to do before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the new process asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
enum Request {
    /// For the socket on which clients connect.
    Listener {
        /// The process that asks.
        pid: u32,
    },
    /// To stop and to make way.
    MakeWay,
}

/// What the old process answers. A file comes with every answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    /// The listening socket.
    Listener {
        /// The process that answers.
        pid: u32,
        /// How long it waits for clients when it stops.
        grace: Duration,
    },
    /// The connection of a client that waits for its next request to be answered.
    Connection {
        /// What was read of that request.
        ahead: Vec<u8>,
    },
}

/// Why a server is not replaced. It serves on.
#[derive(Debug, Error)]
pub enum HandoverError {
    /// It cannot be asked.
    #[error("the running server cannot be asked to make way: {0}")]
    Broken(#[from] io::Error),
    /// It broke off: it ended, or does not take us for one of its own.
    #[error("the running server did not answer: it ended, or belongs to another user")]
    Refused,
}

/// The side of a running server: where the process that is to replace it finds it.
#[derive(Debug)]
pub struct Offer {
    socket: UnixListener,
    path: PathBuf,
    listener: OwnedFd,
    grace: Duration,
}

impl Offer {
    /// Offers this listening socket to processes of the same user. What a crash has left is
    /// replaced: who opens the socket owns the views.
    pub fn bind(
        _owned: &Views,
        data: &Path,
        listener: &TcpListener,
        grace: Duration,
    ) -> io::Result<Self> {
        let path = data.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(SocketPath::new(data, SOCKET)?.path())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            socket,
            path,
            listener: listener.as_fd().try_clone_to_owned()?,
            grace,
        })
    }

    /// Waits until a process has the listening socket and asks this one to make way.
    pub async fn taken(self) -> Successor {
        let mut failing = false;
        loop {
            let asked = match self.socket.accept().await {
                Ok((stream, _)) => timeout(PATIENCE, self.converse(stream)).await,
                Err(error) => Ok(Err(error)),
            };
            match asked {
                Ok(Ok(Some(successor))) => return successor,
                // It only looked whether there is a server, or it ended before it could go on.
                Ok(Ok(None)) | Err(_) => failing = false,
                Ok(Err(error)) => {
                    // The same failure may come again at once, and for as long as it lasts.
                    if !failing {
                        tracing::warn!(%error, "a process could not ask this one to make way");
                    }
                    failing = true;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<Option<Successor>> {
        let user = stream.peer_cred()?.uid();
        if user != rustix::process::geteuid().as_raw() {
            tracing::warn!(user, "another user's process asked this one to make way");
            return Ok(None);
        }
        let mut lines = Lines::new(stream);
        let Some(Request::Listener { pid }) = lines.next().await? else {
            return Ok(None);
        };
        let answer = Answer::Listener {
            pid: std::process::id(),
            grace: self.grace,
        };
        lines.send(&answer, Some(self.listener.as_fd())).await?;
        let Some(Request::MakeWay) = lines.next().await? else {
            return Ok(None);
        };
        tracing::info!("replaced by process {pid}, which has the listening socket");
        Ok(Some(Successor { lines }))
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The process that takes the place of this one. When it is dropped, it has all it is given.
#[derive(Debug)]
pub struct Successor {
    lines: Lines,
}

impl Successor {
    /// Hands it a connection; ours is to be dropped.
    pub(crate) async fn keep(&mut self, connection: &Kept) -> io::Result<()> {
        let Kept { stream, ahead } = connection;
        let ahead = ahead.to_vec();
        let answer = Answer::Connection { ahead };
        self.lines.send(&answer, Some(stream.as_fd())).await
    }
}

/// A running server, as the process sees it that is to replace it.
#[derive(Debug)]
pub struct Predecessor {
    lines: Lines,
}

/// What is known of a server that can be replaced.
#[derive(Debug)]
pub struct Place {
    /// The socket on which clients connect. A process that does not accept takes nothing from the
    /// other.
    pub listener: std::net::TcpListener,
    /// Where that is.
    pub address: SocketAddr,
    /// The process that listens there now.
    pub pid: u32,
    /// How long that process waits for its clients when it stops.
    pub grace: Duration,
}

impl Predecessor {
    /// The server that runs on this data folder; none if none runs.
    pub async fn find(data: &Path) -> Result<Option<Self>, HandoverError> {
        match connect(data).await {
            Ok(stream) => {
                let lines = Lines::new(stream);
                Ok(Some(Self { lines }))
            }
            // No socket, or one that a crash has left.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for its place. It serves on.
    pub async fn place(&mut self) -> Result<Place, HandoverError> {
        let pid = std::process::id();
        self.lines.send(&Request::Listener { pid }, None).await?;
        let answered = timeout(PATIENCE, self.lines.next()).await;
        let answer = answered.map_err(io::Error::from)??;
        let (Some(Answer::Listener { pid, grace }), Some(file)) = (answer, self.lines.file())
        else {
            return Err(HandoverError::Refused);
        };
        let listener = std::net::TcpListener::from(file);
        let address = listener.local_addr()?;
        Ok(Place {
            listener,
            address,
            pid,
            grace,
        })
    }

    /// Asks it to make way, which it does, and takes its clients until it has sent the last.
    pub async fn make_way(mut self, until: Instant) -> Result<Vec<Kept>, HandoverError> {
        self.lines.send(&Request::MakeWay, None).await?;
        let mut kept = Vec::new();
        // Whether it has ended in time will be seen by its views.
        while let Ok(client) = timeout_at(until, self.next_client()).await {
            match client {
                Ok(Some(client)) => kept.push(client),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "some clients of the old server have to connect anew");
                    break;
                }
            }
        }
        Ok(kept)
    }

    async fn next_client(&mut self) -> io::Result<Option<Kept>> {
        let answer = self.lines.next().await?;
        let (Some(Answer::Connection { ahead }), Some(file)) = (answer, self.lines.file()) else {
            return Ok(None);
        };
        let stream = TcpStream::from_std(std::net::TcpStream::from(file))?;
        let ahead = ahead.into();
        Ok(Some(Kept { stream, ahead }))
    }
}

async fn connect(data: &Path) -> io::Result<UnixStream> {
    let socket = SocketPath::new(data, SOCKET)?;
    UnixStream::connect(socket.path()).await
}

/// Two processes of which one takes the place of the other.
#[cfg(test)]
pub(crate) fn pair() -> io::Result<(Successor, Predecessor)> {
    let (old, new) = UnixStream::pair()?;
    let [old, new] = [old, new].map(Lines::new);
    Ok((Successor { lines: old }, Predecessor { lines: new }))
}
