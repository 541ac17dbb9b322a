//! How much a node holds at the moment.

use crate::core::Core;
use crate::node::Node;
use crate::sync::lock;

/// The sizes of a node's tables, in entries: what grows with what is under way, and goes back when that is over.
///
/// What a node knows of its members is not in it: that stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// Sessions, those included that are not confirmed yet.
    pub sessions: usize,
    /// Connections that were dialed or accepted, whatever became of their handshakes.
    pub paths: usize,
    /// Dials under way.
    pub dials: usize,
    /// Calls that wait for a session.
    pub waiters: usize,
    /// Connections whose peer has not finished its handshake.
    pub strangers: usize,
    /// Sessions that are to be woken at a deadline.
    pub deadlines: usize,
    /// Whether the control plane has nothing under way, and no deadline.
    pub is_quiet: bool,
    /// Other nodes of whose actors something is known, or that know of this one's.
    pub nodes: usize,
    /// Actors of this node that others can find by their names.
    pub named_actors: usize,
    /// Actors of this node that others hold addresses of, once for each.
    pub exports: usize,
    /// Actors of others that this node holds addresses of.
    pub imports: usize,
    /// Questions to others that are open.
    pub questions: usize,
    /// What large messages that are not whole occupy, in bytes, beyond what each session has for itself.
    pub reassembly_bytes: usize,
}

impl Census {
    /// Whether nothing is under way and nothing is held for anybody. Actors that can be found by their names may wait.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let idle = Self { is_quiet: true, named_actors: self.named_actors, ..Self::default() };
        *self == idle
    }
}

impl Node {
    /// How much the node holds at the moment.
    #[must_use]
    pub fn census(&self) -> Census {
        self.core().census()
    }
}

impl Core {
    fn census(&self) -> Census {
        let (exports, imports, questions) = self.actors.table_sizes();
        let (nodes, named_actors) = self.actors.registry_sizes();
        let strangers = self.gate.occupied();
        let deadlines = self.timers.armed();
        let control = lock(&self.control);
        let (paths, sessions, waiters) = control.sizes();
        Census {
            sessions,
            paths,
            dials: control.dials.len(),
            waiters,
            strangers,
            deadlines,
            is_quiet: control.endpoint.is_quiet(),
            nodes,
            named_actors,
            exports,
            imports,
            questions,
            reassembly_bytes: self.budget.used_bytes(),
        }
    }
}
