//! Coming in by somebody else's ticket.

use endpoint::Target;
use membership::{Grant, Scope, Statement, Ticket};

use super::{Change, STATEMENT_SECONDS};
use crate::error::JoinError;
use crate::node::{Node, SessionInfo};
use crate::sync::lock;

/// Introductions that may follow from whoever has let this node in: theirs count, those of whom they introduce do not.
const HOST_DEPTH: u8 = 1;

impl Node {
    /// Comes in by a ticket: a session with its issuer, who has let this node in when this returns, as this node has
    /// let the issuer in. If the session is lost at the very end, the ticket may be consumed all the same; joining again
    /// with it then works, since its issuer knows this node.
    ///
    /// # Errors
    /// [`JoinError`]; this node's directory is as before then.
    pub async fn join(&self, ticket: &Ticket) -> Result<SessionInfo, JoinError> {
        let core = self.core();
        let keeper = core.keeper()?;
        let issuer = ticket.card.identity();
        let now = core.machine.date();
        if issuer == self.identity() {
            return Err(JoinError::OwnTicket);
        }
        if ticket.bound.is_some_and(|bound| bound != self.identity()) {
            return Err(JoinError::NotForYou);
        }
        if now > ticket.expires {
            return Err(JoinError::Expired);
        }
        let expires = now.saturating_add(STATEMENT_SECONDS);
        let grant = Grant { scope: Scope::default(), depth: HOST_DEPTH, expires };
        // Whoever has sent a ticket is granted no more by that than they were granted before.
        let granted = keeper.directory().voucher(&self.identity(), &issuer).cloned();
        let voucher = match granted.filter(|granted| granted.grant().expires >= now) {
            Some(granted) => granted,
            None => core.voucher_for(issuer, grant, now)?,
        };
        lock(&keeper.state).hosts.insert(issuer, (ticket.card.clone(), voucher.clone()));
        core.show(now);
        let host = Host { node: self, issuer };
        if keeper.settled().reach(&issuer).is_none() {
            return Err(JoinError::Revoked);
        }
        let offer = (ticket.id, ticket.secret.clone());
        core.control(|control, _| control.endpoint.present_ticket(issuer, Some(offer)));
        let connected = core.connect(Target::Member(issuer)).await;
        core.control(|control, _| control.endpoint.present_ticket(issuer, None));
        let session = connected?;
        // The issuer stores that we are in when we have confirmed, and carries traffic only then.
        self.ping(issuer).await.map_err(|_| JoinError::Unconfirmed)?;
        let changes = vec![Change::Card(ticket.card.clone()), Change::Statement(Statement::Voucher(voucher))];
        core.change(changes).await?;
        drop(host);
        Ok(SessionInfo::of(&session))
    }
}

/// Somebody to whom we are on the way: in for as long as this lives, and after that only by what was stored.
struct Host<'a> {
    node: &'a Node,
    issuer: membership::IdentityKey,
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        let core = self.node.core();
        let Ok(keeper) = core.keeper() else { return };
        lock(&keeper.state).hosts.remove(&self.issuer);
        core.control(|control, _| control.endpoint.present_ticket(self.issuer, None));
        core.show(core.machine.date());
    }
}
