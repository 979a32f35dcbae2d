//! Whose request it is, as far as limits go: the address of the client, resolved once per request.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use meguri_commands::ClientAddress;

mod chain;

/// The address of the client, as an argument of a handler.
///
/// [`crate::guard`] resolves it once for each request: the peer of the connection, or whom a
/// configured proxy names ([`TrustedProxies`]).
#[derive(Debug, Clone, Copy)]
pub struct Client(pub ClientAddress);

impl Client {
    /// Resolves it, of a request that has not been resolved yet.
    pub(crate) fn resolve(
        proxies: &TrustedProxies,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> ClientAddress {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let client = peer.map(|ConnectInfo(peer)| proxies.client(peer.ip(), headers));
        client.map(ClientAddress::from).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let resolved = parts.extensions.get::<ClientAddress>().copied();
        Ok(Self(resolved.unwrap_or_else(|| {
            let proxies = TrustedProxies::default();
            Self::resolve(&proxies, &parts.extensions, &parts.headers)
        })))
    }
}

/// Whether a request says that it is made for somebody else.
pub(crate) fn names_others(headers: &HeaderMap) -> bool {
    chain::x_forwarded_for(headers).is_some() || chain::forwarded(headers).is_some()
}

/// The proxies that are believed when they say for whom they ask, as networks in CIDR notation.
///
/// A proxy appends the address it was asked from to `X-Forwarded-For`, or to `Forwarded`
/// (RFC 7239). Read from right to left, the first address that is no trusted proxy is the client;
/// what stands further left was written by the client, and is nobody's word. Where both fields are
/// sent and name different clients, at most one of them is the proxy's, and nobody can say which:
/// the request counts as the proxy's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text does not list networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: an address or CIDR is expected, such as 10.0.0.0/8 or ::1")]
pub struct BadNetwork(String);

impl TrustedProxies {
    /// Whether the peer of a connection is one of them.
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// Who asks: the peer, or the client for whom this proxy asks.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let by = |chain: Option<Vec<Option<IpAddr>>>| chain.map(|chain| self.walk(peer, &chain));
        match (
            by(chain::x_forwarded_for(headers)),
            by(chain::forwarded(headers)),
        ) {
            (Some(client), None) | (None, Some(client)) => client,
            (Some(client), Some(same)) if client == same => client,
            (Some(_), Some(_)) | (None, None) => peer,
        }
    }

    /// From right to left to the first that is not trusted. What cannot be read counts as the
    /// trusted proxy that passed it on.
    fn walk(&self, peer: IpAddr, chain: &[Option<IpAddr>]) -> IpAddr {
        let mut nearest = peer;
        for hop in chain.iter().rev() {
            let Some(hop) = hop else { break };
            nearest = *hop;
            if !self.trust(nearest) {
                break;
            }
        }
        nearest
    }
}

impl FromStr for TrustedProxies {
    type Err = BadNetwork;

    /// Reads networks that are separated by commas.
    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let listed = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let network = |one: &str| {
            let whole = one
                .parse::<IpAddr>()
                .map(|ip| IpNet::from(ip.to_canonical()));
            let network = whole.or_else(|_| one.parse::<IpNet>());
            network
                .map(|network| network.trunc())
                .map_err(|_| BadNetwork(one.to_owned()))
        };
        listed.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("-");
        }
        let all: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        out.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests;
