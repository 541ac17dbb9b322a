//! Keeping somebody out.

use membership::{DeviceId, IdentityKey, Revocation, Revoked, Statement};

use super::Change;
use crate::error::DirectoryError;
use crate::node::Node;

impl Node {
    /// Keeps a member out, here and wherever this node's word counts: sessions with it end with a reason, members are
    /// told, and the door is replaced, since whoever is out knows it.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn revoke(&self, member: IdentityKey) -> Result<(), DirectoryError> {
        if member == self.identity() {
            return Err(DirectoryError::SamePerson);
        }
        self.keep_out(Revoked::Member(member)).await
    }

    /// Keeps one lost device of this node's own identity out.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn revoke_device(&self, device: DeviceId) -> Result<(), DirectoryError> {
        self.keep_out(Revoked::Device(device)).await
    }

    /// Undoes this node's own revocation. Whoever is kept out by another's word stays out.
    ///
    /// # Errors
    /// [`DirectoryError::NotRevokedByUs`] and the others.
    pub async fn readmit(&self, member: IdentityKey) -> Result<(), DirectoryError> {
        let core = self.core();
        let keeper = core.keeper()?;
        let signer = keeper.signer()?;
        let about = Revoked::Member(member);
        let directory = keeper.directory();
        let revocation =
            directory.revocation(&signer.key(), &about).filter(|revocation| !revocation.is_lifted());
        let serial = revocation.ok_or(DirectoryError::NotRevokedByUs(member))?.serial();
        let lifted = Revocation::lift(signer, about, serial)?;
        core.change(vec![Change::Statement(Statement::Revocation(lifted))]).await
    }

    async fn keep_out(&self, about: Revoked) -> Result<(), DirectoryError> {
        let core = self.core();
        let keeper = core.keeper()?;
        let signer = keeper.signer()?;
        let serial = keeper.directory().next_serial(&signer.key(), &about, core.machine.date());
        let revocation = Revocation::issue(signer, about, serial)?;
        core.change(vec![Change::Statement(Statement::Revocation(revocation))]).await
    }
}
