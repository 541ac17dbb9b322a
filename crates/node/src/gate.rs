//! How many strangers may stand at the door at once.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::sync::lock;

/// Counts connections whose peer has not finished its handshake, in all and by source.
///
/// When all places are taken the stranger that waits longest makes room: a member needs a place for a few round trips
/// only, so that a flood which would hold every place until the handshake deadline does not keep members out. A source
/// that has all of its own places is refused, whatever it evicts.
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
    /// Those who may not be evicted any more.
    proven: BTreeMap<u64, Source>,
    /// Both of the above.
    by_source: HashMap<Source, usize>,
}

struct Stranger {
    source: Source,
    evicted: Arc<Notify>,
}

/// Whom an address is counted for: an IPv4 host, or the /64 network in which an IPv6 host may take any address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 => v4,
        })
    }
}

impl Gate {
    pub(crate) fn new(max_strangers: usize, max_per_source: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), max_strangers, max_per_source })
    }

    /// A place for a connection from `address`, or `None`: close it at once.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Pass> {
        let source = Source::from(address);
        let mut state = lock(&self.state);
        if state.by_source.get(&source).is_some_and(|&places| places >= self.max_per_source) {
            return None;
        }
        if state.strangers.len() + state.proven.len() >= self.max_strangers {
            let (_, oldest) = state.strangers.pop_first()?;
            state.leave(oldest.source);
            oldest.evicted.notify_one();
        }
        let number = state.admitted;
        state.admitted += 1;
        let evicted = Arc::new(Notify::new());
        state.strangers.insert(number, Stranger { source, evicted: Arc::clone(&evicted) });
        *state.by_source.entry(source).or_default() += 1;
        Some(Pass { gate: Arc::clone(self), number, evicted })
    }

    #[cfg(test)]
    fn occupied(&self) -> usize {
        let state = lock(&self.state);
        let occupied = state.strangers.len() + state.proven.len();
        assert_eq!(state.by_source.values().sum::<usize>(), occupied);
        occupied
    }
}

impl State {
    fn leave(&mut self, source: Source) {
        if let Some(places) = self.by_source.get_mut(&source) {
            *places -= 1;
            if *places == 0 {
                self.by_source.remove(&source);
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
            state.proven.insert(self.number, stranger.source);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        let stranger = state.strangers.remove(&self.number).map(|stranger| stranger.source);
        let proven = state.proven.remove(&self.number);
        // An evicted one has given its place back already.
        if let Some(source) = stranger.or(proven) {
            state.leave(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[tokio::test]
    async fn the_longest_waiting_stranger_makes_room() {
        let gate = Gate::new(2, 2);
        let first = gate.enter(host(1)).unwrap();
        let second = gate.enter(host(2)).unwrap();
        let third = gate.enter(host(3)).unwrap();
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
        let _elsewhere = gate.enter(host(9)).unwrap();
        let passes: Vec<_> = (0..2).map(|_| gate.enter(host(1)).unwrap()).collect();
        assert!(gate.enter(host(1)).is_none());
        assert_eq!(gate.occupied(), 3);
        drop(passes);
        assert!(gate.enter(host(1)).is_some());
    }

    #[test]
    fn who_proved_a_key_is_not_evicted() {
        let gate = Gate::new(1, 1);
        let proven = gate.enter(host(1)).unwrap();
        proven.proven();
        assert!(gate.enter(host(2)).is_none());
        drop(proven);
        assert_eq!(gate.occupied(), 0);
        assert!(gate.enter(host(2)).is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_ipv4() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8:1:2:3::4"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
