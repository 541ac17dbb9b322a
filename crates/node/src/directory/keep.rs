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

    /// Calls it where it may block.
    pub(super) async fn run(&self, kept: Kept) -> Result<(), DirectoryError> {
        let keep = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || keep(&kept)).await;
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
                    if is_own { directory.merge_own(statement)? } else { directory.merge(statement)? };
                if let membership::Merged::News { .. } = merged {
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
        let taken = match (&before, &after) {
            (Some(before), Some(after)) => before.uses_left.saturating_sub(after.uses_left),
            _ => 0,
        };
        match (self.tickets.get_mut(&id), before, after) {
            (None, None, Some(terms)) => drop(self.tickets.insert(id, terms)),
            (Some(stored), Some(_), Some(_)) if stored.uses_left > taken => stored.uses_left -= taken,
            (Some(_), Some(_), _) => drop(self.tickets.remove(&id)),
            _ => return Err(DirectoryError::TicketChanged),
        }
        Ok(())
    }
}
