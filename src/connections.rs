//! Connections: accepted, served, and at the end closed, or kept for the process that follows.
//!
//! A client may send its next request at the very moment at which the server closes an idle
//! connection; nothing in HTTP/1.1 tells it whether that request was read (RFC 9112 §9.5). So a
//! server that is replaced closes none: between two requests a connection is taken out of HTTP as
//! a socket, together with what was read of it, and goes to the successor.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, header};
use axum::middleware::from_fn;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use meguri_commands::ClientAddress;
use meguri_http::OverShare;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::handover::Successor;

mod limits;
mod places;
mod rest;
mod wire;

pub(crate) use limits::ConnectionLimits;
use places::{Places, Room};
use rest::Rest;
pub use wire::Kept;
use wire::{Exchanges, Half, UnderWay, Wire};

/// Connections that wait to be accepted: as many as a flood brings before others are served.
const BACKLOG: u32 = 4_096;

/// Listens at an address such as `127.0.0.1:8080` or `localhost:0`.
pub(crate) async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where clients come in.
#[derive(Debug)]
pub struct Entrance {
    /// Where they connect.
    pub listener: TcpListener,
    /// Those who were connected to the process before.
    pub kept: Vec<Kept>,
}

impl From<TcpListener> for Entrance {
    fn from(listener: TcpListener) -> Self {
        let kept = Vec::new();
        Self { listener, kept }
    }
}

/// Why a server ends.
#[derive(Debug)]
pub enum Ending {
    /// It was told to stop.
    Stop,
    /// Another process takes its place.
    Replaced(Successor),
}

/// What becomes of a connection after the answer that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    Close,
    Keep,
}

/// The open connections of a server.
pub(crate) struct Connections {
    router: Router,
    limits: Arc<ConnectionLimits>,
    then: watch::Sender<Then>,
    open: JoinSet<Option<Kept>>,
    places: Places,
}

impl Connections {
    /// None yet; requests will be answered by this router, if they say for which host they are.
    pub(crate) fn new(router: Router, limits: ConnectionLimits) -> Self {
        Self {
            router: router.layer(from_fn(meguri_http::require_host)),
            then: watch::Sender::new(Then::Next),
            open: JoinSet::new(),
            places: Places::new(&limits),
            limits: Arc::new(limits),
        }
    }

    /// Serves who comes in until it is told to end. After that nobody comes in any more.
    pub(crate) async fn accept<E>(
        &mut self,
        entrance: Entrance,
        told: impl Future<Output = E>,
    ) -> E {
        let Entrance { listener, kept } = entrance;
        for connection in kept {
            self.serve(connection);
        }
        let mut told = pin!(told);
        let mut rest = Rest::default();
        loop {
            tokio::select! {
                biased;
                ending = &mut told => return ending,
                // Before the next one comes, so that who has gone is not counted.
                Some(closed) = self.open.join_next_with_id() => {
                    self.places.leave(closed.map_or_else(|error| error.id(), |(task, _)| task));
                }
                accepted = listener.accept(), if !rest.is_needed() => match accepted {
                    Ok((stream, _)) => {
                        rest.ended();
                        self.serve(prepared(stream, &self.limits).into());
                    }
                    Err(error) if rest::is_of_the_client(&error) => {}
                    Err(error) => {
                        rest.begin(&error);
                        self.places.give_up_some(rest::GIVEN_UP);
                    }
                },
                () = rest.over() => {}
            }
        }
    }

    /// Answers what was accepted. Then every connection is closed, or goes to the successor.
    pub(crate) async fn finish(mut self, ending: Ending) {
        let (then, mut successor) = match ending {
            Ending::Stop => (Then::Close, None),
            Ending::Replaced(successor) => (Then::Keep, Some(successor)),
        };
        self.then.send_replace(then);
        while let Some(ended) = self.open.join_next().await {
            if let (Ok(Some(connection)), Some(to)) = (ended, &mut successor)
                && let Err(error) = to.keep(&connection).await
            {
                tracing::warn!(%error, "the successor takes no connections: they are closed");
                successor = None;
            }
        }
    }

    /// Serves a connection, if there is a place for it; else it is closed.
    fn serve(&mut self, connection: Kept) {
        // A peer without an address has gone away.
        let Ok(peer) = connection.stream.peer_addr() else {
            return;
        };
        let Some(room) = self.places.find(peer.ip()) else {
            metrics::counter!("meguri_connections_refused_total").increment(1);
            return;
        };
        let exchanges = Arc::<Exchanges>::default();
        let of = Of {
            router: self.router.clone(),
            limits: Arc::clone(&self.limits),
            peer,
            room,
            exchanges: Arc::clone(&exchanges),
        };
        let task = self
            .open
            .spawn(serve(of, connection, self.then.subscribe()));
        let client = ClientAddress::from(peer.ip()).network();
        self.places.enter(client, room, exchanges, task);
    }
}

/// The peer of a connection, and the router that answers it.
struct Of {
    router: Router,
    limits: Arc<ConnectionLimits>,
    peer: SocketAddr,
    room: Room,
    exchanges: Arc<Exchanges>,
}

/// Sets what the system does for a connection. Without it, it is slower to answer or to notice
/// that a client has vanished, and no worse.
fn prepared(stream: TcpStream, limits: &ConnectionLimits) -> TcpStream {
    // Answers are small: one that waits to be joined by the next comes 40 ms late.
    let sends = stream.set_nodelay(true);
    let vanished = u32::try_from(limits.stall_time.as_millis()).unwrap_or(u32::MAX);
    let notices = set_tcp_user_timeout(&stream, vanished).map_err(io::Error::from);
    if let Err(error) = sends.and(notices) {
        tracing::debug!(%error, "an option of a connection cannot be set");
    }
    stream
}

fn http(limits: &ConnectionLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Between two requests and for their heads together; a head has less (`Wire`).
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle_time)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.buffer_bytes);
    http
}

/// Answers request after request; returns the connection if the successor is to go on with it.
async fn serve(of: Of, connection: Kept, mut told: watch::Receiver<Then>) -> Option<Kept> {
    let exchanges = Arc::clone(&of.exchanges);
    let wire = Wire::new(connection, Arc::clone(&exchanges), &of.limits);
    let builder = http(&of.limits);
    let service = {
        let told = told.clone();
        service_fn(move |request| {
            let last = *told.borrow() != Then::Next;
            answer(&of, request, last)
        })
    };
    let mut http = builder.serve_connection(TokioIo::new(wire), service);
    let then = tokio::select! {
        ended = &mut http => return closed(ended),
        Ok(then) = told.wait_for(|then| *then != Then::Next) => *then,
    };
    if then == Then::Close {
        Pin::new(&mut http).graceful_shutdown();
        return closed(http.await);
    }
    let between_requests = poll_fn(|context| match Pin::new(&mut http).poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if exchanges.ended() => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending if exchanges.none() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    if let Some(ended) = between_requests.await {
        return closed(ended);
    }
    let parts = http.into_parts();
    Some(parts.io.into_inner().into_kept(&parts.read_buf))
}

fn closed(ended: hyper::Result<()>) -> Option<Kept> {
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection broke off");
    }
    None
}

/// Answers one request; the last of a connection tells the client so.
fn answer(
    of: &Of,
    request: Request<Incoming>,
    last: bool,
) -> impl Future<Output = Result<Response<Half<Body>>, Infallible>> + use<> {
    let last = of.exchanges.begin() >= of.limits.requests || last;
    let [asked, answered] = [(); 2].map(|()| UnderWay::new(&of.exchanges));
    let mut request = request.map(|body| Body::new(Half::new(body, asked)));
    let extensions = request.extensions_mut();
    extensions.insert(ConnectInfo(of.peer));
    extensions.insert(of.exchanges.held_up.clone());
    if of.room == Room::Reserve {
        extensions.insert(OverShare);
    }
    let response = of.router.clone().oneshot(request);
    async move {
        let mut response = response.await?;
        if last {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response.map(|body| Half::new(body, answered)))
    }
}

#[cfg(test)]
mod tests;
