//! The tickets that a node has issued, and what has become of each.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::reader::Reader;
use crate::{Error, Grant, IdentityKey, Psk, Scope, TicketId, UnixSeconds};

/// Tickets of one node that are not over.
pub const MAX_OPEN_TICKETS: usize = 4_096;
/// Times that one ticket can be used.
pub const MAX_TICKET_USES: u16 = 1_024;

const ENTRY_VERSION: u8 = 1;
const BOUND: u8 = 1;

/// What a ticket allows, as its issuer keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketTerms {
    /// The secret that the handshake proves.
    pub secret: Psk,
    /// The last second in which it opens.
    pub expires: UnixSeconds,
    /// How many may still come in by it.
    pub uses_left: u16,
    /// Whom it is for; anybody, if nobody is named.
    pub bound: Option<IdentityKey>,
    /// Its purpose: what whoever comes in by it is granted.
    pub grant: Grant,
}

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
///     │ ▲                                        │
///     │ └──── release: not confirmed in time ────┘      expired, withdrawn: from any state, for good
/// ```
///
/// Reservations are kept in memory only: a process that ends has confirmed nobody. Whoever presents a ticket again
/// while it is reserved for them keeps their reservation. Dates go forward only: a ticket that was seen expired stays
/// so when the clock is set back.
#[derive(Debug, Clone, Default)]
pub struct TicketBook {
    open: Arc<OpenTickets>,
    reserved: BTreeMap<TicketId, BTreeSet<IdentityKey>>,
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
    /// The entry as it was stored before.
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
        Self { open: Arc::new(OpenTickets { terms, horizon }), reserved: BTreeMap::new() }
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

    /// Notes a date. It does not go back.
    pub fn note_date(&mut self, now: UnixSeconds) {
        if now > self.open.horizon {
            Arc::make_mut(&mut self.open).horizon = now;
        }
    }

    /// Enters a ticket that is durable already.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when too many are open; [`Error::Malformed`] for an id of zeros or no use at all.
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
        if terms.uses_left > MAX_TICKET_USES {
            return Err(Error::TooLarge { what: "uses of a ticket", limit: usize::from(MAX_TICKET_USES) });
        }
        let usable = ticket.0 != [0; 16] && terms.uses_left > 0 && !self.open.terms.contains_key(ticket);
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
        let expired = |(id, terms): (&TicketId, &TicketTerms)| (now > terms.expires).then_some(*id);
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
        let uses = usize::from(self.open.check(ticket, presenter, now)?.uses_left);
        let reserved = self.reserved.entry(*ticket).or_default();
        if !reserved.contains(presenter) && reserved.len() >= uses {
            return Err(TicketRefusal::Reserved);
        }
        reserved.insert(*presenter);
        Ok(())
    }

    /// Gives a reservation up: whoever had it has not confirmed.
    pub fn release(&mut self, ticket: &TicketId, presenter: &IdentityKey) {
        if let Some(reserved) = self.reserved.get_mut(ticket) {
            reserved.remove(presenter);
            if reserved.is_empty() {
                self.reserved.remove(ticket);
            }
        }
    }

    /// What has to be stored for a reserved use to be consumed. The reservation stays until
    /// [`finish`](Self::finish) or [`release`](Self::release).
    ///
    /// # Errors
    /// [`TicketRefusal`], also when there is no reservation.
    pub fn begin(
        &self,
        ticket: &TicketId,
        presenter: &IdentityKey,
        now: UnixSeconds,
    ) -> Result<Redemption, TicketRefusal> {
        let before = self.open.check(ticket, presenter, now)?.clone();
        if !self.reserved.get(ticket).is_some_and(|reserved| reserved.contains(presenter)) {
            return Err(TicketRefusal::Reserved);
        }
        let left = before.uses_left - 1;
        let after = (left > 0).then(|| TicketTerms { uses_left: left, ..before.clone() });
        Ok(Redemption { ticket: *ticket, by: *presenter, grant: before.grant.clone(), before, after })
    }

    /// The redemption is durable.
    pub fn finish(&mut self, redemption: &Redemption) {
        self.release(&redemption.ticket, &redemption.by);
        let open = Arc::make_mut(&mut self.open);
        match open.terms.get_mut(&redemption.ticket) {
            Some(terms) if redemption.after.is_some() => terms.uses_left -= 1,
            _ => {
                open.terms.remove(&redemption.ticket);
            }
        }
    }
}

impl TicketTerms {
    /// What the store keeps: `version 1 | secret 32 | expiry u64 | uses u16 | flags u8 | if bound: identity 32 |
    /// grant's expiry u64 | depth u8 | scope`. It holds the secret.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a scope that names too many services.
    pub fn dangerous_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(96));
        bytes.push(ENTRY_VERSION);
        bytes.extend_from_slice(self.secret.dangerous_bytes());
        bytes.extend_from_slice(&self.expires.seconds().to_le_bytes());
        bytes.extend_from_slice(&self.uses_left.to_le_bytes());
        bytes.push(if self.bound.is_some() { BOUND } else { 0 });
        if let Some(bound) = &self.bound {
            bytes.extend_from_slice(&bound.0);
        }
        bytes.extend_from_slice(&self.grant.expires.seconds().to_le_bytes());
        bytes.push(self.grant.depth);
        self.grant.scope.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what [`dangerous_bytes`](Self::dangerous_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Malformed`], [`Error::Date`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a stored ticket");
        let version = reader.byte()?;
        if version != ENTRY_VERSION {
            return Err(Error::Version { found: version });
        }
        let secret = Psk::from_bytes(reader.array()?);
        let expires = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let uses_left = u16::from_le_bytes(reader.array()?);
        let bound = match reader.byte()? {
            0 => None,
            BOUND => Some(IdentityKey(reader.array()?)),
            _ => return Err(reader.malformed()),
        };
        let end = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let depth = reader.byte()?;
        let grant = Grant { scope: Scope::decode(&mut reader)?, depth, expires: end };
        reader.finish()?;
        Ok(Self { secret, expires, uses_left, bound, grant })
    }
}

impl fmt::Debug for TicketTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketTerms")
            .field("expires", &self.expires)
            .field("uses_left", &self.uses_left)
            .field("bound", &self.bound)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
