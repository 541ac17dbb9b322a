//! Where one outcome is left for whoever waits for it.

use std::task::{Context, Poll, Waker};

use crate::sync::tried::{Mutex, lock};

/// One outcome, once.
pub(crate) struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    outcome: Option<T>,
    waker: Option<Waker>,
    /// An outcome was set, whether or not it was taken since.
    over: bool,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { outcome: None, waker: None, over: false }))
    }

    /// Sets the outcome unless there is one. Wake whom it returns once no lock is held.
    pub(crate) fn set(&self, outcome: T) -> Option<Waker> {
        let mut state = lock(&self.0);
        if state.over {
            drop(state);
            // What is not taken is dropped after the lock: it may be anything.
            drop(outcome);
            return None;
        }
        state.over = true;
        state.outcome = Some(outcome);
        state.waker.take()
    }

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.0).over
    }

    /// No outcome is wanted any more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        state.over = true;
        let outcome = state.outcome.take();
        drop(state);
        drop(outcome);
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = lock(&self.0);
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(all(test, loom))]
mod interleaving_tests;
