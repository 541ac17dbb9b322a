//! One deadline for each thing that has one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::id::{PathId, PeerId, SessionId};

/// Whose deadline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Dial(PeerId),
    Path(PathId),
    Session(SessionId),
}

/// All deadlines of an endpoint. Each thing has at most one, so the tables are no larger than the others.
///
/// One table for each kind: the name of a peer is eight times as long as that of a session, and most deadlines are those
/// of sessions.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    dials: Deadlines<PeerId>,
    paths: Deadlines<PathId>,
    sessions: Deadlines<SessionId>,
}

#[derive(Debug)]
struct Deadlines<K> {
    of: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl Timers {
    /// Sets the deadline of `timer` in place of the one it had.
    pub(crate) fn set(&mut self, timer: Timer, deadline: Instant) {
        match timer {
            Timer::Dial(peer) => self.dials.set(peer, deadline),
            Timer::Path(path) => self.paths.set(path, deadline),
            Timer::Session(session) => self.sessions.set(session, deadline),
        }
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        match timer {
            Timer::Dial(peer) => self.dials.cancel(peer),
            Timer::Path(path) => self.paths.cancel(path),
            Timer::Session(session) => self.sessions.cancel(session),
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.first().map(|(deadline, _)| deadline)
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (_, timer) = self.first().filter(|(deadline, _)| *deadline <= now)?;
        self.cancel(timer);
        Some(timer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The earliest deadline of all; of several at the same time, that of a dial, then of a path.
    fn first(&self) -> Option<(Instant, Timer)> {
        let dial = self.dials.first().map(|(deadline, peer)| (deadline, Timer::Dial(peer)));
        let path = self.paths.first().map(|(deadline, path)| (deadline, Timer::Path(path)));
        let session = self.sessions.first().map(|(deadline, session)| (deadline, Timer::Session(session)));
        [dial, path, session].into_iter().flatten().min()
    }
}

impl<K: Copy + Ord> Deadlines<K> {
    fn set(&mut self, key: K, deadline: Instant) {
        self.cancel(key);
        self.of.insert(key, deadline);
        self.order.insert((deadline, key));
    }

    fn cancel(&mut self, key: K) {
        if let Some(deadline) = self.of.remove(&key) {
            self.order.remove(&(deadline, key));
        }
    }

    fn first(&self) -> Option<(Instant, K)> {
        self.order.first().copied()
    }
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { of: BTreeMap::new(), order: BTreeSet::new() }
    }
}
