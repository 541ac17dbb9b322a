//! Changes of the directory: stored first, then shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use membership::{
    Card, Door, IdentityKey, Petname, Statement, StatementId, TicketId, TicketTerms, UnixSeconds,
};

use super::{Keeper, Kept};
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
    /// What there would be after these changes, and what of it others may want to know.
    fn after(&self, changes: Vec<Change>, now: UnixSeconds) -> Result<(Kept, Fresh), DirectoryError> {
        let mut fresh = Fresh::default();
        let mut kept = lock(&self.state).kept.clone();
        kept.horizon = kept.horizon.max(now);
        for change in changes {
            kept.apply(change, &mut fresh)?;
        }
        Ok((kept, fresh))
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
        let (kept, fresh) = keeper.after(changes, clock::both().date)?;
        let is_news = !lock(&keeper.state).kept.says_the_same(&kept);
        if let Some(keep) = keeper.keep.as_ref().filter(|_| is_news) {
            keep.run(kept.clone()).await?;
        }
        lock(&keeper.state).kept = kept;
        Ok(fresh)
    }

    /// Settles everybody anew, and ends what there is with those who are out.
    pub(super) fn show(self: &Arc<Self>, date: UnixSeconds) {
        let Ok(keeper) = self.keeper() else { return };
        let members = Arc::new(keeper.members(date));
        self.control(|control, now| control.endpoint.set_members(now, members));
    }
}
