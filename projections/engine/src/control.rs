//! Commands about views, from another process, through a local socket: one line of JSON asks, lines
//! of JSON answer.

mod acceptor;
mod answer;
mod socket;

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use meguri_log::Position;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
};
use tokio_util::sync::CancellationToken;

use crate::{
    comparing::{
        bisect::{Bisected, Other},
        verify::Verified,
    },
    files::changes::Diff,
    past::{AsOf, BuiltPast},
    running::{status::ViewStatus, worker_command::RebuildStep},
    snapshot::ViewCopy,
    views::Views,
};
pub use acceptor::Acceptor;
pub use answer::answer;
pub use socket::SocketPath;

/// The name of the socket in the data folder.
pub const SOCKET: &str = "views.sock";

/// Longest request, in bytes: the longest path there can be, and something around it.
const REQUEST_BYTES_MAX: u64 = 16 * 1_024;

/// What can be asked. Paths are whole, for each process has a folder that it works in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// Every view at a glance: one answer.
    List,
    /// Build a view anew: steps until the last.
    Rebuild {
        /// The view.
        name: String,
    },
    /// Go back to the file that was live before: steps until the last.
    Rollback {
        /// The view.
        name: String,
    },
    /// Let a view that has stopped try again: one answer.
    Retry {
        /// The view.
        name: String,
    },
    /// Compare a view with a build from the log: steps, and one answer.
    Verify {
        /// The view.
        name: String,
    },
    /// Compare the version of a view that is live with the one before: steps, and one answer.
    Diff {
        /// The view.
        name: String,
    },
    /// Find the event after which a file and a build from the log differ: steps, and one answer.
    Bisect {
        /// The view.
        name: String,
        /// The file.
        with: Other,
    },
    /// Build a view as of a moment, to be read: steps, and one answer.
    Build {
        /// The view.
        name: String,
        /// The moment.
        as_of: AsOf,
    },
    /// Write a copy of a view: one answer.
    Export {
        /// The view.
        name: String,
        /// The file, which must not be there yet.
        path: PathBuf,
    },
    /// Make a copy from elsewhere the live file: steps, and one answer after the last of them.
    Import {
        /// The file.
        path: PathBuf,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::List`].
    Views {
        /// Where the log ends.
        head: Position,
        /// The views.
        views: Vec<ViewStatus>,
    },
    /// Something builds, and this is how far it is.
    Step(RebuildStep),
    /// To [`Request::Retry`]: the view goes on.
    Retried,
    /// To [`Request::Verify`].
    Verified(Verified),
    /// To [`Request::Diff`].
    Compared(Diff),
    /// To [`Request::Bisect`].
    Bisected(Bisected),
    /// To [`Request::Build`].
    Built(BuiltPast),
    /// To [`Request::Export`].
    Exported(ViewCopy),
    /// To [`Request::Import`]: what the file was; the last step has said whether it is live.
    Imported(ViewCopy),
    /// The request was not understood, or it was refused, or it came to nothing.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The connection broke.
    #[error("the process that owns the views broke off: {0}")]
    Broken(#[from] io::Error),
    /// It speaks another language: another release, perhaps.
    #[error("the process that owns the views answers something else: {0}")]
    NotUnderstood(#[from] serde_json::Error),
}

/// Where other processes reach the views of this one. The socket is removed with it.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Opens the socket, for the user of this process alone. One that a crash has left is replaced:
    /// who opens it owns the views.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn bind(_owned: &Views, data: &Path) -> io::Result<Self> {
        let path = data.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(SocketPath::new(data, SOCKET)?.path())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until it is told to stop.
    pub async fn run(self, views: Views, stop: CancellationToken) {
        let mut acceptor = Acceptor::of("the views");
        loop {
            let connection = tokio::select! {
                // Whoever stops it is heard first.
                biased;
                () = stop.cancelled() => return,
                connection = acceptor.next(|| self.listener.accept()) => connection,
            };
            let ((stream, _), views, stop) = (connection, views.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    // Who asked has gone away.
                    Err(error) = converse(stream, &views) => {
                        tracing::debug!(%error, "a connection to the views broke off");
                    }
                    else => {}
                }
            });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, views: &Views) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            let reason = error.to_string();
            return send(&mut write, &Answer::Refused { reason }).await;
        }
    };
    let mut answers = answer(views, request);
    while let Some(answer) = answers.recv().await {
        send(&mut write, &answer).await?;
    }
    Ok(())
}

async fn send(write: &mut OwnedWriteHalf, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    write.write_all(&text).await
}

/// The side that asks.
#[derive(Debug)]
pub struct Client {
    answers: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
}

impl Client {
    /// Asks the process that owns the views in this data folder; none where no process does.
    ///
    /// # Errors
    /// [`ControlError`] where there is one that cannot be asked.
    pub async fn ask(data: &Path, request: &Request) -> Result<Option<Self>, ControlError> {
        let stream = match connect(data).await {
            Ok(stream) => stream,
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (read, mut write) = stream.into_split();
        send(&mut write, request).await?;
        Ok(Some(Self {
            answers: BufReader::new(read).lines(),
        }))
    }

    /// The next answer; none after the last.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn next(&mut self) -> Result<Option<Answer>, ControlError> {
        let line = self.answers.next_line().await?;
        Ok(line.map(|line| serde_json::from_str(&line)).transpose()?)
    }
}

async fn connect(data: &Path) -> io::Result<UnixStream> {
    let socket = SocketPath::new(data, SOCKET)?;
    UnixStream::connect(socket.path()).await
}

/// No socket, or one that a crash has left.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}
