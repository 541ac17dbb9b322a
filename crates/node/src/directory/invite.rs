//! Tickets: issuing them, and letting in whoever comes by one.

use std::sync::Arc;

use endpoint::{PeerId, SessionId};
use membership::{
    Grant, IdentityKey, Psk, Redemption, Scope, Statement, Ticket, TicketId, TicketTerms, UnixSeconds,
    Voucher,
};
use rand::Rng;

use super::{Change, STATEMENT_SECONDS};
use crate::core::Core;
use crate::error::DirectoryError;
use crate::node::Node;

/// How long a ticket opens, if nothing else is said: ten minutes.
pub(super) const TICKET_SECONDS: u64 = 600;

/// What a ticket shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// How long it opens, in seconds. Ten minutes.
    pub seconds: u64,
    /// How many may come in by it. One.
    pub uses: u16,
    /// Whom it is for; anybody who holds it, if nobody is named.
    pub bound: Option<IdentityKey>,
    /// What whoever comes in by it may do. Everything, as a peer.
    pub scope: Scope,
    /// How many introductions may follow from them. One: those whom they introduce come in, and introduce nobody.
    pub depth: u8,
    /// How long they are in, in seconds. One year.
    pub membership_seconds: u64,
}

impl Default for Invitation {
    fn default() -> Self {
        Self {
            seconds: TICKET_SECONDS,
            uses: 1,
            bound: None,
            scope: Scope::default(),
            depth: 1,
            membership_seconds: STATEMENT_SECONDS,
        }
    }
}

impl Node {
    /// Issues a ticket: whoever holds it comes in, as often and as long as the invitation says. It is durable when this
    /// returns.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn invite(&self, invitation: Invitation) -> Result<Ticket, DirectoryError> {
        let core = self.core();
        let keeper = core.keeper()?;
        keeper.signer()?;
        let now = core.machine.date();
        let expires = now.saturating_add(invitation.seconds);
        let grant = Grant {
            scope: invitation.scope,
            depth: invitation.depth,
            expires: now.saturating_add(invitation.membership_seconds),
        };
        let (id, secret) = {
            let mut rng = core.randomness.generator();
            let mut id = [0; 16];
            rng.fill_bytes(&mut id);
            (TicketId(id), Psk::generate(&mut rng))
        };
        let card = keeper.card(core.keys.load().responder.door.clone())?;
        let ticket = Ticket { card, id, secret: secret.clone(), expires, bound: invitation.bound };
        // Fails here rather than when it is to be handed over.
        ticket.to_text()?;
        let terms =
            TicketTerms { secret, expires, uses_left: invitation.uses, bound: invitation.bound, grant };
        let _turn = keeper.turn.lock().await;
        core.control(|control, _| control.endpoint.tickets().check_issue(&id, &terms))?;
        let change = Change::Ticket { id, before: None, after: Some(terms.clone()) };
        core.store_and_apply(vec![change]).await?;
        core.control(|control, now| {
            control.endpoint.tickets_mut().note_date(now.date);
            control.endpoint.tickets_mut().issue(id, terms)
        })?;
        Ok(ticket)
    }

    /// Withdraws a ticket: nobody comes in by it any more.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn withdraw_ticket(&self, id: TicketId) -> Result<bool, DirectoryError> {
        let core = self.core();
        let _turn = core.keeper()?.turn.lock().await;
        let known = core.control(|control, _| {
            control.endpoint.tickets().iter().find(|(known, _)| **known == id).map(|(_, terms)| terms.clone())
        });
        let Some(before) = known else { return Ok(false) };
        core.store_and_apply(vec![Change::Ticket { id, before: Some(before), after: None }]).await?;
        Ok(core.control(|control, _| control.endpoint.tickets_mut().withdraw(&id)))
    }
}

impl Core {
    /// Lets somebody in who came by a ticket and has confirmed: the ticket is consumed and the voucher for them issued
    /// in one transaction, and only when that is durable does the session carry traffic.
    pub(crate) async fn redeem(self: Arc<Self>, session: SessionId, peer: PeerId, redemption: Redemption) {
        let stored = self.store_redemption(peer.identity, &redemption).await;
        if let Err(error) = &stored {
            tracing::warn!(peer = ?peer.identity, %error, "somebody came by a ticket and could not be let in");
        }
        let date = self.machine.date();
        let roll = self.keeper().ok().filter(|_| stored.is_ok()).map(|keeper| keeper.settle(date));
        self.control(|control, now| {
            let members = roll.map(|roll| control.latest(roll));
            control.endpoint.redeemed(now, session, &redemption, members);
        });
    }

    /// The same for somebody who has a reservation and no session.
    pub(crate) async fn redeem_apart(
        self: &Arc<Self>,
        newcomer: IdentityKey,
        ticket: TicketId,
    ) -> Result<(), DirectoryError> {
        let begun =
            self.control(|control, now| control.endpoint.tickets_mut().begin(&ticket, &newcomer, now.date));
        let redemption = begun.map_err(|_| DirectoryError::TicketChanged)?;
        let stored = self.store_redemption(newcomer, &redemption).await;
        self.control(|control, _| match &stored {
            Ok(()) => control.endpoint.tickets_mut().finish(&redemption),
            Err(_) => control.endpoint.tickets_mut().abandon(&redemption),
        });
        stored?;
        self.show(self.machine.date());
        Ok(())
    }

    async fn store_redemption(
        self: &Arc<Self>,
        newcomer: IdentityKey,
        redemption: &Redemption,
    ) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        let _turn = keeper.turn.lock().await;
        let now = self.machine.date();
        let voucher = self.voucher_for(newcomer, redemption.grant.clone(), now)?;
        self.store_and_apply(vec![
            Change::Ticket {
                id: redemption.ticket,
                before: Some(redemption.before.clone()),
                after: redemption.after.clone(),
            },
            Change::Statement(Statement::Voucher(voucher)),
        ])
        .await?;
        Ok(())
    }

    /// This node's voucher for somebody, newer than any before it.
    pub(super) fn voucher_for(
        &self,
        subject: IdentityKey,
        grant: Grant,
        now: UnixSeconds,
    ) -> Result<Voucher, DirectoryError> {
        let keeper = self.keeper()?;
        let signer = keeper.signer()?;
        let version = keeper.directory().next_voucher_version(&signer.key(), &subject, now);
        Ok(Voucher::issue(signer, subject, version, grant)?)
    }

    /// Strikes off the tickets that have expired.
    pub(super) async fn expire_tickets(self: &Arc<Self>) {
        let Some(keeper) = &self.keeper else { return };
        let _turn = keeper.turn.lock().await;
        let expired: Vec<_> = self.control(|control, now| {
            let date = now.date.max(control.endpoint.tickets().horizon());
            let expired = |(id, terms): (&TicketId, &TicketTerms)| {
                (date > terms.expires).then(|| Change::Ticket {
                    id: *id,
                    before: Some(terms.clone()),
                    after: None,
                })
            };
            control.endpoint.tickets().iter().filter_map(expired).collect()
        });
        if !expired.is_empty()
            && let Err(error) = self.store_and_apply(expired).await
        {
            // They do not open for that; it is tried again.
            tracing::warn!(%error, "expired tickets cannot be struck off");
            return;
        }
        self.control(|control, now| control.endpoint.tickets_mut().expire(now.date));
    }
}
