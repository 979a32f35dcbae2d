//! One client, whatever it does, keeps no other from its turn.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use hyper::body::{Frame, SizeHint};
use meguri_domain::role::{AUDITOR, MEMBER, OPERATOR};
use meguri_log::TokenId;
use meguri_read_api::waiting;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::*;
use crate::{TokenReader, Tokens, TokensUnavailable, guard};

const ATTACKER: &str = "192.0.2.1:1";
const OTHER: &str = "192.0.2.2:1";

/// A body of this size that never arrives.
struct Never(u64);

impl HttpBody for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

struct Known;

#[async_trait]
impl TokenReader for Known {
    async fn holder(&self, token: &str) -> Result<Option<Principal>, TokensUnavailable> {
        // `member`, or `member 2` of another account; whatever comes after a `/` is another token.
        let account = token.split('/').next().unwrap_or_default();
        let (role, number) = account.split_once(' ').unwrap_or((account, "0"));
        let number = uuid::Uuid::from_u128(number.parse().unwrap());
        Ok(Principal::of(role, format!("{role}-{number}")))
    }

    async fn valid(&self, _: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable> {
        Ok(HashSet::new())
    }

    fn watch_revocations(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

#[derive(Clone)]
struct House {
    app: Router,
    go: Arc<Notify>,
}

impl House {
    fn new(limits: &Limits) -> Self {
        let go = Arc::<Notify>::default();
        let [work, wait] = [(); 2].map(|()| Arc::clone(&go));
        let known = async |request: Request| {
            let token = request.headers().get(header::AUTHORIZATION);
            let known = token.is_none_or(|it| !it.as_bytes().starts_with(b"Bearer wrong"));
            if known {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            }
        };
        let routes = Router::new()
            .route("/quick", get(known))
            .route("/take", post(async |body: String| body))
            .route("/work", get(async move || work.notified().await))
            .route(
                "/wait",
                get(async move || {
                    waiting(wait.notified())
                        .await
                        .map(|()| "done")
                        .map_err(Problem::from)
                }),
            )
            .route("/healthz", get(async || "ok"));
        let app = guard(routes, limits);
        Self { app, go }
    }

    async fn ask(&self, peer: &str, path: &str, with: impl FnOnce(&mut Request)) -> u16 {
        let request = Request::builder().uri(path).body(Body::empty());
        let mut request = request.unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        with(&mut request);
        let answer = self.app.clone().oneshot(request).await.unwrap();
        answer.status().as_u16()
    }

    async fn get(&self, peer: &str, path: &str) -> u16 {
        self.ask(peer, path, |_| {}).await
    }

    async fn bear(&self, peer: &str, path: &str, token: &str) -> u16 {
        let bearer = format!("Bearer {token}").parse().unwrap();
        let with = |request: &mut Request| {
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        };
        self.ask(peer, path, with).await
    }

    async fn send(&self, peer: &str, body: Body) -> u16 {
        let with = |request: &mut Request| {
            *request.method_mut() = axum::http::Method::POST;
            *request.uri_mut() = "/take".parse().unwrap();
            *request.body_mut() = body;
        };
        self.ask(peer, "/take", with).await
    }

    /// Begins so many requests, and lets them come as far as they get.
    async fn begin(&self, many: usize, peer: &'static str, path: &'static str) -> Begun {
        let begun = (0..many).map(|_| {
            let house = self.clone();
            tokio::spawn(async move { house.get(peer, path).await })
        });
        let begun = Begun(begun.collect());
        settle().await;
        begun
    }
}

struct Begun(Vec<JoinHandle<u16>>);

impl Begun {
    async fn statuses(self) -> Vec<u16> {
        let mut statuses = Vec::new();
        for one in self.0 {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        statuses
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn limits() -> Limits {
    Limits {
        body_time: Duration::from_millis(300),
        pause: Duration::ZERO,
        turn_time: Duration::from_millis(50),
        tokens: Some(Tokens::new(Known)),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_slow_body_holds_no_turn_and_ends_in_time() {
    let house = House::new(&Limits {
        in_flight_of_one: 1,
        ..limits()
    });
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.send(ATTACKER, Body::new(Never(1_000))).await })
        })
        .collect();
    settle().await;
    assert_eq!(house.get(ATTACKER, "/quick").await, 200);
    assert_eq!(house.get(OTHER, "/quick").await, 200);
    assert_eq!(Begun(slow).statuses().await, [408; 50]);
}

#[tokio::test]
async fn the_bodies_of_one_address_have_a_share_of_the_memory() {
    let house = House::new(&Limits {
        body_bytes: 100,
        bodies_bytes_of_one: 300,
        ..limits()
    });
    let slow: Vec<_> = (0..5)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.send(ATTACKER, Body::new(Never(100))).await })
        })
        .collect();
    settle().await;
    assert_eq!(house.send(OTHER, Body::from("a body")).await, 200);
    assert_eq!(Begun(slow).statuses().await, [408, 408, 408, 503, 503]);
    assert_eq!(house.send(ATTACKER, Body::from("a body")).await, 200);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_waited_for() {
    let house = House::new(&limits());
    assert_eq!(house.send(OTHER, Body::new(Never(1 << 40))).await, 413);
}

#[tokio::test]
async fn work_for_one_address_keeps_no_other_address_waiting() {
    let house = House::new(&Limits {
        in_flight_of_one: 2,
        ..limits()
    });
    let begun = house.begin(10, ATTACKER, "/work").await;
    assert_eq!(house.get(OTHER, "/quick").await, 200);
    assert_eq!(house.bear(ATTACKER, "/quick", MEMBER).await, 200);
    assert_eq!(house.get(ATTACKER, "/quick").await, 503);
    house.go.notify_waiters();
    let statuses = begun.statuses().await;
    assert_eq!(statuses[..2], [200, 200], "{statuses:?}");
}

/// Begins work with each of these tokens, and lets it come as far as it gets.
async fn begin_bearing(house: &House, tokens: &[String]) -> Begun {
    let begun = tokens.iter().map(|token| {
        let (house, token) = (house.clone(), token.clone());
        tokio::spawn(async move { house.bear(ATTACKER, "/work", &token).await })
    });
    let begun = Begun(begun.collect());
    settle().await;
    begun
}

#[tokio::test]
async fn an_account_has_no_more_turns_for_having_many_tokens() {
    let house = House::new(&Limits {
        in_flight_of_account: 2,
        ..limits()
    });
    let tokens: Vec<_> = (0..5).map(|n| format!("{MEMBER}/{n}")).collect();
    let begun = begin_bearing(&house, &tokens).await;
    assert_eq!(
        house.bear(OTHER, "/quick", &format!("{MEMBER}/9")).await,
        503
    );
    assert_eq!(
        house.bear(ATTACKER, "/quick", &format!("{MEMBER} 2")).await,
        200
    );
    house.go.notify_waiters();
    let statuses = begun.statuses().await;
    assert_eq!(statuses[..2], [200, 200], "{statuses:?}");
    assert_eq!(house.bear(OTHER, "/quick", MEMBER).await, 200);
}

#[tokio::test]
async fn an_address_has_no_more_turns_for_having_many_accounts() {
    let house = House::new(&Limits {
        in_flight_of_accounts: 2,
        ..limits()
    });
    let tokens: Vec<_> = (0..5).map(|n| format!("{MEMBER} {n}")).collect();
    let begun = begin_bearing(&house, &tokens).await;
    assert_eq!(
        house.bear(ATTACKER, "/quick", &format!("{MEMBER} 9")).await,
        503
    );
    assert_eq!(
        house.bear(OTHER, "/quick", &format!("{MEMBER} 0")).await,
        200
    );
    house.go.notify_waiters();
    let statuses = begun.statuses().await;
    assert_eq!(statuses[..2], [200, 200], "{statuses:?}");
}

#[tokio::test]
async fn made_up_tokens_have_the_turns_of_those_without_one() {
    let house = House::new(&Limits {
        in_flight_of_one: 2,
        ..limits()
    });
    let tokens: Vec<_> = (0..5).map(|n| format!("nobody/{n}")).collect();
    let begun = begin_bearing(&house, &tokens).await;
    assert_eq!(house.get(ATTACKER, "/quick").await, 503);
    assert_eq!(house.bear(ATTACKER, "/quick", MEMBER).await, 200);
    house.go.notify_waiters();
    let statuses = begun.statuses().await;
    assert_eq!(statuses[..2], [200, 200], "{statuses:?}");
}

#[tokio::test]
async fn what_waits_holds_no_turn_and_has_a_share_of_its_own() {
    let house = House::new(&Limits {
        in_flight_of_one: 1,
        waits_of_one: 3,
        ..limits()
    });
    let begun = house.begin(5, ATTACKER, "/wait").await;
    assert_eq!(house.get(ATTACKER, "/quick").await, 200);
    let other = house.begin(1, OTHER, "/wait").await;
    house.go.notify_waiters();
    assert_eq!(begun.statuses().await, [200, 200, 200, 503, 503]);
    assert_eq!(other.statuses().await, [200]);
}

#[tokio::test]
async fn operators_and_questions_about_the_server_have_a_reserve() {
    let house = House::new(&Limits {
        in_flight: 0,
        ..limits()
    });
    assert_eq!(house.get(OTHER, "/quick").await, 503);
    assert_eq!(house.bear(OTHER, "/quick", MEMBER).await, 503);
    assert_eq!(house.bear(OTHER, "/quick", OPERATOR).await, 200);
    assert_eq!(house.bear(OTHER, "/quick", AUDITOR).await, 200);
    assert_eq!(house.get(OTHER, "/healthz").await, 200);
}

#[tokio::test]
async fn a_connection_beyond_the_share_is_for_those_who_run_the_server() {
    let house = House::new(&Limits { ..limits() });
    for (path, token, status) in [
        ("/quick", None, 503),
        ("/quick", Some(MEMBER), 503),
        ("/quick", Some("wrong"), 503),
        ("/quick", Some(OPERATOR), 200),
        ("/healthz", None, 200),
    ] {
        let with = |request: &mut Request| {
            request.extensions_mut().insert(OverShare);
            if let Some(token) = token {
                let bearer = format!("Bearer {token}").parse().unwrap();
                request.headers_mut().insert(header::AUTHORIZATION, bearer);
            }
        };
        assert_eq!(
            house.ask(OTHER, path, with).await,
            status,
            "{path} {token:?}"
        );
    }
}

#[tokio::test]
async fn a_request_is_held_up_until_it_has_its_turn() {
    let house = House::new(&limits());
    let held_up = HeldUp::default();
    let ask = |path: &'static str, body: Body| {
        let (house, held_up) = (house.clone(), held_up.clone());
        tokio::spawn(async move {
            let with = |request: &mut Request| {
                request.extensions_mut().insert(held_up);
                *request.body_mut() = body;
            };
            house.ask(ATTACKER, path, with).await
        })
    };
    let slow = ask("/quick", Body::new(Never(100)));
    settle().await;
    assert!(held_up.is(), "while its body arrives");
    assert_eq!(slow.await.unwrap(), 408);
    assert!(!held_up.is());
    let work = ask("/work", Body::empty());
    settle().await;
    assert!(!held_up.is(), "while somebody works on it");
    house.go.notify_waiters();
    assert_eq!(work.await.unwrap(), 200);
}

#[tokio::test]
async fn an_address_has_a_pace_and_the_programs_of_this_machine_have_none() {
    let house = House::new(&Limits {
        per_address: Some(Rate {
            burst: 2,
            per_minute: 0,
        }),
        trusted_proxies: "10.0.0.0/8, ::1".parse().unwrap(),
        ..limits()
    });
    for (peer, asks_for, expected) in [
        ("192.0.2.1:1", "", [200, 200, 429]),
        ("192.0.2.1:2", "", [429, 429, 429]),
        ("10.0.0.1:1", "192.0.2.1", [429, 429, 429]),
        ("10.0.0.1:1", "192.0.2.3", [200, 200, 429]),
        ("127.0.0.1:1", "", [200, 200, 200]),
        ("127.0.0.2:1", "", [200, 200, 429]),
        // A proxy that is named has clients that are.
        ("[::1]:1", "unknown", [200, 200, 429]),
        ("[2001:db8::1]:1", "", [200, 200, 429]),
        ("[2001:db8::2]:1", "", [429, 429, 429]),
    ] {
        for status in expected {
            let with = |request: &mut Request| {
                let headers = request.headers_mut();
                if !asks_for.is_empty() {
                    headers.insert("x-forwarded-for", asks_for.parse().unwrap());
                }
            };
            assert_eq!(house.ask(peer, "/quick", with).await, status, "{peer}");
        }
    }
}

#[tokio::test]
async fn wrong_tokens_use_up_the_pace_of_their_address_and_right_ones_do_not() {
    let house = House::new(&Limits {
        per_address: Some(Rate {
            burst: 3,
            per_minute: 0,
        }),
        ..limits()
    });
    for _ in 0..10 {
        assert_eq!(house.bear(ATTACKER, "/quick", MEMBER).await, 200);
    }
    for status in [401, 401, 401, 429] {
        assert_eq!(house.bear(ATTACKER, "/quick", "wrong").await, status);
    }
}

#[tokio::test]
async fn the_accounts_of_an_address_have_a_pace_together() {
    let house = House::new(&Limits {
        per_address_of_accounts: Some(Rate {
            burst: 4,
            per_minute: 0,
        }),
        ..limits()
    });
    for (number, status) in [200, 200, 200, 200, 429, 429].into_iter().enumerate() {
        let token = format!("{MEMBER} {number}");
        assert_eq!(
            house.bear(ATTACKER, "/quick", &token).await,
            status,
            "{token}"
        );
    }
    assert_eq!(house.bear(OTHER, "/quick", MEMBER).await, 200);
    assert_eq!(house.get(ATTACKER, "/quick").await, 200);
}

#[tokio::test]
async fn reading_as_of_another_moment_takes_more_of_the_pace() {
    let house = House::new(&limits());
    let mut answered = 0;
    while house.get(ATTACKER, "/quick?x=1&as_of=5").await == 200 {
        answered += 1;
    }
    assert_eq!(answered, 1_000 / AS_OF_COST);
}

#[tokio::test]
async fn a_refusal_of_too_much_is_held_back() {
    let house = House::new(&Limits {
        per_address: Some(Rate {
            burst: 0,
            per_minute: 0,
        }),
        pause: Duration::from_millis(50),
        ..limits()
    });
    let begun = Instant::now();
    assert_eq!(house.get(ATTACKER, "/quick").await, 429);
    assert!(begun.elapsed() >= Duration::from_millis(50));
}
