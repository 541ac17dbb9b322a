//! How many bytes a peer may leave unread in one mailbox.

use std::sync::Weak;

use crate::peer::Peer;
use crate::sync::tried::{AtomicU32, AtomicU64, Ordering};
use crate::table::Tag;

/// What one peer has put into one mailbox, and what was taken out of it. It outlives sessions and the address itself for
/// as long as something is unread, so that neither a new session nor a new address makes room that is not there.
///
/// On the wire a limit counts from the beginning of the session, or from the offer of its tag if that came later
/// (PROTOCOL.md §13.5).
pub(crate) struct Account {
    peer: Weak<Peer>,
    tag: AtomicU32,
    window: u64,
    /// Changed under the peer's lock only, as are the next two.
    received: AtomicU64,
    granted: AtomicU64,
    /// What was received before this session.
    base: AtomicU64,
    consumed: AtomicU64,
    /// What must be consumed before the next grant.
    due_at: AtomicU64,
}

impl Account {
    pub(crate) fn new(peer: Weak<Peer>, window: u64) -> Self {
        Self {
            peer,
            tag: AtomicU32::new(0),
            window,
            received: AtomicU64::new(0),
            granted: AtomicU64::new(0),
            base: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            due_at: AtomicU64::new(u64::MAX),
        }
    }

    /// Begins a session, or an address; returns the limit to announce.
    pub(crate) fn begin(&self, tag: Tag) -> u64 {
        self.tag.store(tag.0, Ordering::Release);
        self.base.store(self.received.load(Ordering::Acquire), Ordering::Release);
        self.grant_now()
    }

    /// The limit that was announced last.
    pub(crate) fn limit(&self) -> u64 {
        self.granted.load(Ordering::Acquire).saturating_sub(self.base.load(Ordering::Acquire))
    }

    /// The limit to announce if a grant is due.
    pub(crate) fn grant(&self) -> Option<u64> {
        (self.consumed.load(Ordering::Acquire) >= self.due_at.load(Ordering::Acquire))
            .then(|| self.grant_now())
    }

    fn grant_now(&self) -> u64 {
        loop {
            let consumed = self.consumed.load(Ordering::Acquire);
            let granted = consumed + self.window;
            let due_at = consumed + self.window / 2;
            self.granted.store(granted, Ordering::Release);
            self.due_at.store(due_at, Ordering::Release);
            // A consumer may have passed the new point before it was set. Of two changes of one number one is the first:
            // that of the consumer, which is then seen here, or this one, and then the consumer sees the new point. A
            // load instead might miss the one while the consumer misses the other.
            if self.consumed.fetch_add(0, Ordering::AcqRel) < due_at {
                return granted.saturating_sub(self.base.load(Ordering::Acquire));
            }
        }
    }

    /// Takes a message; `false` if its sender had no credit at all. One message may exceed what is left.
    pub(crate) fn receive(&self, cost: u64) -> bool {
        let received = self.received.load(Ordering::Acquire);
        if received >= self.granted.load(Ordering::Acquire) {
            return false;
        }
        self.received.store(received + cost, Ordering::Release);
        true
    }

    /// Returns the cost of what was taken out of the mailbox.
    pub(crate) fn consume(&self, cost: u64) {
        if self.consumed_up_to_grant(cost)
            && let Some(peer) = self.peer.upgrade()
        {
            peer.grant(Tag(self.tag.load(Ordering::Acquire)));
        }
    }

    /// Counts what was consumed; whether a grant is due by it.
    fn consumed_up_to_grant(&self, cost: u64) -> bool {
        let before = self.consumed.fetch_add(cost, Ordering::AcqRel);
        let due_at = self.due_at.load(Ordering::Acquire);
        before < due_at && before + cost >= due_at
    }
}

/// What a sender may still put into one mailbox.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowance {
    limit: u64,
    spent: u64,
}

impl Allowance {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, spent: 0 }
    }

    pub(crate) fn has_any(self) -> bool {
        self.spent < self.limit
    }

    pub(crate) fn spend(&mut self, cost: u64) {
        self.spent = self.spent.saturating_add(cost);
    }

    /// A limit below the one known is old, and ignored.
    pub(crate) fn raise(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, loom))]
mod interleaving_tests;
