//! The tickets that a node has issued, and what has become of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Error, Grant, IdentityKey, Psk, TicketId, TicketTerms, UnixSeconds};

/// Tickets of one node that are not over.
pub const MAX_OPEN_TICKETS: usize = 4_096;

/// Why a ticket does not open. For this side's log: whoever presented it gets silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketRefusal {
    /// There is none of that id, or it was withdrawn.
    #[error("no such ticket")]
    Unknown,
    /// It has expired, by the latest date that this node has seen.
    #[error("the ticket has expired")]
    Expired,
    /// It has been used as often as it may.
    #[error("the ticket is used up")]
    Consumed,
    /// Somebody else who presented it has yet to confirm; it may open later.
    #[error("the ticket is reserved by somebody else")]
    Reserved,
    /// It is for another member.
    #[error("the ticket is for somebody else")]
    NotForYou,
}

/// The tickets that a node has issued.
///
/// ```text
///               reserve: proven, unconfirmed            begin, then the store has it: finish
///   issued ────────────────────────────────> reserved ──────────────────────────────────────> consumed (uses left: issued)
///     │ ▲                                     │    ▲ │
///     │ └─ release: not confirmed in time ────┘    │ └ begin, then the store failed: abandon
///     │                                            └───┘
///     └─ expired, withdrawn: from any state, for good
/// ```
///
/// Uses that are begun one after another follow from each other: what one leaves is what the next one finds. A store
/// compares what it has with what a use expects to find, and does not store one that does not follow; that use is
/// abandoned, and the ticket is as it was. A use that is being stored is given to nobody else, whatever becomes of the
/// session meanwhile.
///
/// Reservations are kept in memory only: a process that ends has confirmed nobody. Whoever presents a ticket again
/// while it is reserved for them keeps their reservation. Dates go forward only: a ticket that was seen expired stays
/// so when the clock is set back.
#[derive(Debug, Clone, Default)]
pub struct TicketBook {
    open: Arc<OpenTickets>,
    reserved: BTreeMap<TicketId, BTreeSet<IdentityKey>>,
    /// For whom a use of the ticket is being stored.
    begun: BTreeSet<(TicketId, IdentityKey)>,
}

/// What a handshake needs to know of the tickets: a snapshot, shared without a lock.
#[derive(Debug, Clone, Default)]
pub struct OpenTickets {
    terms: BTreeMap<TicketId, TicketTerms>,
    /// The latest date seen.
    horizon: UnixSeconds,
}

/// A ticket about to be consumed: what has to be durable before [`TicketBook::finish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// Which ticket.
    pub ticket: TicketId,
    /// Who comes in by it.
    pub by: IdentityKey,
    /// What they are granted.
    pub grant: Grant,
    /// The entry that the store must find: it stores nothing if it finds another.
    pub before: TicketTerms,
    /// The entry to store in its place; `None`: it is used up.
    pub after: Option<TicketTerms>,
}

impl OpenTickets {
    /// The secret of a ticket, if it may open for whoever presents it.
    ///
    /// # Errors
    /// [`TicketRefusal`].
    pub fn secret(
        &self,
        ticket: &TicketId,
        presenter: &IdentityKey,
        now: UnixSeconds,
    ) -> Result<&Psk, TicketRefusal> {
        self.check(ticket, presenter, now).map(|terms| &terms.secret)
    }

    /// What a ticket allows, whoever presents it.
    #[must_use]
    pub fn terms(&self, ticket: &TicketId) -> Option<&TicketTerms> {
        self.terms.get(ticket)
    }

    /// Whether there is any. Whoever is no member is then not worth a second Diffie-Hellman.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    fn check(
        &self,
        ticket: &TicketId,
        presenter: &IdentityKey,
        now: UnixSeconds,
    ) -> Result<&TicketTerms, TicketRefusal> {
        let terms = self.terms.get(ticket).ok_or(TicketRefusal::Unknown)?;
        if now.max(self.horizon) > terms.expires {
            return Err(TicketRefusal::Expired);
        }
        if terms.bound.is_some_and(|bound| bound != *presenter) {
            return Err(TicketRefusal::NotForYou);
        }
        if terms.uses_left == 0 { Err(TicketRefusal::Consumed) } else { Ok(terms) }
    }
}

impl TicketBook {
    /// A book with what was stored, as of the latest date that was stored with it.
    #[must_use]
    pub fn restore(stored: impl IntoIterator<Item = (TicketId, TicketTerms)>, horizon: UnixSeconds) -> Self {
        let terms = stored.into_iter().collect();
        Self { open: Arc::new(OpenTickets { terms, horizon }), ..Self::default() }
    }

    /// The snapshot for handshakes.
    #[must_use]
    pub fn open(&self) -> &Arc<OpenTickets> {
        &self.open
    }

    /// The tickets that are not over, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&TicketId, &TicketTerms)> {
        self.open.terms.iter()
    }

    /// The latest date seen: to be stored with the tickets, so that setting the clock back revives none.
    #[must_use]
    pub fn horizon(&self) -> UnixSeconds {
        self.open.horizon
    }

    /// Notes a date. It does not go back.
    pub fn note_date(&mut self, now: UnixSeconds) {
        if now > self.open.horizon {
            Arc::make_mut(&mut self.open).horizon = now;
        }
    }

    /// Enters a ticket that is durable already.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when too many are open, or for uses or a grant beyond their bounds; [`Error::Malformed`] for an
    /// id of zeros, one that is there, or no use at all.
    pub fn issue(&mut self, ticket: TicketId, terms: TicketTerms) -> Result<(), Error> {
        self.check_issue(&ticket, &terms)?;
        Arc::make_mut(&mut self.open).terms.insert(ticket, terms);
        Ok(())
    }

    /// Whether [`issue`](Self::issue) would take it.
    ///
    /// # Errors
    /// Those of [`issue`](Self::issue).
    pub fn check_issue(&self, ticket: &TicketId, terms: &TicketTerms) -> Result<(), Error> {
        if self.open.terms.len() >= MAX_OPEN_TICKETS {
            return Err(Error::TooLarge { what: "open tickets", limit: MAX_OPEN_TICKETS });
        }
        terms.check()?;
        let usable = ticket.0 != [0; 16] && !self.open.terms.contains_key(ticket);
        if usable { Ok(()) } else { Err(Error::Malformed { what: "a ticket that can be used" }) }
    }

    /// Withdraws a ticket; `false` if there is none.
    pub fn withdraw(&mut self, ticket: &TicketId) -> bool {
        self.reserved.remove(ticket);
        self.open.terms.contains_key(ticket) && Arc::make_mut(&mut self.open).terms.remove(ticket).is_some()
    }

    /// Strikes off what has expired; says what, so that the store can forget it too.
    pub fn expire(&mut self, now: UnixSeconds) -> Vec<TicketId> {
        self.note_date(now);
        let latest = self.horizon();
        let expired = |(id, terms): (&TicketId, &TicketTerms)| (latest > terms.expires).then_some(*id);
        let expired: Vec<_> = self.open.terms.iter().filter_map(expired).collect();
        for ticket in &expired {
            self.withdraw(ticket);
        }
        expired
    }

    /// Reserves a use for somebody who has proven to hold the ticket and their own key, until they confirm.
    ///
    /// # Errors
    /// [`TicketRefusal`].
    pub fn reserve(
        &mut self,
        ticket: &TicketId,
        presenter: &IdentityKey,
        now: UnixSeconds,
    ) -> Result<(), TicketRefusal> {
        self.note_date(now);
        let uses = usize::from(self.open.check(ticket, presenter, now)?.uses_left);
        let reserved = self.reserved.get(ticket);
        let mine = reserved.is_some_and(|reserved| reserved.contains(presenter));
        if !mine && reserved.map_or(0, BTreeSet::len) >= uses {
            return Err(TicketRefusal::Reserved);
        }
        self.reserved.entry(*ticket).or_default().insert(*presenter);
        Ok(())
    }

    /// Gives a reservation up: whoever had it has not confirmed. One whose use is being stored is kept until that is
    /// over.
    pub fn release(&mut self, ticket: &TicketId, presenter: &IdentityKey) {
        if !self.begun.contains(&(*ticket, *presenter)) {
            self.strike_reservation(ticket, presenter);
        }
    }

    /// What has to be stored for a reserved use to be consumed. Must be followed by [`finish`](Self::finish) or
    /// [`abandon`](Self::abandon).
    ///
    /// # Errors
    /// [`TicketRefusal`], also when there is no reservation, or this use is being stored already.
    pub fn begin(
        &mut self,
        ticket: &TicketId,
        presenter: &IdentityKey,
        now: UnixSeconds,
    ) -> Result<Redemption, TicketRefusal> {
        self.note_date(now);
        let mut before = self.open.check(ticket, presenter, now)?.clone();
        let reserved = self.reserved.get(ticket).is_some_and(|reserved| reserved.contains(presenter));
        if !reserved || self.begun.contains(&(*ticket, *presenter)) {
            return Err(TicketRefusal::Reserved);
        }
        // Those that are being stored come first.
        let first = (*ticket, IdentityKey([0; 32]));
        for _ in self.begun.range(first..).take_while(|(begun, _)| begun == ticket) {
            before.uses_left = before.uses_left.saturating_sub(1);
        }
        let left = before.uses_left.checked_sub(1).ok_or(TicketRefusal::Consumed)?;
        self.begun.insert((*ticket, *presenter));
        let after = (left > 0).then(|| TicketTerms { uses_left: left, ..before.clone() });
        Ok(Redemption { ticket: *ticket, by: *presenter, grant: before.grant.clone(), before, after })
    }

    /// The redemption is durable.
    pub fn finish(&mut self, redemption: &Redemption) {
        if !self.end(redemption) {
            return;
        }
        let open = Arc::make_mut(&mut self.open);
        if let Some(terms) = open.terms.get_mut(&redemption.ticket) {
            terms.uses_left = terms.uses_left.saturating_sub(1);
            if terms.uses_left == 0 {
                open.terms.remove(&redemption.ticket);
            }
        }
    }

    /// The redemption could not be stored: the use is as it was before it was reserved.
    pub fn abandon(&mut self, redemption: &Redemption) {
        self.end(redemption);
    }

    /// Whether it had begun, and not ended.
    fn end(&mut self, redemption: &Redemption) -> bool {
        let Redemption { ticket, by, .. } = redemption;
        let had_begun = self.begun.remove(&(*ticket, *by));
        if had_begun {
            self.strike_reservation(ticket, by);
        }
        had_begun
    }

    fn strike_reservation(&mut self, ticket: &TicketId, presenter: &IdentityKey) {
        if let Some(reserved) = self.reserved.get_mut(ticket) {
            reserved.remove(presenter);
            if reserved.is_empty() {
                self.reserved.remove(ticket);
            }
        }
    }
}
