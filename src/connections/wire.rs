//! One connection as HTTP sees it, and what tells whether it is between two requests.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use meguri_http::HeldUp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use super::ConnectionLimits;

/// An answer of which nothing was taken for so long may be given up for another client.
const STANDS_AFTER: Duration = Duration::from_secs(5);

/// A connection between two requests.
#[derive(Debug)]
pub struct Kept {
    /// The socket.
    pub stream: TcpStream,
    /// What was read of the next request: less than its head.
    pub ahead: Bytes,
}

impl From<TcpStream> for Kept {
    fn from(stream: TcpStream) -> Self {
        let ahead = Bytes::new();
        Self { stream, ahead }
    }
}

/// What is under way on a connection.
#[derive(Debug)]
pub(super) struct Exchanges {
    /// Halves of exchanges, a request or its answer, that are not through.
    under_way: AtomicUsize,
    /// Whether one got through, or was given up, since this was last asked for.
    ended: AtomicBool,
    /// Whether something of an answer waits until the client takes it.
    blocked: AtomicBool,
    /// Exchanges that have begun.
    begun: AtomicUsize,
    /// Whether nobody has begun to work on the request that has come.
    pub(super) held_up: HeldUp,
    /// When the last exchange began or ended, or its answer began to wait, in nanoseconds of
    /// [`now`].
    since: AtomicU64,
}

/// Nanoseconds of this process: fine enough to tell which of two connections is older.
fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Exchanges {
    fn default() -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            held_up: HeldUp::default(),
            since: AtomicU64::new(now()),
        }
    }
}

impl Exchanges {
    /// Counts one more, and says how many there have been.
    pub(super) fn begin(&self) -> usize {
        self.wait();
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Since when nothing is at work for the client: it is to send a request or to take an answer,
    /// or its request is held up.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let since = self.since.load(Ordering::Relaxed);
        if self.under_way.load(Ordering::Relaxed) == 0 || self.held_up.is() {
            return Some(since);
        }
        let stands = self.blocked.load(Ordering::Relaxed)
            && Duration::from_nanos(now().saturating_sub(since)) > STANDS_AFTER;
        stands.then_some(since)
    }

    fn wait(&self) {
        self.since.store(now(), Ordering::Relaxed);
    }

    /// Whether every request has been answered to the last byte. To be asked when HTTP waits:
    /// if nothing is under way, it waits for the next request, or for the rest of its head.
    pub(super) fn none(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0 && !self.blocked.load(Ordering::Relaxed)
    }

    /// Whether an exchange has ended since the last call. HTTP notices when it is polled again
    /// that nobody reads the rest of a request, and skips it or closes the connection.
    pub(super) fn ended(&self) -> bool {
        self.ended.swap(false, Ordering::Relaxed)
    }
}

/// Something that is under way until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Exchanges>);

impl UnderWay {
    pub(super) fn new(exchanges: &Arc<Exchanges>) -> Self {
        exchanges.under_way.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(exchanges))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        self.0.wait();
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a request or of an answer, which is under way as long as somebody has it.
#[derive(Debug)]
pub(super) struct Half<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B> Half<B> {
    pub(super) fn new(body: B, under_way: UnderWay) -> Self {
        Self {
            body,
            _under_way: under_way,
        }
    }
}

impl<B: HttpBody + Unpin> HttpBody for Half<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection to read from and write to; what was read ahead comes first.
pub(super) struct Wire {
    connection: Kept,
    exchanges: Arc<Exchanges>,
    head: Head,
    stall: Stall,
}

/// The head that is being read.
struct Head {
    time: Duration,
    /// When its first byte came, and how many exchanges there had been then.
    began: Option<(Instant, usize)>,
    end: Option<Pin<Box<Sleep>>>,
}

/// What the client takes of answers while the server waits for it.
struct Stall {
    time: Duration,
    bytes: usize,
    /// What it has taken since this was counted last, and how long it has let the server wait.
    taken: usize,
    waited: Duration,
    since: Option<Instant>,
    end: Option<Pin<Box<Sleep>>>,
}

/// Waits until then; the timer is made when it is needed for the first time.
fn until(at: Instant, timer: &mut Option<Pin<Box<Sleep>>>, context: &mut Context<'_>) -> Poll<()> {
    let at = at.into();
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
    if timer.deadline() != at {
        timer.as_mut().reset(at);
    }
    timer.as_mut().poll(context)
}

impl Head {
    fn read(&mut self, exchanges: &Exchanges) {
        let begun = exchanges.begun.load(Ordering::Relaxed);
        if self.began.is_none_or(|(_, of)| of != begun) {
            self.began = Some((Instant::now(), begun));
        }
    }

    /// Whether more of it is waited for, and has been for too long.
    fn is_late(&mut self, exchanges: &Exchanges, context: &mut Context<'_>) -> bool {
        let begun = exchanges.begun.load(Ordering::Relaxed);
        match self.began {
            Some((at, of)) if of == begun => {
                until(at + self.time, &mut self.end, context).is_ready()
            }
            Some(_) | None => false,
        }
    }
}

impl Stall {
    fn took(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.taken += bytes;
        if self.taken >= self.bytes {
            self.taken = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Whether the client lets the server wait for too long.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.time.saturating_sub(self.waited);
        until(since + left, &mut self.end, context).is_ready()
    }
}

impl Wire {
    pub(super) fn new(
        connection: Kept,
        exchanges: Arc<Exchanges>,
        limits: &ConnectionLimits,
    ) -> Self {
        Self {
            connection,
            exchanges,
            head: Head {
                time: limits.head_time,
                began: None,
                end: None,
            },
            stall: Stall {
                time: limits.stall_time,
                bytes: limits.stall_bytes,
                taken: 0,
                waited: Duration::ZERO,
                since: None,
                end: None,
            },
        }
    }

    /// The connection, with what was read of it and not used.
    pub(super) fn into_kept(self, unused: &[u8]) -> Kept {
        let Kept { stream, ahead } = self.connection;
        let ahead = [unused, &ahead].concat().into();
        Kept { stream, ahead }
    }

    fn wrote(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let blocked = written.is_pending();
        if !self.exchanges.blocked.swap(blocked, Ordering::Relaxed) && blocked {
            self.exchanges.wait();
        }
        match written {
            Poll::Ready(Ok(bytes)) => self.stall.took(bytes),
            Poll::Pending if self.stall.is_over(context) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            connection: Kept { stream, ahead },
            exchanges,
            head,
            ..
        } = &mut *self;
        if !ahead.is_empty() {
            let fits = ahead.len().min(buffer.remaining());
            buffer.put_slice(&ahead.split_to(fits));
            head.read(exchanges);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(context, buffer);
        let waits = exchanges.under_way.load(Ordering::Relaxed) == 0;
        match read {
            Poll::Ready(Ok(())) if waits && buffer.filled().len() > before => head.read(exchanges),
            Poll::Pending if waits && head.is_late(exchanges, context) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection.stream).poll_write(context, bytes);
        self.wrote(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection.stream).poll_write_vectored(context, slices);
        self.wrote(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection.stream).poll_shutdown(context)
    }
}
