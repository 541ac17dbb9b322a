//! What a node keeps of its directory from one run to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;

use membership::{
    Card, Directory, IdentityKey, MAX_MEMBERS, Petname, Statement, TicketBook, TicketId, TicketTerms,
    UnixSeconds,
};

use super::{Change, Fresh};
use crate::error::DirectoryError;
use crate::machine::Machine;
use crate::store::KeptDoors;

/// Everything that a node keeps of its directory. It holds the secrets of open tickets and the doors of members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What was said, and the cards that were handed over.
    pub directory: Arc<Directory>,
    /// What this node's owner calls others; if they have not said, what those suggested first.
    pub names: BTreeMap<IdentityKey, Petname>,
    /// Who was introduced to whom by this node: (subject, audience).
    pub introductions: BTreeSet<(IdentityKey, IdentityKey)>,
    /// The tickets that are open.
    pub tickets: BTreeMap<TicketId, TicketTerms>,
    /// The latest date seen: tickets that have expired stay so when the clock is set back.
    pub horizon: UnixSeconds,
    /// This node's doors, once the first was replaced. They take the place of the one that
    /// [`Builder::door`](crate::Builder::door) was given.
    pub doors: Option<KeptDoors>,
}

/// Makes what a node keeps durable. It is called on a thread that may block, for one change after the other, and before
/// the change shows; if it fails, nothing has changed.
#[derive(Clone)]
pub struct Keep(Arc<Storing>);

/// Stores everything that is to be kept, durably, before it returns.
type Storing = dyn Fn(&Kept) -> io::Result<()> + Send + Sync;

impl Keep {
    /// Has `keep` called with everything that is to be kept, in place of what was kept before.
    pub fn new(keep: impl Fn(&Kept) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }

    /// Has `then` called with what is durable now, before the change shows. It cannot undo it any more.
    #[must_use]
    pub fn followed_by(self, then: impl Fn(&Kept) + Send + Sync + 'static) -> Self {
        Self::new(move |kept| {
            (self.0)(kept)?;
            then(kept);
            Ok(())
        })
    }

    /// Calls it on this thread.
    #[cfg(test)]
    pub(super) fn store(&self, kept: &Kept) -> io::Result<()> {
        (self.0)(kept)
    }

    /// Calls it where it may block.
    pub(super) async fn run(&self, machine: &Machine, kept: Kept) -> Result<(), DirectoryError> {
        let keep = Arc::clone(&self.0);
        let done = machine.blocking(move || keep(&kept)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(DirectoryError::Store)
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keep").finish_non_exhaustive()
    }
}

impl Kept {
    /// The book of the tickets that are open.
    pub(crate) fn book(&self) -> TicketBook {
        TicketBook::restore(self.tickets.clone(), self.horizon)
    }

    /// Whether they differ in nothing but how late it is.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.directory, &self.names, &self.introductions, &self.tickets, &self.doors)
            == (&other.directory, &other.names, &other.introductions, &other.tickets, &other.doors)
    }

    /// Makes one change; notes what of it others may want to know.
    pub(super) fn apply(
        &mut self,
        change: Change,
        own: Option<IdentityKey>,
        fresh: &mut Fresh,
    ) -> Result<(), DirectoryError> {
        match change {
            Change::Statement(statement) => {
                let id = statement.id();
                let is_own = own == Some(statement.issuer());
                if let Statement::Announcement(announcement) = &statement
                    && !is_own
                {
                    self.keep_name(&announcement.facts().card);
                }
                let directory = Arc::make_mut(&mut self.directory);
                // Whatever others have filled the directory with, this node's own word has its place.
                let merged =
                    if is_own { Ok(directory.merge_own(statement)?) } else { directory.merge(statement) };
                // Whoever has said too much must not have dropped with it what others say in the same message.
                if let Err(error) = &merged {
                    tracing::debug!(%error, "a member says more than there is room for");
                }
                if let Ok(membership::Merged::News { .. }) = merged {
                    fresh.statements.insert(id);
                }
            }
            Change::Card(card) => {
                if own != Some(card.identity()) {
                    self.keep_name(&card);
                }
                Arc::make_mut(&mut self.directory).add_card(card);
            }
            Change::Name(identity, Some(name)) => drop(self.names.insert(identity, name)),
            Change::Name(identity, None) => drop(self.names.remove(&identity)),
            Change::Introduction { subject, audience } => {
                self.introductions.insert((subject, audience));
                fresh.introductions.insert((subject, audience));
            }
            Change::Doors(doors) => self.doors = Some(doors),
            Change::Ticket { id, before, after } => self.apply_ticket(id, before, after)?,
        }
        Ok(())
    }

    /// Somebody is called what they suggest first, unless another is called that: whoever suggests another name later
    /// must not pass for somebody else.
    fn keep_name(&mut self, card: &Card) {
        let Some(name) = card.petname() else { return };
        let is_taken = || self.names.values().any(|taken| taken == name);
        if self.names.len() < MAX_MEMBERS && !self.names.contains_key(&card.identity()) && !is_taken() {
            self.names.insert(card.identity(), name.clone());
        }
    }

    /// Several may come in by one ticket at the same time, each with the entry in hand that stood before any of them:
    /// what counts is how many uses each takes away.
    fn apply_ticket(
        &mut self,
        id: TicketId,
        before: Option<TicketTerms>,
        after: Option<TicketTerms>,
    ) -> Result<(), DirectoryError> {
        let uses = |terms: &Option<TicketTerms>| terms.as_ref().map_or(0, |terms| terms.uses_left);
        let taken = uses(&before).saturating_sub(uses(&after));
        match (self.tickets.get_mut(&id), before, after) {
            (None, None, Some(terms)) => drop(self.tickets.insert(id, terms)),
            (Some(stored), Some(_), _) if stored.uses_left > taken => stored.uses_left -= taken,
            (Some(_), Some(_), _) => drop(self.tickets.remove(&id)),
            _ => return Err(DirectoryError::TicketChanged),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use membership::{Grant, Identity, MAX_REVOCATIONS_PER_ISSUER, Psk, Revocation, Revoked, Scope};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn revocation(by: &Identity, number: u16) -> Change {
        let mut about = [0; 16];
        about[..2].copy_from_slice(&number.to_le_bytes());
        let about = Revoked::Device(membership::DeviceId(about));
        Change::Statement(Statement::Revocation(Revocation::issue(by, about, 1).unwrap()))
    }

    #[test]
    fn who_says_too_much_has_nobody_else_passed_over() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mallory, carol) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let (mut kept, mut fresh) = (Kept::default(), Fresh::default());
        let most = u16::try_from(MAX_REVOCATIONS_PER_ISSUER).unwrap();
        for number in 0..most {
            kept.apply(revocation(&mallory, number), None, &mut fresh).unwrap();
        }
        let before = fresh.statements.len();
        for change in [revocation(&mallory, most), revocation(&carol, 0)] {
            kept.apply(change, None, &mut fresh).unwrap();
        }
        assert_eq!(fresh.statements.len(), before + 1);
        assert_eq!(kept.directory.revocations().filter(|it| it.issuer() == carol.key()).count(), 1);
    }

    #[test]
    fn the_last_use_of_a_ticket_may_be_stored_before_the_one_before_it() {
        let id = TicketId([1; 16]);
        let terms = |uses_left| {
            let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
            let secret = Psk::from_bytes([2; 32]);
            TicketTerms { secret, expires: UnixSeconds::MAX, uses_left, bound: None, grant }
        };
        let mut kept = Kept::default();
        let mut change = |before: Option<u16>, after: Option<u16>| {
            let change = Change::Ticket { id, before: before.map(terms), after: after.map(terms) };
            kept.apply(change, None, &mut Fresh::default())
        };
        change(None, Some(2)).unwrap();
        change(Some(1), None).unwrap();
        change(Some(2), Some(1)).unwrap();
        assert!(matches!(change(Some(1), None), Err(DirectoryError::TicketChanged)));
        change(None, Some(3)).unwrap();
        change(Some(3), None).unwrap();
        assert!(change(Some(1), None).is_err(), "withdrawn with all its uses");
    }
}
