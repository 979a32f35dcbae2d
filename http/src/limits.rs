//! Limits on what one client may use: body size, time, requests at once, requests per second.

use std::time::Duration;

use meguri_commands::Rate;

use crate::{Tokens, TrustedProxies};

/// Largest accepted body, in bytes.
pub const BODY_BYTES_MAX: usize = 128 * 1024;

/// Limits of the whole server. One is who asks from one address, or one account.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Longest time until a body has arrived.
    pub body_time: Duration,
    /// Bytes of bodies that arrive at once.
    pub bodies_bytes: usize,
    /// Of these, those of one address.
    pub bodies_bytes_of_one: usize,
    /// Longest time from the whole request to the first byte of the answer.
    pub time: Duration,
    /// Most requests with a token in work at once. Without one it is an eighth.
    pub in_flight: usize,
    /// Of those without a token, the ones of one address; more wait for their turn.
    pub in_flight_of_one: usize,
    /// Of those with a token, the ones of one account; more wait for their turn.
    pub in_flight_of_account: usize,
    /// Of those with a token, the ones of all accounts of one address; more wait for their turn.
    pub in_flight_of_accounts: usize,
    /// Longest wait for a turn; 503 after it.
    pub turn_time: Duration,
    /// Turns for the state of the server and for operators, when all others are taken.
    pub reserve: usize,
    /// Requests that wait at once for a position or a checkpoint, without a turn.
    pub waits: usize,
    /// Of these, those of one address.
    pub waits_of_one: usize,
    /// Requests of one address without a token. Programs of the same machine, which a proxy that
    /// nobody named is, too, are not limited.
    pub per_address: Option<Rate>,
    /// Requests of all accounts of one address, which have a rate of their own besides.
    pub per_address_of_accounts: Option<Rate>,
    /// Requests of one account, whatever token it uses.
    pub per_account: Option<Rate>,
    /// How long a refusal of too much is held back.
    pub pause: Duration,
    /// Who is believed when it says for whom it asks.
    pub trusted_proxies: TrustedProxies,
    /// Where tokens are looked up: turns go by account, and operators have the reserve. Without it
    /// a token is nobody's.
    pub tokens: Option<Tokens>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: BODY_BYTES_MAX,
            body_time: Duration::from_secs(20),
            bodies_bytes: 64 * 1024 * 1024,
            bodies_bytes_of_one: 8 * 1024 * 1024,
            time: Duration::from_secs(30),
            in_flight: 1024,
            in_flight_of_one: 8,
            in_flight_of_account: 32,
            in_flight_of_accounts: 256,
            turn_time: Duration::from_secs(5),
            reserve: 16,
            waits: 1024,
            waits_of_one: 64,
            per_address: Some(Rate {
                burst: 1000,
                per_minute: 6_000,
            }),
            per_address_of_accounts: Some(Rate {
                burst: 10_000,
                per_minute: 60_000,
            }),
            per_account: Some(Rate {
                burst: 1_000,
                per_minute: 6_000,
            }),
            pause: Duration::from_secs(1),
            trusted_proxies: TrustedProxies::default(),
            tokens: None,
        }
    }
}
