//! Envelopes on their way into the pipe.

use std::fmt;
use std::sync::MutexGuard;
use std::task::Waker;

use bytes::Bytes;

use crate::error::PeerFault;
use crate::outbox::{Lane, Next, Small};
use crate::peer::State;

/// What a session's writer takes out: one lane after the other, as far as the pipe has room. While it is held nothing is
/// accepted for the peer; hold it for a moment only.
#[must_use = "envelopes wait"]
pub struct Outgoing<'a> {
    state: MutexGuard<'a, State>,
    /// Dropped after the lock: with it may go a task, and all that this has.
    before: Option<Waker>,
    /// Likewise: bytes that are a user's.
    gone: Vec<Vec<Bytes>>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(state: MutexGuard<'a, State>, before: Option<Waker>) -> Self {
        Self { state, before, gone: Vec::new() }
    }

    /// The next envelope of a lane. It stays the next one until [`advance`](Self::advance).
    #[must_use]
    pub fn peek(&self, lane: Lane) -> Option<Next<'_>> {
        self.state.peek(lane)
    }

    /// The small envelopes at the front of a lane: those that follow a large one are seen once it is gone. They stay until
    /// [`advance_small`](Self::advance_small).
    #[must_use]
    pub fn small(&self, lane: Lane) -> Small<'_> {
        self.state.small(lane)
    }

    /// The pipe has taken the first `count` of the [`small`](Self::small) envelopes.
    pub fn advance_small(&mut self, lane: Lane, count: usize) {
        self.state.advance_small(lane, count);
    }

    /// How the peer broke the protocol, if it did without sending anything: by not reading what it is told. The session is
    /// to be closed.
    #[must_use]
    pub fn fault(&self) -> Option<PeerFault> {
        self.state.fault()
    }

    /// As [`Exchange::is_awaited`](crate::Exchange::is_awaited).
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.state.is_awaited()
    }

    /// The pipe has taken the envelope.
    pub fn advance(&mut self, lane: Lane) {
        let own = self.state.advance(lane);
        if !own.is_empty() {
            self.gone.push(own);
        }
    }

    /// Ends the look. What the pipe did not take stays; the waker that the look was given is woken when there is more.
    /// `true`: others waited for the room; call [`Exchange::handle_taken`](crate::Exchange::handle_taken).
    pub fn finish(self) -> bool {
        let Self { mut state, before, gone } = self;
        let waits = state.rest();
        drop(state);
        drop((before, gone));
        waits
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}
