//! What every message is measured by: who may use which service, and how large a message may be.

use std::sync::Arc;

use actor_proxy::{Allow, NodeId};
use arc_swap::ArcSwap;
use membership::{IdentityKey, Policy, Relation, Settled, TicketId};

use crate::core::Core;
use crate::sync::lock;

/// Policy and standings as of the last change: a snapshot that is read without a lock.
pub(super) struct Authority {
    policy: Policy,
    settled: Arc<Settled>,
}

impl Authority {
    pub(super) fn new(policy: Policy, settled: Arc<Settled>) -> Self {
        Self { policy, settled }
    }

    fn may_use(&self, member: &IdentityKey, service: &str) -> bool {
        *member == self.policy.root
            || self
                .settled
                .reach(member)
                .is_some_and(|reach| self.policy.may_use(member, &reach.scope, service))
    }
}

impl Core {
    /// Whom `allow` allows, and the policy and their scope too. Asked for every message, as `allow` is.
    pub(crate) fn within_policy(&self, service: &str, allow: Allow) -> Allow {
        let Some(keeper) = &self.keeper else { return allow };
        let authority: Arc<ArcSwap<Authority>> = Arc::clone(&keeper.authority);
        let service = service.to_owned();
        Allow::when(move |node: &NodeId| {
            authority.load().may_use(&IdentityKey(node.member), &service) && allow.permits(node)
        })
    }

    /// Whether a member may use a service, by the policy and their scope.
    pub(crate) fn may_use(&self, member: &IdentityKey, service: &str) -> bool {
        self.keeper.as_ref().is_none_or(|keeper| keeper.authority.load().may_use(member, service))
    }

    /// The limits of a session with somebody: for what is received and for what is sent. Whoever comes by a ticket is
    /// what the ticket makes them.
    pub(crate) fn message_limits(
        &self,
        peer: &IdentityKey,
        ticket: Option<&TicketId>,
    ) -> (Arc<link::Limits>, Arc<link::Limits>) {
        let limits = &self.data_limits;
        let Some(keeper) = &self.keeper else { return (Arc::clone(limits), Arc::clone(limits)) };
        let authority = keeper.authority.load();
        let offered = ticket.and_then(|ticket| {
            let control = lock(&self.control);
            control.endpoint.tickets().open().terms(ticket).map(|terms| terms.grant.scope.relation)
        });
        let known = authority.settled.reach(peer).map(|reach| reach.scope.relation);
        let relation = offered.or(known).unwrap_or(Relation::Client);
        let classes = &authority.policy.size_classes;
        let limited = |max_message_bytes| {
            if max_message_bytes >= limits.max_message_bytes {
                return Arc::clone(limits);
            }
            let mut limits = **limits;
            limits.max_message_bytes = max_message_bytes;
            Arc::new(limits)
        };
        (limited(classes.received_bytes(relation)), limited(classes.sent_bytes(relation)))
    }
}
