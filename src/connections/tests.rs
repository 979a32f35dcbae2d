//! What becomes of a connection, wherever it stands when the server is replaced.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::ready;
use std::time::Duration;

use axum::extract::Request as Asked;
use axum::middleware::map_request;
use axum::routing::{get, post};
use meguri_http::TrustedProxies;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::handover::pair;

mod bounds;

/// More than the sockets between two processes hold.
const LARGE: usize = 32 * 1024 * 1024;

/// A server with one client, and the process that will take its place.
struct House {
    client: TcpStream,
    /// Tells that a request has come.
    came: Arc<Notify>,
    /// Lets `/slow` and `/deaf` answer.
    go: Arc<Notify>,
    replace: oneshot::Sender<Ending>,
    ended: JoinHandle<()>,
}

/// Tells where the connection of a request is counted.
async fn room(request: Asked) -> &'static str {
    match request.extensions().get::<OverShare>() {
        Some(OverShare) => "reserve",
        None => "common",
    }
}

fn router(came: &Arc<Notify>, go: &Arc<Notify>) -> Router {
    let [slow, deaf] = [(); 2].map(|()| Arc::clone(go));
    let slow = async move || {
        slow.notified().await;
        "slow"
    };
    let deaf = async move |request: Asked| {
        deaf.notified().await;
        drop(request);
        "deaf"
    };
    let came = Arc::clone(came);
    Router::new()
        .route("/quick", get(async || "quick"))
        .route("/room", get(room))
        .route("/slow", get(slow))
        .route("/large", get(async || vec![b'x'; LARGE]))
        .route("/deaf", post(deaf))
        .layer(map_request(move |request: Asked| {
            came.notify_one();
            ready(request)
        }))
}

fn limits() -> ConnectionLimits {
    ConnectionLimits::within(1_024, TrustedProxies::default())
}

impl House {
    async fn new() -> Self {
        Self::with(limits()).await
    }

    async fn with(limits: ConnectionLimits) -> Self {
        let [came, go] = [(); 2].map(|()| Arc::<Notify>::default());
        let router = router(&came, &go);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (replace, told) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let mut connections = Connections::new(router, limits);
            let told = async { told.await.unwrap() };
            let ending = connections.accept(listener.into(), told).await;
            connections.finish(ending).await;
        });
        Self {
            client,
            came,
            go,
            replace,
            ended,
        }
    }

    async fn send(&mut self, bytes: &str) {
        self.client.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Sends a request and waits until the server works on it.
    async fn ask(&mut self, request: &str) {
        self.send(request).await;
        self.came.notified().await;
    }

    /// Reads answers until one ends like this.
    async fn read_to(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let more = self.client.read_buf(&mut read).await.unwrap();
            assert!(
                more > 0,
                "closed after {:?}",
                String::from_utf8_lossy(&read)
            );
        }
        String::from_utf8(read).unwrap()
    }

    /// Replaces the server; gives what the successor is given, once `meanwhile` has happened.
    async fn replaced(&mut self, meanwhile: impl AsyncFnOnce(&mut Self)) -> Vec<Kept> {
        let (successor, predecessor) = pair().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        let kept = tokio::spawn(predecessor.make_way(until));
        let replace = std::mem::replace(&mut self.replace, oneshot::channel().0);
        replace.send(Ending::Replaced(successor)).unwrap();
        // It is told while it answers.
        tokio::time::sleep(Duration::from_millis(50)).await;
        meanwhile(self).await;
        (&mut self.ended).await.unwrap();
        kept.await.unwrap().unwrap()
    }

    async fn is_closed(&mut self) -> bool {
        // A reset, if something was sent that nobody has read.
        !matches!(self.client.read(&mut [0]).await, Ok(1..))
    }
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_answered_and_the_connection_goes_on() {
    let mut house = House::new().await;
    house.ask("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let kept = house.replaced(async |house| {
        house.go.notify_one();
        let answer = house.read_to("slow").await;
        assert!(!answer.contains("close"), "{answer}");
    });
    assert_eq!(kept.await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_the_client_takes_slowly_is_taken_whole() {
    let mut house = House::new().await;
    house.ask("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let kept = house.replaced(async |house| {
        let mut read = 0;
        while read < LARGE {
            read += house.client.read(&mut vec![0; LARGE]).await.unwrap();
        }
    });
    assert_eq!(kept.await.len(), 1);
}

#[tokio::test]
async fn the_beginning_of_a_request_goes_with_the_connection() {
    let mut house = House::new().await;
    house
        .send("GET /quick HTTP/1.1\r\nhost: a\r\n\r\nGET /qui")
        .await;
    house.read_to("quick").await;
    let kept = house.replaced(async |_| {}).await;
    assert_eq!(kept.len(), 1);
    let mut wire = Wire::new(kept.into_iter().next().unwrap(), Arc::default(), &limits());
    house.send("ck HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut read = [0; 32];
    wire.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n");
}

#[tokio::test]
async fn who_does_not_wait_for_answers_is_told_to_connect_anew() {
    let mut house = House::new().await;
    let request = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    house.ask(&request.repeat(2)).await;
    let kept = house.replaced(async |house| {
        house.go.notify_one();
        let first = house.read_to("slow").await;
        assert!(!first.contains("close"), "{first}");
        house.go.notify_one();
        let second = house.read_to("slow").await;
        assert!(second.contains("connection: close"), "{second}");
        assert!(house.is_closed().await);
    });
    assert!(kept.await.is_empty());
}

/// The rest of a request that nobody has read must never be taken for the next request.
#[tokio::test]
async fn the_rest_of_a_request_never_becomes_a_request_of_the_successor() {
    for sent in [0, 100, 100_000] {
        let mut house = House::new().await;
        let body = "x".repeat(sent);
        let request =
            format!("POST /deaf HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n{body}");
        house.ask(&request).await;
        let kept = house.replaced(async |house| {
            house.go.notify_one();
            house.read_to("deaf").await;
        });
        assert!(kept.await.is_empty(), "after {sent} bytes");
        assert!(house.is_closed().await);
    }
}
