//! Who may come in: members, and whoever presents a ticket.

use std::sync::Arc;

use membership::{IdentityKey, MemberId, Psk, TicketId};
use x3dh_handshake::mychips::Token;

use super::SERVICE;
use crate::core::Core;

/// Bytes of a ticket's id, in front of its secret.
const TICKET_ID_BYTES: usize = 16;

/// How long messages may be, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) received_bytes: usize,
    pub(super) sent_bytes: usize,
}

impl Core {
    /// Whether an agent is a member and may use the profile, now.
    pub(super) fn agent_may(&self, agent: &IdentityKey) -> bool {
        let members = self.members();
        let is_in = members.get(agent).is_some_and(|member| !member.is_expired(self.machine.date()));
        is_in && !members.is_revoked(agent) && self.may_use(agent, SERVICE)
    }

    /// How long messages of an agent may be, and those to it. Whoever comes by a ticket is what the ticket makes them.
    pub(super) fn agent_sizes(&self, agent: &IdentityKey, ticket: Option<&TicketId>) -> Sizes {
        let (received, sent) = self.message_limits(agent, ticket);
        let bytes = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        Sizes { received_bytes: bytes(received.max_message_bytes), sent_bytes: bytes(sent.max_message_bytes) }
    }

    /// Reserves a use of the ticket of this token for an agent that is no member yet.
    pub(super) fn reserve_for_agent(
        self: &Arc<Self>,
        agent: IdentityKey,
        token: &Token,
    ) -> Option<Reservation> {
        self.keeper.as_ref()?;
        let (id, secret) = token.dangerous_bytes().split_first_chunk::<TICKET_ID_BYTES>()?;
        let ticket = TicketId(*id);
        let secret = Psk::from_bytes(secret.try_into().ok()?);
        let members = self.members();
        if members.by_id(&MemberId::of(&agent)).is_some() || members.is_revoked(&agent) {
            return None;
        }
        self.control(|control, now| {
            let tickets = control.endpoint.tickets_mut();
            let open = tickets.open().secret(&ticket, &agent, now.date).is_ok_and(|known| *known == secret);
            open.then(|| tickets.reserve(&ticket, &agent, now.date).ok()).flatten()
        })?;
        Some(Reservation { core: Arc::clone(self), ticket, agent, redeemed: false })
    }
}

/// A use of a ticket, free again when dropped unless it was redeemed.
pub(super) struct Reservation {
    core: Arc<Core>,
    ticket: TicketId,
    agent: IdentityKey,
    redeemed: bool,
}

impl Reservation {
    pub(super) fn ticket(&self) -> &TicketId {
        &self.ticket
    }

    /// Makes it durable that the use is consumed and the agent a member; says whether it is.
    pub(super) async fn redeem(mut self) -> bool {
        match self.core.redeem_apart(self.agent, self.ticket).await {
            Ok(()) => self.redeemed = true,
            Err(error) => {
                let agent = MemberId::of(&self.agent);
                tracing::warn!(%agent, %error, "somebody came by a ticket and could not be let in");
            }
        }
        self.redeemed
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.redeemed {
            self.core.control(|control, _| control.endpoint.tickets_mut().release(&self.ticket, &self.agent));
        }
    }
}
