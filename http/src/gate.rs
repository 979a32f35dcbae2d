//! Who gets in, and when: a pace for each client, bodies received whole, turns, and waits that hold
//! none.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::future::BoxFuture;
use meguri_commands::{Buckets, ClientAddress, Rate, TooMany};
use meguri_read_api::{Principal, Turn as TurnOfQueries, with_turn};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::head::{refuse_encoded, require_clear};
use crate::{Limits, Problem, Share, Shares, kinds};

/// The routes that tell how the server is. They have a reserve of their own.
const OPERATIONS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The one of them that costs the most: its answer has thousands of lines.
const METRICS: &str = "/metrics";
/// What asking for the metrics costs of the pace of [`OPERATIONS`].
const METRICS_COST: u32 = 10;
/// How often one address may ask how the server is.
const OPERATIONS_RATE: Rate = Rate {
    burst: 1_000,
    per_minute: 6_000,
};
/// Accounts whose tokens are remembered; beyond that they are looked up again.
const ACCOUNTS_MAX: usize = 20_000;
/// Tokens that are looked up at once for their accounts, and those of one address.
const LOOK_UPS: usize = 64;
const LOOK_UPS_OF_ONE: usize = 8;
/// What a read as of another moment costs: a view may have to be built for it.
const AS_OF_COST: u32 = 20;

/// Says of a request that it came on a connection beyond what its client, or all of them, may
/// have. Only those who run the server are answered on it.
#[derive(Debug, Clone, Copy)]
pub struct OverShare;

/// Tells the connection of a request whether it is held up at the gate. Nobody has begun to work on
/// such a request: its connection may be given up for another client.
#[derive(Debug, Clone, Default)]
pub struct HeldUp(Arc<AtomicBool>);

impl HeldUp {
    /// Whether it is.
    pub fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, held_up: bool) {
        self.0.store(held_up, Ordering::Relaxed);
    }
}

/// The limits of a server, and what is used of them.
pub(crate) struct Gate {
    limits: Limits,
    rate: Option<Buckets>,
    /// The pace of all accounts of an address together.
    rate_of_accounts: Option<Buckets>,
    operations_rate: Buckets,
    /// For [`OPERATIONS`] and for operators, where everything else is taken.
    reserve: Shares<ClientAddress>,
    /// Bytes of bodies that arrive.
    bodies: Shares<ClientAddress>,
    /// Turns of requests without a token, or with one that nobody has.
    anonymous: Shares<ClientAddress>,
    /// What one account has of the turns of [`Gate::bearing`].
    of_account: Shares<u64>,
    /// Turns of requests of accounts, by the address from which they come.
    bearing: Shares<ClientAddress>,
    /// Look-ups of tokens that are not in `accounts`.
    look_ups: Shares<ClientAddress>,
    /// The accounts of tokens that were valid, both as hashes. A token never changes its account.
    accounts: Mutex<HashMap<u64, u64>>,
    /// Requests that wait for something to happen.
    waits: Shares<ClientAddress>,
    hashed: RandomState,
}

/// What is looked at of a request before it is let in.
#[derive(Clone)]
struct Caller {
    ip: Option<IpAddr>,
    /// Who shares it with others of its network.
    address: ClientAddress,
    /// The token that was sent; whether it is one is not known yet.
    authorization: Option<HeaderValue>,
    /// That, as a hash.
    token: Option<u64>,
    /// The route about the server itself that is asked for.
    operation: Option<&'static str>,
    /// What the request takes of its client's pace.
    cost: u32,
    over_share: bool,
}

/// The shares that a request holds while it is in work: its account's, its address's.
type Turn = Vec<Share>;

/// Where a request is at work.
struct Place {
    gate: Arc<Gate>,
    caller: Caller,
    turn: Mutex<Turn>,
    _body: Option<Share>,
}

/// A query that waits holds no turn of its request.
impl TurnOfQueries for Place {
    fn leave(&self) -> Option<Box<dyn Send>> {
        let waiting = self.gate.waits.try_take(self.caller.address, 1)?;
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        drop(std::mem::take(&mut *turn));
        Some(Box::new(waiting))
    }

    fn retake(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let turn = self.gate.turn(&self.caller).await;
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn.unwrap_or_default();
        })
    }
}

/// Refuses what is too much, and ends what takes too long.
pub(crate) async fn admit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let held_up = request.extensions().get::<HeldUp>().cloned();
    let held_up = held_up.unwrap_or_default();
    held_up.set(true);
    let answered = gate.answer(request, next, &held_up).await;
    held_up.set(false);
    answered.unwrap_or_else(Problem::into_response)
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            rate: limits.per_address.map(Buckets::new),
            rate_of_accounts: limits.per_address_of_accounts.map(Buckets::new),
            operations_rate: Buckets::new(OPERATIONS_RATE),
            reserve: Shares::new(limits.reserve, limits.reserve.div_ceil(4)),
            bodies: Shares::new(limits.bodies_bytes, limits.bodies_bytes_of_one),
            anonymous: Shares::new(limits.in_flight.div_ceil(8), limits.in_flight_of_one),
            of_account: Shares::new(Semaphore::MAX_PERMITS, limits.in_flight_of_account),
            bearing: Shares::new(limits.in_flight, limits.in_flight_of_accounts),
            look_ups: Shares::new(LOOK_UPS, LOOK_UPS_OF_ONE),
            accounts: Mutex::default(),
            waits: Shares::new(limits.waits, limits.waits_of_one),
            hashed: RandomState::new(),
            limits: limits.clone(),
        })
    }

    async fn answer(
        self: Arc<Self>,
        request: Request,
        next: Next,
        held_up: &HeldUp,
    ) -> Result<Response, Problem> {
        let caller = self.caller(&request);
        self.pace(&caller).await?;
        let turn = self.reserved(&caller).await?;
        let (request, body) = self.receive(&caller, request).await?;
        let turn = match turn {
            Some(turn) => turn,
            None => self.turn_in_time(&caller).await?,
        };
        held_up.set(false);
        let place = Arc::new(Place {
            gate: Arc::clone(&self),
            caller: caller.clone(),
            turn: Mutex::new(turn),
            _body: body,
        });
        // A task of its own: what was begun is not cut off in the middle of a statement when the
        // client goes away or the time is up.
        let handled = with_turn(place, next.run(request));
        let handled = tokio::spawn(handled.in_current_span());
        let response = match timeout(self.limits.time, handled).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => failed(error),
            Err(_) => return Err(Problem::new(kinds::OUTCOME_UNKNOWN).retry_after(1)),
        };
        if let (Some(token), StatusCode::UNAUTHORIZED) = (caller.token, response.status()) {
            self.accounts().remove(&token);
            self.charge_for_a_wrong_token(&caller);
        }
        Ok(response)
    }

    fn caller(&self, request: &Request) -> Caller {
        let client = request.extensions().get::<ClientAddress>();
        let client = client.copied().unwrap_or_default();
        let authorization = request.headers().get(header::AUTHORIZATION).cloned();
        let token = authorization.as_ref();
        Caller {
            ip: client.ip(),
            address: client.network(),
            token: token.map(|token| self.hashed.hash_one(token.as_bytes())),
            authorization,
            operation: operation(request),
            cost: cost(request),
            over_share: request.extensions().get::<OverShare>().is_some(),
        }
    }

    /// Keeps a client to its pace. A refusal is held back for a moment: whoever asks on and on
    /// gets nowhere faster, and costs next to nothing.
    async fn pace(&self, caller: &Caller) -> Result<(), Problem> {
        let Some(ip) = caller.ip else {
            return Ok(());
        };
        let (key, now) = (caller.address.to_string(), Instant::now());
        let taken = if let Some(path) = caller.operation {
            let cost = if path == METRICS { METRICS_COST } else { 1 };
            self.operations_rate.take_many(&key, cost, now)
        } else if self.is_own(ip) {
            Ok(())
        } else {
            self.pace_of_address(caller, &key, now)
        };
        match taken {
            Ok(()) => Ok(()),
            Err(too_many) => {
                tokio::time::sleep(self.limits.pause).await;
                Err(too_many.into())
            }
        }
    }

    fn pace_of_address(&self, caller: &Caller, key: &str, now: Instant) -> Result<(), TooMany> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        if caller.token.is_none() {
            return rate.take_many(key, caller.cost, now);
        }
        // An account has a pace of its own; whoever has many accounts has no more than this. Wrong
        // tokens are the address's, afterwards.
        rate.has(key, now)?;
        let of_accounts = self.rate_of_accounts.as_ref();
        of_accounts.map_or(Ok(()), |rate| rate.take(key, now))
    }

    /// The programs of this machine, and a proxy on it that nobody has named: nothing tells for how
    /// many people it asks.
    fn is_own(&self, ip: IpAddr) -> bool {
        // What a named proxy could not say of a client is not taken for the proxy's own.
        ClientAddress::from(ip).is_this_machine() && !self.limits.trusted_proxies.trust(ip)
    }

    fn charge_for_a_wrong_token(&self, caller: &Caller) {
        let own = caller.ip.is_none_or(|ip| self.is_own(ip));
        if let (Some(rate), false) = (&self.rate, own) {
            // What is owed cannot be refused any more.
            let _ = rate.take(&caller.address.to_string(), Instant::now());
        }
    }

    /// A turn of the reserve, for those who have one.
    async fn reserved(&self, caller: &Caller) -> Result<Option<Turn>, Problem> {
        if caller.operation.is_some() {
            return self.of_reserve(caller).await.map(Some);
        }
        if !caller.over_share {
            return Ok(None);
        }
        if self.is_of_operator(caller).await {
            return self.of_reserve(caller).await.map(Some);
        }
        tokio::time::sleep(self.limits.pause).await;
        let close = HeaderValue::from_static("close");
        let busy = Problem::new(kinds::BUSY).retry_after(1);
        Err(busy.header(header::CONNECTION, close))
    }

    async fn of_reserve(&self, caller: &Caller) -> Result<Turn, Problem> {
        let turn = timeout(self.limits.turn_time, self.reserve.take(caller.address));
        let turn = turn.await.ok().flatten().map(|share| vec![share]);
        turn.ok_or_else(|| Problem::new(kinds::BUSY).retry_after(1))
    }

    async fn is_of_operator(&self, caller: &Caller) -> bool {
        let holder = self.holder(caller).await;
        matches!(holder, Some(Principal::Operator(_) | Principal::Auditor(_)))
    }

    /// Who holds the token that was sent; none where nobody can tell just now.
    async fn holder(&self, caller: &Caller) -> Option<Principal> {
        let tokens = self.limits.tokens.as_ref()?;
        tokens.holder_of(caller.authorization.as_ref()?).await
    }

    /// The account of the token that was sent, as a hash.
    async fn account(&self, caller: &Caller) -> Option<u64> {
        let token = caller.token?;
        let known = self.accounts().get(&token).copied();
        if known.is_some() {
            return known;
        }
        let _looking = self.look_ups.take(caller.address).await?;
        let account = self.hashed.hash_one(self.holder(caller).await?);
        let mut accounts = self.accounts();
        if accounts.len() >= ACCOUNTS_MAX {
            accounts.clear();
        }
        accounts.insert(token, account);
        Some(account)
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<u64, u64>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self, caller: &Caller) -> Option<Turn> {
        match self.account(caller).await {
            Some(account) => {
                // In this order: who waits for the account holds nothing that others wait for.
                let own = self.of_account.take(account).await?;
                Some(vec![own, self.bearing.take(caller.address).await?])
            }
            None => Some(vec![self.anonymous.take(caller.address).await?]),
        }
    }

    async fn turn_in_time(&self, caller: &Caller) -> Result<Turn, Problem> {
        if let Ok(Some(turn)) = timeout(self.limits.turn_time, self.turn(caller)).await {
            return Ok(turn);
        }
        if self.is_of_operator(caller).await
            && let Some(turn) = self.reserve.try_take(caller.address, 1)
        {
            return Ok(vec![turn]);
        }
        Err(Problem::new(kinds::BUSY).retry_after(1))
    }

    /// Receives the body before anybody works on the request: a slow one keeps nobody from work.
    async fn receive(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<(Request, Option<Share>), Problem> {
        require_clear(request.method(), request.headers())?;
        refuse_encoded(request.headers())?;
        if request.body().is_end_stream() {
            return Ok((request, None));
        }
        let (parts, body) = request.into_parts();
        let (hint, most) = (body.size_hint(), self.limits.body_bytes);
        // Before it is asked for: a client that expects `100 Continue` sends nothing in vain.
        if hint.lower() > u64::try_from(most).unwrap_or(u64::MAX) {
            return Err(Problem::new(kinds::TOO_LARGE));
        }
        let room = hint.upper().and_then(|upper| usize::try_from(upper).ok());
        let room = room.map_or(most, |upper| upper.min(most));
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let Some(room) = self.bodies.try_take(caller.address, room) else {
            return Err(Problem::new(kinds::BUSY).retry_after(1));
        };
        let received = timeout(self.limits.body_time, whole(body, most)).await;
        let received = received.map_err(|_| Problem::new(kinds::BODY_TOO_SLOW))??;
        Ok((Request::from_parts(parts, Body::from(received)), Some(room)))
    }
}

/// The whole body, if it is not larger than this.
async fn whole(mut body: Body, most: usize) -> Result<Bytes, Problem> {
    let mut received = Vec::new();
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let Some(frame) = frame.await else {
            return Ok(received.into());
        };
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Problem::new(kinds::BAD_REQUEST).detail(
                "本文を最後まで受信できませんでした",
                "The body could not be received to its end",
            )
        })?;
        if let Ok(data) = frame.into_data() {
            if received.len() + data.len() > most {
                return Err(Problem::new(kinds::TOO_LARGE));
            }
            received.extend_from_slice(&data);
        }
    }
}

/// The route about the server itself that is asked for.
fn operation(request: &Request) -> Option<&'static str> {
    let path = request.uri().path();
    OPERATIONS.into_iter().find(|operation| *operation == path)
}

/// What a request takes of its client's pace.
fn cost(request: &Request) -> u32 {
    let query = request.uri().query().unwrap_or_default();
    let as_of = query.split('&').any(|pair| pair.starts_with("as_of="));
    if as_of { AS_OF_COST } else { 1 }
}

/// What is answered for a handler that panicked.
fn failed(error: JoinError) -> Response {
    let cause = error
        .try_into_panic()
        .unwrap_or_else(|error| Box::new(error.to_string()));
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    Problem::new(kinds::INTERNAL).into_response()
}

#[cfg(test)]
mod tests;
