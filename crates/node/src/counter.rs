//! The strictly increasing counter of a device's own handshakes.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::machine::Machine;
use crate::sync::lock;

/// How far ahead of use a durable counter reserves: ten minutes of the microsecond clock, so that a node that dials
/// all the time writes to disk every ten minutes at most.
const RESERVATION_MICROS: u64 = 10 * 60 * 1_000_000;

/// Stores "every value up to this one may have been used", durably, before it returns.
type Reserve = dyn Fn(u64) -> io::Result<()> + Send + Sync;

/// The counter that a device puts into its first packets: `max(clock in microseconds, last + 1)`.
///
/// Peers refuse a counter that does not grow, which spares them work on a replayed packet (safety against replay does
/// not rest on it). A clock that was set back must therefore not take the counter with it: [`Counter::durable`]
/// reserves values ahead in the caller's storage, [`Counter::volatile`] trusts the clock across restarts.
pub struct Counter {
    state: Mutex<State>,
    reserve: Option<Arc<Reserve>>,
}

struct State {
    last: u64,
    /// Values up to this one may be handed out without asking the storage.
    reserved: u64,
}

/// What the state says to a request for the next value.
enum Step {
    Taken(u64),
    /// The storage must first hold this value.
    Reserve(u64),
}

impl Counter {
    /// A counter that remembers nothing across restarts but what the clock says.
    #[must_use]
    pub fn volatile() -> Self {
        Self { state: Mutex::new(State { last: 0, reserved: u64::MAX }), reserve: None }
    }

    /// A counter that goes on after `reserved`, the value that `reserve` stored last (0 if none).
    ///
    /// `reserve` runs on a thread for blocking work, once in ten minutes at most; the dial that needed it fails if it
    /// fails.
    #[must_use]
    pub fn durable(reserved: u64, reserve: impl Fn(u64) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { state: Mutex::new(State { last: reserved, reserved }), reserve: Some(Arc::new(reserve)) }
    }

    /// The next value.
    pub(crate) async fn next(&self, machine: &Machine) -> io::Result<u64> {
        loop {
            let ahead = match lock(&self.state).step(machine.since_epoch()) {
                Step::Taken(value) => return Ok(value),
                Step::Reserve(ahead) => ahead,
            };
            if let Some(reserve) = self.reserve.clone() {
                machine.blocking(move || reserve(ahead)).await.map_err(io::Error::other)??;
            }
            let mut state = lock(&self.state);
            state.reserved = state.reserved.max(ahead);
        }
    }
}

impl State {
    fn step(&mut self, since_epoch: Duration) -> Step {
        let clock = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
        let value = clock.max(self.last.saturating_add(1));
        if value > self.reserved {
            return Step::Reserve(value.saturating_add(RESERVATION_MICROS));
        }
        self.last = value;
        Step::Taken(value)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("durable", &self.reserve.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(step: Step) -> u64 {
        match step {
            Step::Taken(value) => value,
            Step::Reserve(_) => panic!("expected a value"),
        }
    }

    #[test]
    fn grows_when_the_clock_stands_still_or_goes_back() {
        let mut state = State { last: 0, reserved: u64::MAX };
        assert_eq!(taken(state.step(Duration::from_micros(100))), 100);
        assert_eq!(taken(state.step(Duration::from_micros(100))), 101);
        assert_eq!(taken(state.step(Duration::from_micros(7))), 102);
        assert_eq!(taken(state.step(Duration::from_micros(500))), 500);
    }

    #[tokio::test]
    async fn a_durable_counter_stores_before_it_hands_out() {
        let stored = Arc::new(Mutex::new(Vec::new()));
        let storage = Arc::clone(&stored);
        let counter = Counter::durable(u64::MAX / 2, move |value| {
            lock(&storage).push(value);
            Ok(())
        });
        let first = counter.next(&Machine::current()).await.unwrap();
        assert_eq!(first, u64::MAX / 2 + 1, "goes on after what may have been used");
        assert_eq!(*lock(&stored), vec![first + RESERVATION_MICROS]);
        assert_eq!(counter.next(&Machine::current()).await.unwrap(), first + 1);
        assert_eq!(lock(&stored).len(), 1, "one reservation serves many dials");
    }

    #[tokio::test]
    async fn a_storage_that_fails_fails_the_dial_and_hands_out_nothing() {
        let counter = Counter::durable(0, |_| Err(io::Error::other("disk full")));
        assert!(counter.next(&Machine::current()).await.is_err());
        assert_eq!(lock(&counter.state).last, 0);
    }
}
