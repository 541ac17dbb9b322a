//! The guard of a node behind its lock, and who is told what it does.

use std::fmt;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use endpoint::{Demand, Guard, GuardReport, HandshakeCause, LevelChange, Refusal, Step};
use rand::CryptoRng;

use crate::clock;
use crate::core::Core;
use crate::gate::{Pass, source};
use crate::sync::lock;

/// Penalties that are told of within one [`TELLING_INTERVAL`]: whoever has the addresses to earn many of them must not
/// be able to start as many programs.
const MAX_TOLD_PENALTIES: u32 = 32;
/// See [`MAX_TOLD_PENALTIES`].
const TELLING_INTERVAL: Duration = Duration::from_secs(10);

/// An address that has misbehaved, and is not listened to for a while. See
/// [`Builder::on_penalty`](crate::Builder::on_penalty).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Penalty {
    /// The address from which the last straw came. All that [share it](crate::Limits::host_rate) are refused.
    pub address: IpAddr,
    /// For how long.
    pub duration: Duration,
}

/// Whom to tell of penalties.
pub(crate) type OnPenalty = Box<dyn Fn(Penalty) + Send + Sync>;

/// The guard, apart from the control plane and its lock.
pub(crate) struct Watch {
    guard: Mutex<Guard>,
    on_penalty: Option<OnPenalty>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    since: Option<Instant>,
    count: u32,
}

impl Watch {
    pub(crate) fn new(guard: Guard, on_penalty: Option<OnPenalty>) -> Self {
        Self { guard: Mutex::new(guard), on_penalty, told: Mutex::default() }
    }

    fn tell(&self, penalty: Penalty) {
        let Penalty { address, duration } = penalty;
        let may = lock(&self.told).may(clock::now());
        if !may {
            return;
        }
        tracing::info!(%address, seconds = duration.as_secs(), "not listening to an address that misbehaves");
        if let Some(hook) = &self.on_penalty {
            hook(penalty);
        }
    }
}

impl Told {
    fn may(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now >= since + TELLING_INTERVAL) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count <= MAX_TOLD_PENALTIES
    }
}

impl Core {
    /// Works on the guard, and sees to what follows.
    fn watch<T>(&self, work: impl FnOnce(&mut Guard, Instant) -> T) -> T {
        let now = clock::now();
        let (result, change, deadline) = {
            let mut guard = lock(&self.watch.guard);
            let result = work(&mut guard, now);
            (result, guard.level_change(), guard.poll_timeout())
        };
        if let Some(LevelChange { from, to }) = change {
            if from < to {
                tracing::warn!(?from, ?to, "handshakes of others press: more is asked of them");
            } else {
                tracing::info!(?from, ?to, "handshakes of others press less");
            }
        }
        if change.is_some() || deadline.is_some() {
            self.timers.set_guard(deadline);
        }
        result
    }

    /// A place for a connection that was accepted, or `None`: close it at once.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Pass> {
        let source = source(address);
        match self.watch(|guard, now| guard.enter(now, &source)) {
            Ok(()) => {}
            Err(Refusal::TooOften(Some(duration))) => {
                self.watch.tell(Penalty { address, duration });
                return None;
            }
            Err(_) => return None,
        }
        let pass = self.gate.enter(&source);
        let (waiting, places) = self.gate.waiting();
        self.watch(|guard, now| {
            guard.crowd(now, waiting, places);
            if pass.is_none() {
                guard.crowded_out();
            }
        });
        pass
    }

    /// The handshake of a connection from `address` was refused.
    pub(crate) fn refused(&self, address: IpAddr, cause: &HandshakeCause) {
        let source = source(address);
        if let Some(duration) = self.watch(|guard, now| guard.refused(now, &source, cause)) {
            self.watch.tell(Penalty { address, duration });
        }
    }

    /// Time has passed for the guard.
    pub(crate) fn look_around(&self) {
        let (waiting, places) = self.gate.waiting();
        self.watch(|guard, now| {
            guard.crowd(now, waiting, places);
            guard.handle_timeout(now);
        });
    }

    /// How things are at the door.
    pub(crate) fn guard_report(&self) -> GuardReport {
        self.watch(|guard, now| guard.report(now))
    }

    /// What first packets must show now.
    pub(crate) fn demand(&self, rng: &mut dyn CryptoRng) -> Demand {
        self.watch(|guard, now| guard.demand(now, rng))
    }

    pub(crate) fn challenged(&self) {
        self.watch(|guard, _| guard.challenged());
    }

    /// Does work for a handshake of somebody else's, and counts what it took.
    pub(crate) fn work<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = clock::now();
        let result = work();
        self.watch(|guard, now| guard.work(now, now.saturating_duration_since(start)));
        result
    }
}

/// The turn of one packet: work is set aside for it, and what it took in the end takes its place.
pub(crate) struct Turn<'a> {
    core: &'a Core,
    begin: Instant,
    spent: Duration,
}

impl<'a> Turn<'a> {
    pub(crate) fn take(core: &'a Core) -> Self {
        let begin = core.watch(|guard, now| guard.reserve(now));
        Self { core, begin, spent: Duration::ZERO }
    }

    /// What the packet must show now.
    pub(crate) fn demand(&self, rng: &mut dyn CryptoRng) -> Demand {
        self.core.demand(rng).deferring(clock::now() < self.begin)
    }

    /// Works on the packet.
    pub(crate) fn work(&mut self, work: impl FnOnce() -> Step) -> Step {
        let start = clock::now();
        let step = work();
        self.spent += clock::now().saturating_duration_since(start);
        step
    }

    /// Waits for it to come.
    pub(crate) async fn comes(&self) {
        self.core.watch(|guard, now| guard.deferred(now));
        clock::sleep_until(self.begin).await;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.core.watch(|guard, now| guard.settle(now, self.spent));
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
