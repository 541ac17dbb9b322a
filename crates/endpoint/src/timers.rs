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

/// All deadlines of an endpoint. Each thing has at most one, so the table is no larger than the others.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeMap<Timer, Instant>,
    order: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets the deadline of `timer` in place of the one it had.
    pub(crate) fn set(&mut self, timer: Timer, deadline: Instant) {
        self.cancel(timer);
        self.deadlines.insert(timer, deadline);
        self.order.insert((deadline, timer));
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(deadline) = self.deadlines.remove(&timer) {
            self.order.remove(&(deadline, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out the earliest deadline that has passed.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (deadline, timer) = *self.order.first()?;
        if deadline > now {
            return None;
        }
        self.order.remove(&(deadline, timer));
        self.deadlines.remove(&timer);
        Some(timer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
