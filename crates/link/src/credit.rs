//! Credit: how many bytes one side may send before the other has consumed some.
//!
//! Both ends count the cost of messages cumulatively from the start of the session (PROTOCOL.md §8), so
//! a grant is one number, the new limit, and grants that cross or come twice do no harm.

/// What a message costs beside its bytes: the bookkeeping that it causes, so that empty messages are not
/// free.
pub const MESSAGE_COST_BYTES: u64 = 64;

/// The cost of a message of `bytes` bytes.
pub(crate) fn cost(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX / 2).saturating_add(MESSAGE_COST_BYTES)
}

/// The sending side's account: how much was spent of what was granted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    limit: u64,
    spent: u64,
}

impl Allowance {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, spent: 0 }
    }

    pub(crate) fn left(&self) -> u64 {
        self.limit - self.spent
    }

    /// Spends `cost`, which the caller has checked to be left.
    pub(crate) fn spend(&mut self, cost: u64) {
        debug_assert!(cost <= self.left());
        self.spent = self.limit.min(self.spent.saturating_add(cost));
    }

    /// Raises the limit. A lower limit than the known one is an old grant and ignored. Says whether the
    /// limit moved.
    pub(crate) fn raise(&mut self, limit: u64) -> bool {
        let moved = limit > self.limit;
        self.limit = self.limit.max(limit);
        moved
    }
}

/// The receiving side's account: how much was received of what was granted, and consumed of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    size: u64,
    granted: u64,
    received: u64,
}

impl Window {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, granted: size, received: 0 }
    }

    /// Whether a message of this cost keeps within what was granted.
    pub(crate) fn admits(&self, cost: u64) -> bool {
        cost <= self.granted - self.received
    }

    /// Takes a cost that [`admits`](Self::admits) allowed.
    pub(crate) fn receive(&mut self, cost: u64) {
        debug_assert!(self.admits(cost));
        self.received = self.granted.min(self.received.saturating_add(cost));
    }

    /// How much must be consumed before the next grant.
    pub(crate) fn due_at(&self) -> u64 {
        self.granted - self.size + self.size / 2
    }

    /// The new limit to announce when `consumed` bytes are gone from the queues: at half a window, so
    /// that grants are few and the sender does not stall.
    pub(crate) fn grant(&mut self, consumed: u64) -> Option<u64> {
        let limit = consumed.min(self.received) + self.size;
        if consumed.min(self.received) < self.due_at() {
            return None;
        }
        self.granted = limit;
        Some(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_repeated_grants_do_not_take_credit_back() {
        let mut allowance = Allowance::new(100);
        allowance.spend(100);
        assert!(allowance.raise(150));
        assert!(!allowance.raise(120));
        assert!(!allowance.raise(150));
        assert_eq!(allowance.left(), 50);
    }

    #[test]
    fn credit_returns_at_half_a_window_and_never_for_bytes_that_did_not_come() {
        let mut window = Window::new(1000);
        window.receive(499);
        assert_eq!(window.grant(499), None);
        window.receive(1);
        assert_eq!(window.grant(500), Some(1500));
        assert_eq!(window.grant(9_000), None, "a consumer cannot have consumed what never came");
        assert!(window.admits(1000));
        assert!(!window.admits(1001));
    }
}
