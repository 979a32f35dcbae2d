//! From where somebody asks, as far as limits go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whoever has an IPv6 address has the network of this length around it (RFC 6177).
const IPV6_PREFIX: u32 = 64;

/// The address of the client that a request comes from.
///
/// Every limit by address goes by it. It is displayed as the key of such a limit: an IPv4 address,
/// the /64 network of an IPv6 address, or `-` for a request that came over no network.
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
    pub fn is_near(self) -> bool {
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
