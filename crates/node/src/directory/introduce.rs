//! Vouching for somebody, and introducing members to each other.

use membership::{Card, Grant, IdentityKey, Petname, Scope, Standing, Statement, UnixSeconds};

use super::{Change, STATEMENT_SECONDS};
use crate::error::DirectoryError;
use crate::node::Node;

/// Introductions that may follow from somebody whom this node lets in, if nothing else is said.
pub(super) const VOUCHER_DEPTH: u8 = 1;

impl Node {
    /// Lets in the owner of a card, who comes to this node as a peer for a year.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn vouch_for(&self, card: Card, name: Option<Petname>) -> Result<(), DirectoryError> {
        let core = self.core();
        let subject = card.identity();
        self.check_not_out(&subject)?;
        let voucher = core.voucher_for(subject, usual_grant(core.machine.date()), core.machine.date())?;
        let mut changes = vec![Change::Card(card), Change::Statement(Statement::Voucher(voucher))];
        changes.extend(name.map(|name| Change::Name(subject, Some(name))));
        core.change(changes).await
    }

    /// Lets a member in by this node's own word, who is in by another's, on these terms; or changes the terms.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn vouch(&self, member: IdentityKey, grant: Grant) -> Result<(), DirectoryError> {
        self.check_not_out(&member)?;
        let core = self.core();
        let voucher = core.voucher_for(member, grant, core.machine.date())?;
        core.change(vec![Change::Statement(Statement::Voucher(voucher))]).await
    }

    /// Calls somebody by another name, or by none.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn rename(&self, member: IdentityKey, name: Option<Petname>) -> Result<(), DirectoryError> {
        self.core().change(vec![Change::Name(member, name)]).await
    }

    /// Introduces two members to each other: each is told how to reach the other, with this node's voucher, at once if
    /// it is connected, else when it next is.
    ///
    /// # Errors
    /// [`DirectoryError::NotAMember`], [`DirectoryError::Unannounced`] when one of them has never told this node how to
    /// be reached, [`DirectoryError::Locked`] and those of the store.
    pub async fn introduce(&self, one: IdentityKey, other: IdentityKey) -> Result<(), DirectoryError> {
        let core = self.core();
        let keeper = core.keeper()?;
        let (me, now) = (self.identity(), core.machine.date());
        let directory = keeper.directory();
        if one == other || one == me || other == me {
            return Err(DirectoryError::SamePerson);
        }
        let mut changes = Vec::new();
        for (subject, audience) in [(one, other), (other, one)] {
            if !matches!(self.standing(&subject)?, Standing::Member { .. }) {
                return Err(DirectoryError::NotAMember(subject));
            }
            if directory.announcement(&subject).is_none() {
                return Err(DirectoryError::Unannounced(subject));
            }
            let held = directory.voucher(&me, &subject);
            if held.is_none_or(|voucher| voucher.grant().expires < now) {
                let voucher = core.voucher_for(subject, usual_grant(now), now)?;
                changes.push(Change::Statement(Statement::Voucher(voucher)));
            }
            changes.push(Change::Introduction { subject, audience });
        }
        core.change(changes).await
    }

    fn check_not_out(&self, member: &IdentityKey) -> Result<(), DirectoryError> {
        match self.standing(member)? {
            Standing::Revoked { by } => Err(DirectoryError::Revoked { member: *member, by }),
            _ => Ok(()),
        }
    }
}

fn usual_grant(now: UnixSeconds) -> Grant {
    let expires = now.saturating_add(STATEMENT_SECONDS);
    Grant { scope: Scope::default(), depth: VOUCHER_DEPTH, expires }
}
