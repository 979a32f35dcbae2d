//! What clients may have of connections: how many, how long, how large.

use std::time::Duration;

use meguri_http::TrustedProxies;

/// Descriptors for everything but connections: the log, the views with their readers, their
/// index and what is being built, the databases, sockets for commands.
const OWN_DESCRIPTORS: u64 = 384;
/// More connections than this hold more memory than they are worth.
const CONNECTIONS_MAX: u64 = 8_192;
/// Of one address, a quarter of all, but no more than this.
const OF_ONE_MAX: usize = 512;
/// Beyond all of these, connections for those who run the server.
const RESERVE: usize = 32;
/// Of the reserve, those of one address.
const RESERVE_OF_ONE: usize = 4;

/// Limits on connections.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// Connections in all.
    pub(crate) all: usize,
    /// Connections of one address; a trusted proxy may have all.
    pub(crate) of_one: usize,
    /// Connections beyond these, on which those are answered who run the server.
    pub(crate) reserve: usize,
    /// Of the reserve, those of one address.
    pub(crate) reserve_of_one: usize,
    /// Longest time from the first byte of a head to its last.
    pub(crate) head_time: Duration,
    /// Longest time between two requests.
    pub(crate) idle_time: Duration,
    /// Longest time in which a client that lets the server wait takes nothing worth mentioning of
    /// an answer, and in which the network acknowledges nothing.
    pub(crate) stall_time: Duration,
    /// What is worth mentioning, in bytes.
    pub(crate) stall_bytes: usize,
    /// Largest head of a request, in bytes; 431 beyond it.
    pub(crate) head_bytes: usize,
    /// Most bytes that are read ahead, or wait to be written.
    pub(crate) buffer_bytes: usize,
    /// Requests after which a connection is closed.
    pub(crate) requests: usize,
    /// Proxies that may have more connections than others, for they have them for others.
    pub(crate) trusted_proxies: TrustedProxies,
}

impl ConnectionLimits {
    /// What fits into so many descriptors.
    pub(crate) fn within(descriptors: u64, trusted_proxies: TrustedProxies) -> Self {
        let free = descriptors.saturating_sub(OWN_DESCRIPTORS);
        let free = free.max(descriptors / 2).min(CONNECTIONS_MAX);
        let free = usize::try_from(free).unwrap_or(usize::MAX);
        let reserve = RESERVE.min(free / 8);
        let all = free - reserve;
        Self {
            all,
            of_one: (all / 4).clamp(1, OF_ONE_MAX),
            reserve,
            reserve_of_one: RESERVE_OF_ONE.min(reserve),
            head_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(75),
            stall_time: Duration::from_secs(30),
            stall_bytes: 64 * 1024,
            head_bytes: 16 * 1024,
            buffer_bytes: 32 * 1024,
            requests: 10_000,
            trusted_proxies,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        let all = |descriptors| {
            let limits = ConnectionLimits::within(descriptors, TrustedProxies::default());
            assert!(limits.of_one * 4 <= limits.all.max(4));
            limits.all + limits.reserve
        };
        assert_eq!(all(256), 128);
        assert_eq!(all(1_024), 640);
        assert_eq!([all(65_536), all(u64::MAX)], [8_192; 2]);
    }
}
