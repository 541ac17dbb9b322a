//! Changes of the directory: stored first, then shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use membership::{
    Card, Directory, Door, IdentityKey, Merged, Petname, Statement, StatementId, TicketId, TicketTerms,
    UnixSeconds,
};

use super::{Keeper, State};
use crate::clock;
use crate::core::Core;
use crate::error::DirectoryError;
use crate::sync::lock;

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Somebody has said something.
    Statement(Statement),
    /// Somebody's card was handed over.
    Card(Card),
    /// This node's owner calls somebody so, or nothing any more.
    Name(IdentityKey, Option<Petname>),
    /// This node has introduced one to another.
    Introduction {
        /// Who was introduced.
        subject: IdentityKey,
        /// To whom.
        audience: IdentityKey,
    },
    /// This node's door, and the one before it.
    Door {
        /// The one in this node's cards from now on.
        door: Door,
        /// The one that still opens.
        previous: Door,
    },
    /// A ticket has become another one, or none, or is new. It must be `before` when this is stored.
    Ticket {
        /// Which.
        id: TicketId,
        /// What it was; `None`: there was none.
        before: Option<TicketTerms>,
        /// What it is.
        after: Option<TicketTerms>,
    },
}

/// What a change has brought that others may want to know.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub(super) statements: BTreeSet<StatementId>,
    pub(super) introductions: BTreeSet<(IdentityKey, IdentityKey)>,
}

impl Keeper {
    /// Shows changes that are durable; says what of it others may want to know.
    fn apply(&self, changes: Vec<Change>) -> Result<Fresh, membership::Error> {
        let mut fresh = Fresh::default();
        let mut state = lock(&self.state);
        let State { directory, names, introductions, .. } = &mut *state;
        let directory = Arc::make_mut(directory);
        for change in changes {
            match change {
                Change::Statement(statement) => {
                    let id = statement.id();
                    if let Merged::News { .. } = directory.merge(statement)? {
                        fresh.statements.insert(id);
                    }
                }
                Change::Card(card) => directory.add_card(card),
                Change::Name(identity, Some(name)) => drop(names.insert(identity, name)),
                Change::Name(identity, None) => drop(names.remove(&identity)),
                Change::Introduction { subject, audience } => {
                    introductions.insert((subject, audience));
                    fresh.introductions.insert((subject, audience));
                }
                // The book of tickets is with the control plane, and the door with the keys.
                Change::Ticket { .. } | Change::Door { .. } => {}
            }
        }
        Ok(fresh)
    }

    /// Whether the directory would take these changes in.
    fn check(&self, changes: &[Change]) -> Result<(), membership::Error> {
        let mut trial: Option<Directory> = None;
        for change in changes {
            if let Change::Statement(statement) = change {
                let trial = trial.get_or_insert_with(|| Directory::clone(&self.directory()));
                let _: Merged = trial.merge(statement.clone())?;
            }
        }
        Ok(())
    }
}

impl Core {
    /// Makes changes: all of them or none. When this returns they are durable, and everybody is where they belong.
    pub(crate) async fn change(self: &Arc<Self>, changes: Vec<Change>) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        let _turn = keeper.turn.lock().await;
        let fresh = self.store_and_apply(changes).await?;
        self.show(clock::both().date);
        self.tell_everybody(&fresh);
        Ok(())
    }

    /// As [`change`](Self::change), within a turn, and not shown yet.
    pub(super) async fn store_and_apply(
        self: &Arc<Self>,
        changes: Vec<Change>,
    ) -> Result<Fresh, DirectoryError> {
        let keeper = self.keeper()?;
        keeper.check(&changes)?;
        Ok(keeper.apply(changes)?)
    }

    /// Settles everybody anew, and ends what there is with those who are out.
    pub(super) fn show(self: &Arc<Self>, date: UnixSeconds) {
        let Ok(keeper) = self.keeper() else { return };
        let members = Arc::new(keeper.members(date));
        self.control(|control, now| control.endpoint.set_members(now, members));
    }
}
