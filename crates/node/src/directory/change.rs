//! Changes of the directory: stored first, then shown.

use std::sync::Arc;

use membership::{
    Card, Directory, IdentityKey, Merged, Petname, Statement, TicketId, TicketTerms, UnixSeconds,
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

impl Keeper {
    /// Shows changes that are durable; says whether anything is news.
    fn apply(&self, changes: Vec<Change>) -> Result<(), membership::Error> {
        let mut state = lock(&self.state);
        let State { directory, names, introductions, .. } = &mut *state;
        let directory = Arc::make_mut(directory);
        for change in changes {
            match change {
                Change::Statement(statement) => drop(directory.merge(statement)?),
                Change::Card(card) => directory.add_card(card),
                Change::Name(identity, Some(name)) => drop(names.insert(identity, name)),
                Change::Name(identity, None) => drop(names.remove(&identity)),
                Change::Introduction { subject, audience } => drop(introductions.insert((subject, audience))),
                // The book of tickets is with the control plane.
                Change::Ticket { .. } => {}
            }
        }
        Ok(())
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
        self.store_and_apply(changes).await?;
        self.show(clock::both().date);
        Ok(())
    }

    /// As [`change`](Self::change), within a turn, and not shown yet.
    pub(super) async fn store_and_apply(
        self: &Arc<Self>,
        changes: Vec<Change>,
    ) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        keeper.check(&changes)?;
        keeper.apply(changes)?;
        Ok(())
    }

    /// Settles everybody anew, and ends what there is with those who are out.
    pub(super) fn show(self: &Arc<Self>, date: UnixSeconds) {
        let Ok(keeper) = self.keeper() else { return };
        let members = Arc::new(keeper.members(date));
        self.control(|control, now| control.endpoint.set_members(now, members));
    }
}
