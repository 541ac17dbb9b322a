//! What actors say in a session, once one of them says something.

use std::sync::{Arc, Mutex};

use actor_proxy::{Actors, Exchange, Former, NodeId};

use crate::sync::lock;

/// The exchange of a session. It begins when an actor of either end has something to say: most sessions of most nodes are
/// idle, and what an exchange keeps of the far node is a fifth of such a session.
///
/// Only the locks of actors are taken under this one; it is taken under that of the control plane. Beginning an exchange
/// ends that of a former session with the same node, and drops what it had not sent.
#[derive(Default)]
pub(super) struct LazyExchange {
    stage: Mutex<Stage>,
}

/// ```text
///           allow             begin
///   Before ───────▶ Allowed ─────────▶ Begun
///      │               │ shut            │
///      │               ▼                 │
///      │              Shut               │ end
///      └───── end ─────┴─────▶ Over ◀────┘
/// ```
/// Whoever ends a session shuts it first, under the lock of the control plane: an exchange that began in it later would cut
/// that of the session that follows.
#[derive(Default)]
enum Stage {
    /// The session is not up.
    #[default]
    Before,
    Allowed,
    Begun(Arc<Exchange>),
    /// The session was told to end, and none has begun: none will.
    Shut,
    Over,
}

impl LazyExchange {
    /// The session is up. Where actors have heard of the far machine it begins now: they may wait for it, or know a former
    /// run of it, which is over.
    pub(super) fn allow(&self, actors: &Actors, node: NodeId) -> Former {
        let mut stage = lock(&self.stage);
        if !matches!(*stage, Stage::Before) {
            return Former::default();
        }
        if !actors.has_heard_of(&node) {
            *stage = Stage::Allowed;
            return Former::default();
        }
        let (exchange, former) = actors.connected_anew(node);
        *stage = Stage::Begun(Arc::new(exchange));
        former
    }

    /// The exchange, which begins now if it has not. `None`: the session is not up, or was told to end.
    pub(super) fn begin(&self, actors: &Actors, node: NodeId) -> Option<Arc<Exchange>> {
        let mut stage = lock(&self.stage);
        match &*stage {
            Stage::Before | Stage::Shut | Stage::Over => None,
            Stage::Begun(exchange) => Some(Arc::clone(exchange)),
            Stage::Allowed => {
                let (exchange, former) = actors.connected_anew(node);
                let exchange = Arc::new(exchange);
                *stage = Stage::Begun(Arc::clone(&exchange));
                drop(stage);
                // It takes the longer the more addresses there are.
                drop(former);
                Some(exchange)
            }
        }
    }

    /// The exchange, if it has begun.
    pub(super) fn get(&self) -> Option<Arc<Exchange>> {
        match &*lock(&self.stage) {
            Stage::Begun(exchange) => Some(Arc::clone(exchange)),
            Stage::Before | Stage::Allowed | Stage::Shut | Stage::Over => None,
        }
    }

    /// Whether the session has come up, and its driver has not ended.
    pub(super) fn is_allowed(&self) -> bool {
        matches!(*lock(&self.stage), Stage::Allowed | Stage::Begun(_) | Stage::Shut)
    }

    /// The session is told to end: an exchange that has not begun does not begin any more.
    pub(super) fn shut(&self) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Allowed) {
            *stage = Stage::Shut;
        }
    }

    /// The session is over. Whoever still looks at the exchange holds it for a moment only.
    pub(super) fn end(&self) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Over);
        drop(stage);
    }
}

#[cfg(test)]
mod tests;
