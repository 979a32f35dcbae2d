//! Whose request it is, as far as limits go: the address of the client, resolved once per request.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

mod chain;

/// Whoever has an IPv6 address has the network of this length around it (RFC 6177).
const IPV6_PREFIX: u32 = 64;

/// The address of the client that a request comes from.
///
/// [`crate::guard`] resolves it once for each request: the peer of the connection, or whom a
/// configured proxy names ([`TrustedProxies`]). Every limit by address takes it from here; a
/// handler takes it as an argument. [`ClientAddress`] is displayed as the key of such a limit: an
/// IPv4 address, the /64 network of an IPv6 address, or `-` for a request that came over no
/// network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// The address itself; none for a request that came over no network.
    pub fn ip(self) -> Option<IpAddr> {
        self.0
    }

    /// Whether it is the address by which programs of this machine reach each other. Other
    /// addresses of the loopback are those of others.
    pub fn is_this_machine(self) -> bool {
        let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        self.0.is_some_and(|ip| own.contains(&ip))
    }

    /// Whether only machines that are close by can have it, as most proxies do.
    pub(crate) fn is_near(self) -> bool {
        self.0.is_some_and(|ip| match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        })
    }

    /// Whom limits mean by it: the address, or the /64 network of an IPv6 address.
    #[must_use]
    pub fn network(self) -> Self {
        Self(self.0.map(|ip| match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(ip) => {
                let host = 128 - IPV6_PREFIX;
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> host << host))
            }
        }))
    }

    /// Resolves it, of a request that has not been resolved yet.
    pub(crate) fn resolve(
        proxies: &TrustedProxies,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        Self(peer.map(|ConnectInfo(peer)| proxies.client(peer.ip(), headers)))
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(ip: IpAddr) -> Self {
        Self(Some(ip.to_canonical()))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network().0 {
            Some(ip @ IpAddr::V4(_)) => write!(out, "{ip}"),
            Some(ip @ IpAddr::V6(_)) => write!(out, "{ip}/{IPV6_PREFIX}"),
            None => out.write_str("-"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let resolved = parts.extensions.get::<Self>().copied();
        Ok(resolved.unwrap_or_else(|| {
            Self::resolve(
                &TrustedProxies::default(),
                &parts.extensions,
                &parts.headers,
            )
        }))
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
