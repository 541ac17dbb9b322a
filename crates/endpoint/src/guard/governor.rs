//! How often somebody may try.

use std::hash::Hash;
use std::time::Instant;

use super::bucket::{Bucket, Rate};
use super::table::Table;

/// Hosts whose rate is kept in mind.
pub const MAX_METERED_HOSTS: usize = 2_048;
/// Networks whose rate is kept in mind.
pub const MAX_METERED_NETWORKS: usize = 1_024;
/// Members whose rate is kept in mind.
pub const MAX_METERED_MEMBERS: usize = 1_024;

/// Who a path comes from, as its owner tells addresses apart: whom one host can pretend to be, and whom one network can.
/// `node` takes an IPv4 address and its /24 network, or an IPv6 /64 network and its /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// The host.
    pub host: [u8; 16],
    /// The network around it.
    pub network: [u8; 16],
}

/// Holds the paths that strangers open to a rate for each host, and to a higher one for each network.
#[derive(Debug)]
pub(crate) struct Governor {
    host_rate: Rate,
    network_rate: Rate,
    hosts: Table<[u8; 16], Bucket>,
    networks: Table<[u8; 16], Bucket>,
}

impl Governor {
    pub(crate) fn new(host_rate: Rate, network_rate: Rate, seed: [u64; 2]) -> Self {
        let hosts = Table::new(MAX_METERED_HOSTS, seed);
        let networks = Table::new(MAX_METERED_NETWORKS, seed);
        Self { host_rate, network_rate, hosts, networks }
    }

    /// Whether one more path of this source keeps to both rates. One that does not costs neither.
    pub(crate) fn take(&mut self, now: Instant, source: &Source) -> bool {
        let fresh = Bucket::full(now);
        let host = self.hosts.entry(source.host, fresh);
        let network = self.networks.entry(source.network, fresh);
        host.has(now, 1, &self.host_rate)
            && network.take(now, 1, &self.network_rate)
            && host.take(now, 1, &self.host_rate)
    }
}

/// Holds each of many to one rate, with a bound on how many of them are kept in mind.
#[derive(Debug)]
pub struct Meter<K> {
    rate: Rate,
    buckets: Table<K, Bucket>,
}

impl<K: Copy + Eq + Hash> Meter<K> {
    /// Nobody has taken anything. The seed is to be drawn: nobody must know which of those kept in mind meet in one
    /// place.
    #[must_use]
    pub fn new(rate: Rate, capacity: usize, seed: [u64; 2]) -> Self {
        Self { rate, buckets: Table::new(capacity, seed) }
    }

    /// Whether one more of this one keeps to the rate. One that does not costs nothing.
    pub fn take(&mut self, now: Instant, key: K) -> bool {
        self.buckets.entry(key, Bucket::full(now)).take(now, 1, &self.rate)
    }
}
