//! What nodes have acknowledged as durable, which must be there after whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use membership::{IdentityKey, Revoked, Ticket, TicketId};
use node::Kept;

use crate::world::{World, lock};

/// What one node has acknowledged.
#[derive(Default)]
struct Acknowledged {
    vouched: BTreeSet<IdentityKey>,
    /// Whom it keeps out, or has let in again: what was acknowledged last.
    revoked: BTreeMap<IdentityKey, bool>,
    introduced: BTreeSet<(IdentityKey, IdentityKey)>,
    open_tickets: BTreeMap<TicketId, Ticket>,
    used_tickets: BTreeSet<TicketId>,
}

/// What all nodes have acknowledged.
#[derive(Default)]
pub(crate) struct Promises {
    of: BTreeMap<u8, Acknowledged>,
    /// Who came in by which ticket.
    came_by: BTreeMap<TicketId, BTreeSet<u8>>,
    /// How often each has let somebody in of its own accord, and how often it is about to.
    vouching: BTreeMap<u8, Vouching>,
}

/// How often somebody has begun to let others in without a ticket of theirs, and has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vouching {
    pub(crate) begun: u32,
    pub(crate) running: u32,
}

impl Promises {
    pub(crate) fn begin_vouching(&mut self, by: u8) {
        let vouching = self.vouching.entry(by).or_default();
        (vouching.begun, vouching.running) = (vouching.begun + 1, vouching.running + 1);
    }

    pub(crate) fn end_vouching(&mut self, by: u8) {
        let vouching = self.vouching.entry(by).or_default();
        vouching.running = vouching.running.saturating_sub(1);
    }

    /// What was begun ended with the machine.
    pub(crate) fn start_anew(&mut self, by: u8) {
        self.vouching.entry(by).or_default().running = 0;
    }

    pub(crate) fn vouching(&self, by: u8) -> Vouching {
        self.vouching.get(&by).copied().unwrap_or_default()
    }

    pub(crate) fn vouched(&mut self, by: u8, subject: IdentityKey) {
        self.of.entry(by).or_default().vouched.insert(subject);
    }

    pub(crate) fn introduced(&mut self, by: u8, one: IdentityKey, other: IdentityKey) {
        self.of.entry(by).or_default().introduced.extend([(one, other), (other, one)]);
    }

    /// Nobody knows, for now, what is durable about somebody.
    pub(crate) fn revoking(&mut self, by: u8, subject: IdentityKey) {
        self.of.entry(by).or_default().revoked.remove(&subject);
    }

    pub(crate) fn revoked(&mut self, by: u8, subject: IdentityKey, is_out: bool) {
        self.of.entry(by).or_default().revoked.insert(subject, is_out);
    }

    /// Whom a node keeps out, as it has said itself.
    pub(crate) fn kept_out(&self, by: u8) -> Vec<IdentityKey> {
        let revoked = self.of.get(&by).into_iter().flat_map(|acknowledged| &acknowledged.revoked);
        revoked.filter(|(_, is_out)| **is_out).map(|(subject, _)| *subject).collect()
    }

    pub(crate) fn issued(&mut self, by: u8, ticket: Ticket) {
        self.of.entry(by).or_default().open_tickets.insert(ticket.id, ticket);
    }

    /// Somebody tries a ticket: it may be used up from now on.
    pub(crate) fn trying(&mut self, issuer: u8, ticket: &TicketId) {
        self.of.entry(issuer).or_default().open_tickets.remove(ticket);
    }

    /// Somebody came in by a ticket who was not in.
    pub(crate) fn came(&mut self, issuer: u8, ticket: TicketId, who: u8) -> Result<(), String> {
        self.of.entry(issuer).or_default().used_tickets.insert(ticket);
        let came = self.came_by.entry(ticket).or_default();
        came.insert(who);
        if came.len() > 1 {
            return Err(format!("{came:?} all came in by one ticket of {issuer}"));
        }
        Ok(())
    }

    fn check(&self, number: u8, own: &IdentityKey, kept: &Kept) -> Result<(), String> {
        let Some(promised) = self.of.get(&number) else { return Ok(()) };
        let directory = &kept.directory;
        for subject in &promised.vouched {
            if directory.voucher(own, subject).is_none() {
                return Err(format!("{number} has lost its voucher for {subject:?}"));
            }
        }
        for (subject, is_out) in &promised.revoked {
            let found = directory.revocation(own, &Revoked::Member(*subject));
            let found_out = found.is_some_and(|revocation| !revocation.is_lifted());
            if found_out != *is_out {
                return Err(format!("{number} keeps {subject:?} out: {found_out}, and it was {is_out}"));
            }
        }
        if let Some(lost) = promised.introduced.difference(&kept.introductions).next() {
            return Err(format!("{number} has lost that it introduced {lost:?}"));
        }
        for (id, ticket) in &promised.open_tickets {
            if !kept.tickets.contains_key(id) && ticket.expires > kept.horizon {
                return Err(format!("{number} has lost a ticket"));
            }
        }
        match promised.used_tickets.iter().find(|id| kept.tickets.contains_key(id)) {
            Some(id) => Err(format!("{number} has a ticket again that was used: {id:?}")),
            None => Ok(()),
        }
    }
}

impl World {
    /// What a store holds must be what was promised.
    pub(crate) fn check_promises(&self, number: u8, kept: &Kept) {
        let checked = lock(&self.promises).check(number, &self.member(number).identity, kept);
        if let Err(what) = checked {
            self.fail("what was acknowledged survives", what);
        }
    }
}
