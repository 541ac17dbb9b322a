//! How many strangers may stand at the door at once.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use endpoint::Source;
use tokio::sync::Notify;

use crate::sync::lock;

/// Counts connections whose peer has not finished its handshake, in all and by source.
///
/// When all places are taken somebody makes room: of those who were refused already, and hold a place only so that they
/// cannot tell, the one that waits longest; without one, the stranger that does. A member needs a place for a few round
/// trips only, so that a flood which would hold every place until the handshake deadline does not keep members out. A
/// source that has all of its own places is refused, whatever it evicts.
pub(crate) struct Gate {
    state: Mutex<State>,
    max_strangers: usize,
    max_per_source: usize,
}

#[derive(Default)]
struct State {
    admitted: u64,
    /// In the order of admission.
    strangers: BTreeMap<u64, Stranger>,
    /// Those whose handshake has failed.
    refused: BTreeMap<u64, Stranger>,
    /// Those who may not be evicted any more.
    proven: BTreeMap<u64, [u8; 16]>,
    /// All of the above, by their hosts.
    by_host: HashMap<[u8; 16], usize>,
}

struct Stranger {
    host: [u8; 16],
    evicted: Arc<Notify>,
}

/// Whom an address is counted for. The host is an IPv4 address, or the /64 network in which an IPv6 host may take any
/// address; the network is the IPv4 /24 around it, or the IPv6 /48, the least that many get assigned.
pub(crate) fn source(address: IpAddr) -> Source {
    let (bytes, host_bytes, network_bytes) = match address.to_canonical() {
        IpAddr::V4(address) => (address.to_ipv6_mapped().octets(), 16, 15),
        IpAddr::V6(address) => (address.octets(), 8, 6),
    };
    let leading = |count: usize| {
        let mut prefix = [0; 16];
        prefix[..count].copy_from_slice(&bytes[..count]);
        prefix
    };
    Source { host: leading(host_bytes), network: leading(network_bytes) }
}

impl Gate {
    pub(crate) fn new(max_strangers: usize, max_per_source: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), max_strangers, max_per_source })
    }

    /// A place for a connection from `source`, or `None`: close it at once.
    pub(crate) fn enter(self: &Arc<Self>, source: &Source) -> Option<Pass> {
        let host = source.host;
        let mut state = lock(&self.state);
        if state.by_host.get(&host).is_some_and(|&places| places >= self.max_per_source) {
            return None;
        }
        if state.occupied() >= self.max_strangers {
            let (_, oldest) = state.refused.pop_first().or_else(|| state.strangers.pop_first())?;
            state.leave(oldest.host);
            oldest.evicted.notify_one();
        }
        let number = state.admitted;
        state.admitted += 1;
        let evicted = Arc::new(Notify::new());
        state.strangers.insert(number, Stranger { host, evicted: Arc::clone(&evicted) });
        *state.by_host.entry(host).or_default() += 1;
        Some(Pass { gate: Arc::clone(self), number, evicted })
    }

    /// How many have shown nothing yet, and how many places there are.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (lock(&self.state).strangers.len(), self.max_strangers)
    }

    /// How many places are taken.
    pub(crate) fn occupied(&self) -> usize {
        let state = lock(&self.state);
        let occupied = state.occupied();
        debug_assert_eq!(state.by_host.values().sum::<usize>(), occupied, "all are counted for a host");
        occupied
    }
}

impl State {
    fn occupied(&self) -> usize {
        self.strangers.len() + self.refused.len() + self.proven.len()
    }

    fn leave(&mut self, host: [u8; 16]) {
        if let Some(places) = self.by_host.get_mut(&host) {
            *places -= 1;
            if *places == 0 {
                self.by_host.remove(&host);
            }
        }
    }
}

/// One place, given back when dropped.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Pass {
    /// Resolves when another connection needs the place: close at once.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// The peer proved a member's key: it keeps its place until it has confirmed or its deadline has passed.
    pub(crate) fn proven(&self) {
        let mut state = lock(&self.gate.state);
        if let Some(stranger) = state.strangers.remove(&self.number) {
            state.proven.insert(self.number, stranger.host);
        }
    }

    /// The handshake has failed: the first to make room.
    pub(crate) fn refused(&self) {
        let mut state = lock(&self.gate.state);
        let stranger = state.strangers.remove(&self.number);
        let proven = state.proven.remove(&self.number);
        let proven = proven.map(|host| Stranger { host, evicted: Arc::clone(&self.evicted) });
        if let Some(stranger) = stranger.or(proven) {
            state.refused.insert(self.number, stranger);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        let stranger = state.strangers.remove(&self.number).or_else(|| state.refused.remove(&self.number));
        let proven = state.proven.remove(&self.number);
        // An evicted one has given its place back already.
        if let Some(host) = stranger.map(|stranger| stranger.host).or(proven) {
            state.leave(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(number: u8) -> Source {
        source(Ipv4Addr::new(192, 0, 2, number).into())
    }

    #[tokio::test]
    async fn the_longest_waiting_stranger_makes_room() {
        let gate = Gate::new(2, 2);
        let first = gate.enter(&host(1)).unwrap();
        let second = gate.enter(&host(2)).unwrap();
        let third = gate.enter(&host(3)).unwrap();
        first.evicted().await;
        assert_eq!(gate.occupied(), 2);
        drop(first);
        assert_eq!(gate.occupied(), 2, "an evicted stranger gives its place back once");
        drop((second, third));
        assert_eq!(gate.occupied(), 0);
    }

    #[test]
    fn a_source_has_its_own_bound_and_evicts_nobody_beyond_it() {
        let gate = Gate::new(3, 2);
        let _elsewhere = gate.enter(&host(9)).unwrap();
        let passes: Vec<_> = (0..2).map(|_| gate.enter(&host(1)).unwrap()).collect();
        assert!(gate.enter(&host(1)).is_none());
        assert_eq!(gate.occupied(), 3);
        drop(passes);
        assert!(gate.enter(&host(1)).is_some());
    }

    #[test]
    fn who_proved_a_key_is_not_evicted() {
        let gate = Gate::new(1, 1);
        let proven = gate.enter(&host(1)).unwrap();
        proven.proven();
        assert!(gate.enter(&host(2)).is_none());
        drop(proven);
        assert_eq!(gate.occupied(), 0);
        assert!(gate.enter(&host(2)).is_some());
    }

    #[test]
    fn who_was_refused_makes_room_before_who_was_not() {
        let gate = Gate::new(3, 3);
        let passes: Vec<_> = (1..=3).map(|number| gate.enter(&host(number)).unwrap()).collect();
        passes[1].refused();
        passes[2].proven();
        passes[2].refused();
        assert_eq!(gate.waiting(), (1, 3));
        let evicted = |gate: &Arc<Gate>| lock(&gate.state).strangers.contains_key(&passes[0].number);
        let (_fourth, _fifth) = (gate.enter(&host(4)).unwrap(), gate.enter(&host(5)).unwrap());
        assert!(evicted(&gate), "both places came from those who were refused");
        let _sixth = gate.enter(&host(6)).unwrap();
        assert!(!evicted(&gate));
        drop(passes);
        assert_eq!(gate.occupied(), 3);
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_ipv4() {
        let source = |text: &str| source(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2:3::4"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::1").host, source("2001:db8:1:3::1").host);
        assert_eq!(source("2001:db8:1:2::1").network, source("2001:db8:1:3::1").network);
        assert_ne!(source("2001:db8:1:2::1").network, source("2001:db8:2:2::1").network);
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1").host, source("192.0.2.2").host);
        assert_eq!(source("192.0.2.1").network, source("192.0.2.2").network);
        assert_ne!(source("192.0.2.1").network, source("192.0.3.1").network);
    }
}
