//! Connections: accepted, served, and at the end closed, or kept for the process that follows.
//!
//! A client may send its next request at the very moment at which the server closes an idle
//! connection; nothing in HTTP/1.1 tells it whether that request was read (RFC 9112 §9.5). So a
//! server that is replaced closes none: between two requests a connection is taken out of HTTP as
//! a socket, together with what was read of it, and goes to the successor.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, header};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::handover::Successor;

mod wire;

pub use wire::Kept;
use wire::{Exchanges, Half, UnderWay, Wire};

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
    then: watch::Sender<Then>,
    open: JoinSet<Option<Kept>>,
}

impl Connections {
    /// None yet; requests will be answered by this router.
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            then: watch::Sender::new(Then::Next),
            open: JoinSet::new(),
        }
    }

    /// Serves who comes in until it is told to end. After that nobody comes in any more.
    pub(crate) async fn accept<E>(
        &mut self,
        entrance: Entrance,
        told: impl Future<Output = E>,
    ) -> E {
        let Entrance { mut listener, kept } = entrance;
        for connection in kept {
            self.serve(connection);
        }
        let mut told = pin!(told);
        loop {
            tokio::select! {
                ending = &mut told => return ending,
                (stream, _) = Listener::accept(&mut listener) => {
                    // Answers are small: one that waits to be joined by the next comes 40 ms late.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection cannot be told to send at once");
                    }
                    self.serve(stream.into());
                }
                Some(_closed) = self.open.join_next() => {}
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

    fn serve(&mut self, connection: Kept) {
        // Who has no address any more has gone away.
        if let Ok(peer) = connection.stream.peer_addr() {
            let (router, then) = (self.router.clone(), self.then.subscribe());
            self.open.spawn(serve(router, connection, peer, then));
        }
    }
}

/// Answers request after request; returns the connection if the successor is to go on with it.
async fn serve(
    router: Router,
    connection: Kept,
    peer: SocketAddr,
    mut told: watch::Receiver<Then>,
) -> Option<Kept> {
    let exchanges = Arc::<Exchanges>::default();
    let service = {
        let (told, exchanges) = (told.clone(), Arc::clone(&exchanges));
        service_fn(move |request| {
            let last = *told.borrow() != Then::Next;
            answer(&router, request, peer, last, &exchanges)
        })
    };
    let wire = TokioIo::new(Wire::new(connection, Arc::clone(&exchanges)));
    let mut http = http1::Builder::new().serve_connection(wire, service);
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
    router: &Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    last: bool,
    exchanges: &Arc<Exchanges>,
) -> impl Future<Output = Result<Response<Half<Body>>, Infallible>> + use<> {
    let [asked, answered] = [(); 2].map(|()| UnderWay::new(exchanges));
    let mut request = request.map(|body| Body::new(Half::new(body, asked)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.clone().oneshot(request);
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
