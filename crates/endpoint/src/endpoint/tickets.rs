//! Coming in by a ticket: ours that others present, and theirs that we do.

use std::sync::Arc;

use membership::{Members, OpenTickets, Redemption, TicketBook};
use x3dh_handshake::{IdentityKey, Psk, TicketId};

use super::Endpoint;
use crate::action::Action;
use crate::cause::{Cause, HandshakeCause};
use crate::guard::Demand;
use crate::id::{PeerId, SessionId};
use crate::now::Now;
use crate::session::{Session, Stage};

/// What a first packet is checked against: a snapshot, for the task of the path.
#[derive(Debug, Clone)]
pub struct Admittance {
    /// Who may come in.
    pub members: Arc<Members>,
    /// Who else may, by a ticket.
    pub tickets: Arc<OpenTickets>,
    /// What they must show first.
    pub demand: Demand,
}

impl Endpoint {
    /// What first packets are checked against now. What they must [show first](Admittance::demand) is known to the
    /// [`Guard`](crate::Guard), and not in it.
    #[must_use]
    pub fn admittance(&self) -> Admittance {
        Admittance {
            members: Arc::clone(&self.members),
            tickets: Arc::clone(self.tickets.open()),
            demand: Demand::default(),
        }
    }

    /// The tickets that this node has issued.
    #[must_use]
    pub fn tickets(&self) -> &TicketBook {
        &self.tickets
    }

    /// The tickets that this node has issued, to enter, withdraw and expire some. What is entered must be durable.
    pub fn tickets_mut(&mut self) -> &mut TicketBook {
        &mut self.tickets
    }

    /// Presents a ticket in every dial to this identity, until there is a session with it or `None` is given.
    pub fn present_ticket(&mut self, issuer: IdentityKey, ticket: Option<(TicketId, Psk)>) {
        match ticket {
            Some(ticket) => self.offers.insert(issuer, ticket),
            None => self.offers.remove(&issuer),
        };
    }

    /// Whether a peer has an unconfirmed session by a ticket.
    pub(super) fn comes_by_ticket(&self, id: &PeerId) -> bool {
        let session = self.peers.get(id).and_then(|peer| peer.unconfirmed);
        session.and_then(|session| self.sessions.get(&session)).is_some_and(|entry| entry.ticket.is_some())
    }

    /// Whoever came in by a ticket has shown to have the keys: it is consumed now, or they are not in.
    pub(super) fn begin_redeeming(&mut self, now: Now, session: SessionId, ticket: TicketId) {
        let Some(entry) = self.sessions.get_mut(&session) else { return };
        let peer = entry.peer;
        let Some(credential) = entry.credential.clone() else { return };
        let begun = if self.members.is_revoked(&peer.identity) {
            Err(HandshakeCause::Revoked(peer.identity))
        } else {
            let begun = self.tickets.begin(&ticket, &peer.identity, now.date);
            begun.map_err(|refusal| HandshakeCause::Ticket(peer.identity, refusal))
        };
        match begun {
            Ok(redemption) => {
                entry.stage = Stage::Redeeming;
                let redemption = Box::new(redemption);
                self.actions.push_back(Action::Redeem { session, peer, credential, redemption });
            }
            Err(cause) => {
                self.note_ticket(now, session, cause);
                self.unconfirmed_failed(now, session);
            }
        }
    }

    /// The answer to [`Action::Redeem`]. `members`: the redemption is durable, and who comes in is among these, or was
    /// kept out meanwhile. `None`: it could not be stored and the ticket is as it was. Whoever is not in by it has a session
    /// that ends as if it had never been confirmed.
    pub fn redeemed(
        &mut self,
        now: Now,
        session: SessionId,
        redemption: &Redemption,
        members: Option<Arc<Members>>,
    ) {
        let mut cause = members.is_none().then_some(HandshakeCause::Local);
        if let Some(members) = members {
            // Also when the session is gone meanwhile: they are in, and come again without a ticket.
            self.tickets.finish(redemption);
            self.set_members(now, members);
        } else {
            self.tickets.abandon(redemption);
        }
        let redeeming = |entry: &&Session| entry.stage == Stage::Redeeming;
        let Some(peer) = self.sessions.get(&session).filter(redeeming).map(|entry| entry.peer) else {
            return;
        };
        if cause.is_none() {
            cause = HandshakeCause::of_standing(self.standing(&peer, now.date), peer.identity).err();
        }
        match (cause, self.sessions.get_mut(&session)) {
            (None, Some(entry)) => {
                entry.ticket = None;
                self.accept_confirmed(now, session);
            }
            (Some(cause), _) => {
                self.note_ticket(now, session, cause);
                self.unconfirmed_failed(now, session);
            }
            (None, None) => {}
        }
    }

    fn note_ticket(&mut self, now: Now, session: SessionId, cause: HandshakeCause) {
        let path = self.sessions.get(&session).and_then(|entry| entry.paths.first());
        if let Some(path) = path.and_then(|path| self.paths.get(path)) {
            let address = path.facts.remote.clone();
            self.note_stranger(now, Cause::Handshake { address, cause });
        }
    }
}

impl From<Arc<Members>> for Admittance {
    /// These members, and no tickets.
    fn from(members: Arc<Members>) -> Self {
        Self { members, tickets: Arc::default(), demand: Demand::default() }
    }
}
