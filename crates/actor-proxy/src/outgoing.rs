//! Envelopes on their way into the pipe.

use std::fmt;
use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use bytes::Bytes;

use crate::outbox::Lane;
use crate::peer::{Peer, State, Wakes};

/// What a session's writer takes out: one lane after the other, as far as the pipe has room. While it is held nothing is
/// accepted for the peer; hold it for a moment only.
#[must_use = "envelopes wait"]
pub struct Outgoing<'a> {
    peer: &'a Arc<Peer>,
    state: MutexGuard<'a, State>,
    /// Dropped after the lock: with it may go a task, and all that this has.
    before: Option<Waker>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(peer: &'a Arc<Peer>, state: MutexGuard<'a, State>, before: Option<Waker>) -> Self {
        Self { peer, state, before }
    }

    /// The next envelope of a lane. It stays the next one until [`advance`](Self::advance).
    pub fn peek(&mut self, lane: Lane) -> Option<&Bytes> {
        self.state.peek(lane)
    }

    /// The pipe has taken the envelope.
    pub fn advance(&mut self, lane: Lane) {
        self.state.advance(lane);
    }

    /// Ends the look. What the pipe did not take stays; the waker that the look was given is woken when there is more.
    pub fn finish(self) -> Wakes {
        let Self { peer, mut state, before } = self;
        let waits = state.rest();
        drop(state);
        drop(before);
        if waits { peer.taken() } else { Wakes::default() }
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}
