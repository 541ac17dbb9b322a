//! Byte budgets of a node and of a peer.

use std::sync::Arc;

use crate::sync::{AtomicUsize, Ordering};
use crate::{Error, NODE_BUDGET_BYTES, PEER_FLOOR_BYTES};

/// What all peers of a node together may make it hold, in bytes. Clones share one budget.
#[derive(Debug, Clone)]
pub struct NodeBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl NodeBudget {
    /// A budget of `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { shared: Arc::new(Shared { limit_bytes, used_bytes: AtomicUsize::new(0) }) }
    }

    /// The budget, in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.shared.limit_bytes
    }

    /// What is held now, in bytes, by all that share this budget.
    pub fn used_bytes(&self) -> usize {
        self.shared.used_bytes.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, or nothing if they do not fit.
    fn reserve(&self, bytes: usize) -> Result<(), Error> {
        let limit_bytes = self.shared.limit_bytes;
        // A counter guards no other memory, so no ordering is needed.
        self.shared
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit_bytes)
            })
            .map_err(|_| Error::NodeBudget { needed_bytes: bytes, limit_bytes })?;
        Ok(())
    }

    fn release(&self, bytes: usize) {
        self.shared.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Default for NodeBudget {
    /// A budget of [`NODE_BUDGET_BYTES`].
    fn default() -> Self {
        Self::new(NODE_BUDGET_BYTES)
    }
}

/// What is held for one peer. What goes beyond the peer's floor is drawn from the node's budget, too, so that a node
/// filled by others still lets each peer open some messages. Dropping it gives everything back.
#[derive(Debug)]
pub(crate) struct PeerBudget {
    node: NodeBudget,
    limit_bytes: usize,
    used_bytes: usize,
}

impl PeerBudget {
    pub(crate) fn new(node: NodeBudget, limit_bytes: usize) -> Self {
        Self { node, limit_bytes, used_bytes: 0 }
    }

    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Takes `bytes` of both budgets, or of neither.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let used_bytes = self.used_bytes.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes);
        let Some(used_bytes) = used_bytes else {
            return Err(Error::PeerBudget { needed_bytes: bytes, limit_bytes: self.limit_bytes });
        };
        let drawn_bytes = beyond_floor(used_bytes) - beyond_floor(self.used_bytes);
        if drawn_bytes > 0 {
            self.node.reserve(drawn_bytes)?;
        }
        self.used_bytes = used_bytes;
        Ok(())
    }

    /// Gives back `bytes` taken before.
    pub(crate) fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used_bytes, "released {bytes} of {}", self.used_bytes);
        let used_bytes = self.used_bytes.saturating_sub(bytes);
        let drawn_bytes = beyond_floor(self.used_bytes) - beyond_floor(used_bytes);
        if drawn_bytes > 0 {
            self.node.release(drawn_bytes);
        }
        self.used_bytes = used_bytes;
    }
}

/// How much of `used_bytes` is drawn from the node's budget.
fn beyond_floor(used_bytes: usize) -> usize {
    used_bytes.saturating_sub(PEER_FLOOR_BYTES)
}

impl Drop for PeerBudget {
    fn drop(&mut self) {
        self.release(self.used_bytes);
    }
}

#[cfg(all(test, loom))]
mod interleaving_tests;
