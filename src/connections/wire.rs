//! One connection as HTTP sees it, and what tells whether it is between two requests.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// Halves of exchanges, a request or its answer, that are not through.
    under_way: AtomicUsize,
    /// Whether one got through, or was given up, since this was last asked for.
    ended: AtomicBool,
    /// Whether something of an answer waits until the client takes it.
    blocked: AtomicBool,
}

impl Exchanges {
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
}

impl Wire {
    pub(super) fn new(connection: Kept, exchanges: Arc<Exchanges>) -> Self {
        Self {
            connection,
            exchanges,
        }
    }

    /// The connection, with what was read of it and not used.
    pub(super) fn into_kept(self, unused: &[u8]) -> Kept {
        let Kept { stream, ahead } = self.connection;
        let ahead = [unused, &ahead].concat().into();
        Kept { stream, ahead }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let blocked = written.is_pending();
        self.exchanges.blocked.store(blocked, Ordering::Relaxed);
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Kept { stream, ahead } = &mut self.connection;
        if ahead.is_empty() {
            return Pin::new(stream).poll_read(context, buffer);
        }
        let fits = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead.split_to(fits));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection.stream).poll_write_vectored(context, slices);
        self.wrote(written)
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
