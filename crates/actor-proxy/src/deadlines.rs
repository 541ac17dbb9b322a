//! Every deadline of a node's actors, in one line.

use std::collections::BTreeMap;
use std::sync::{Mutex, Weak};
use std::task::Waker;
use std::time::Instant;

use crate::peer::Peer;
use crate::reply::Expire;
use crate::sync::lock;

/// What is due.
pub(crate) enum Due {
    Question(Weak<dyn Expire>),
    Peer(Weak<Peer>),
}

/// Names a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer(Instant, u64);

#[derive(Default)]
pub(crate) struct Deadlines {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: BTreeMap<Timer, Due>,
    next: u64,
    /// What whoever keeps the time was told last.
    told: Option<Instant>,
    keeper: Option<Waker>,
}

impl Deadlines {
    /// Bounded by the questions of this node and by its peers. Wake whom it returns.
    pub(crate) fn arm(&self, at: Instant, due: Due) -> (Timer, Option<Waker>) {
        let mut state = lock(&self.state);
        let timer = Timer(at, state.next);
        state.next += 1;
        state.line.insert(timer, due);
        // Waking the keeper too early costs a look around; only too late would be wrong.
        let keeper = match state.told {
            Some(told) if told <= at => None,
            _ => state.keeper.take(),
        };
        (timer, keeper)
    }

    pub(crate) fn disarm(&self, timer: Timer) {
        let due = lock(&self.state).line.remove(&timer);
        drop(due);
    }

    /// When the first one is due, told to `keeper`, who is woken when there is an earlier one.
    pub(crate) fn first(&self, keeper: Option<&Waker>) -> Option<Instant> {
        let mut state = lock(&self.state);
        let first = state.line.first_key_value().map(|(timer, _)| timer.0);
        if let Some(keeper) = keeper {
            state.told = first;
            state.keeper = Some(keeper.clone());
        }
        first
    }

    /// Takes what is due.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<Due> {
        let mut state = lock(&self.state);
        let mut due = Vec::new();
        while let Some(entry) = state.line.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        due
    }
}

#[cfg(test)]
mod tests;
