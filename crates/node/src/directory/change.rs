//! Changes of the directory: stored first, then shown.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use endpoint::HandshakeKeys;
use membership::{
    Card, Door, Identity, IdentityKey, Members, Petname, Revocation, Revoked, Settled, Statement,
    StatementId, TicketId, TicketTerms, UnixSeconds,
};

use super::{Keeper, Kept};
use crate::core::Core;
use crate::error::DirectoryError;
use crate::store::{DOOR_OVERLAP_SECONDS, KeptDoor, KeptDoors, MAX_PREVIOUS_DOORS};
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
    /// This node's doors: the one in its cards from now on, and those that still open.
    Doors(KeptDoors),
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

/// The list of members that follows from a directory, and which one it is: of two the later counts, whichever comes
/// first.
pub(crate) struct Roll {
    pub(crate) number: u64,
    pub(crate) members: Arc<Members>,
}

impl Keeper {
    /// What there would be after these changes, and what of it others may want to know.
    fn after(&self, changes: Vec<Change>, now: UnixSeconds) -> Result<(Kept, Fresh), DirectoryError> {
        let own = self.signer.as_ref().map(Identity::key);
        let mut fresh = Fresh::default();
        let (mut kept, settled) = {
            let state = lock(&self.state);
            (state.kept.clone(), Arc::clone(&state.settled))
        };
        kept.horizon = kept.horizon.max(now);
        if kept.directory.is_full() {
            // Whoever filled it and was kept out for that is a stranger now.
            let gone = Arc::make_mut(&mut kept.directory).sweep(&settled).len();
            tracing::warn!(gone, "the directory is full: what strangers have said is forgotten");
        }
        for change in changes {
            kept.apply(change, own, &mut fresh)?;
        }
        Ok((kept, fresh))
    }

    /// Whether the door is to be replaced, and whether with these changes: at once by this node's own word, by another's
    /// when it [may be](KeptDoors::is_replaced_for_others).
    fn door_is_due(&self, changes: &[Change], now: UnixSeconds) -> Result<(bool, bool), DirectoryError> {
        // Without a signer nobody would be told of another door.
        let Some(signer) = &self.signer else { return Ok((false, false)) };
        let puts_out = self.puts_out(changes, now)?;
        let is_own = |change: &Change| match change {
            Change::Statement(Statement::Revocation(revocation)) => revocation.issuer() == signer.key(),
            _ => false,
        };
        let is_due = puts_out || self.owes_door.load(Ordering::Relaxed);
        let own_word = puts_out && changes.iter().any(is_own);
        Ok((is_due, is_due && (own_word || self.may_replace_door(now))))
    }

    fn may_replace_door(&self, now: UnixSeconds) -> bool {
        lock(&self.state).kept.doors.as_ref().is_none_or(|doors| doors.is_replaced_for_others(now))
    }

    /// Whether somebody is out who knows the door, and the time has come to replace it.
    pub(super) fn owes_door_now(&self, now: UnixSeconds) -> bool {
        self.owes_door.load(Ordering::Relaxed) && self.may_replace_door(now)
    }

    /// Whether somebody is out by these changes, or a device, that could come in before: they know this node's door.
    fn puts_out(&self, changes: &[Change], now: UnixSeconds) -> Result<bool, DirectoryError> {
        let revocations = changes.iter().filter_map(|change| match change {
            Change::Statement(Statement::Revocation(revocation)) => Some(revocation),
            _ => None,
        });
        let mut revocations = revocations.filter(|revocation| !revocation.is_lifted()).peekable();
        if revocations.peek().is_none() {
            return Ok(false);
        }
        let (kept, _) = self.after(changes.to_vec(), now)?;
        let state = lock(&self.state);
        let is_in = |who: &IdentityKey| *who == state.policy.root || state.settled.reach(who).is_some();
        let mut lost = revocations.filter(|revocation| matches!(revocation.about(), Revoked::Device(_)));
        let known = |it: &Revocation| state.kept.directory.revocation(&it.issuer(), &it.about()) == Some(it);
        let loses_device = lost.any(|revocation| is_in(&revocation.issuer()) && !known(revocation));
        let settled = Settled::new(&kept.directory, &state.policy, now);
        Ok(loses_device || settled.revoked().any(|(who, _)| is_in(who)))
    }
}

impl Core {
    /// Makes changes: all of them or none. When this returns they are durable, and everybody is where they belong. If
    /// they put somebody out, the door is replaced with them, or soon: whoever is out knows it.
    pub(crate) async fn change(self: &Arc<Self>, mut changes: Vec<Change>) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        let _turn = keeper.turn.lock().await;
        let now = self.machine.date();
        let (is_due, is_replaced) = keeper.door_is_due(&changes, now)?;
        let doors = if is_replaced {
            let doors = self.next_doors(keeper, now);
            let said = keeper.announcement(doors.current.door.clone(), self.spoken_suites(), now)?;
            changes.extend(said.map(Change::Statement));
            changes.push(Change::Doors(doors.clone()));
            Some(doors)
        } else {
            None
        };
        let fresh = self.store_and_apply(changes).await?;
        keeper.owes_door.store(is_due && !is_replaced, Ordering::Relaxed);
        if let Some(doors) = doors {
            self.open_doors(&doors, now);
        }
        self.show(now);
        self.tell_everybody(&fresh);
        Ok(())
    }

    /// As [`change`](Self::change), within a turn, and not shown yet.
    pub(super) async fn store_and_apply(
        self: &Arc<Self>,
        changes: Vec<Change>,
    ) -> Result<Fresh, DirectoryError> {
        let keeper = self.keeper()?;
        let (kept, fresh) = keeper.after(changes, self.machine.date())?;
        let is_news = !lock(&keeper.state).kept.says_the_same(&kept);
        if let Some(keep) = keeper.keep.as_ref().filter(|_| is_news) {
            keep.run(&self.machine, kept.clone()).await?;
        }
        lock(&keeper.state).put(kept);
        Ok(fresh)
    }

    /// Makes durable how late it is: somebody's time is up, and stays so in another process with another clock.
    pub(super) async fn store_date(self: &Arc<Self>, keeper: &Keeper) -> Result<(), DirectoryError> {
        let _turn = keeper.turn.lock().await;
        let kept = lock(&keeper.state).kept.clone();
        match &keeper.keep {
            Some(keep) => keep.run(&self.machine, kept).await,
            None => Ok(()),
        }
    }

    /// Settles everybody anew, and ends what there is with those who are out.
    pub(super) fn show(self: &Arc<Self>, date: UnixSeconds) {
        let Ok(keeper) = self.keeper() else { return };
        let roll = keeper.settle(date);
        self.control(|control, now| {
            let members = control.latest(roll);
            control.endpoint.set_members(now, members);
        });
    }

    /// The doors with another one in the place of the current one.
    fn next_doors(&self, keeper: &Keeper, now: UnixSeconds) -> KeptDoors {
        let kept = lock(&keeper.state).kept.doors.clone();
        let current = kept.unwrap_or_else(|| {
            let responder = &self.keys.load().responder;
            let mut doors = KeptDoors::first(responder.door.clone(), now);
            // Those that the node was given without a date open as long as if they were replaced now.
            let date = now.saturating_add(DOOR_OVERLAP_SECONDS);
            let before = responder.previous_doors.iter().take(MAX_PREVIOUS_DOORS);
            doors.previous = before.map(|door| KeptDoor { door: door.clone(), date }).collect();
            doors
        });
        current.replaced(Door::generate(&mut self.randomness.generator()), now)
    }

    /// Listens behind these doors from now on.
    pub(super) fn open_doors(&self, doors: &KeptDoors, now: UnixSeconds) {
        self.keys.rcu(|keys| {
            let mut keys = HandshakeKeys::clone(keys);
            keys.responder.door = doors.current.door.clone();
            keys.responder.previous_doors = doors.still_open(now).cloned().collect();
            keys
        });
    }
}
