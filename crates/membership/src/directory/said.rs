//! What one identity has said.

use std::collections::BTreeMap;

use super::Merged;
use crate::{Announcement, DeviceId, Error, IdentityKey, Revocation, Revoked, Statement, Voucher};

/// Members that one issuer vouches for.
pub const MAX_VOUCHERS_PER_ISSUER: usize = 4_096;
/// Members and devices that one issuer keeps out, or has kept out.
pub const MAX_REVOCATIONS_PER_ISSUER: usize = 4_096;

/// What one identity has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) announcement: Option<Announcement>,
    pub(crate) vouchers: BTreeMap<IdentityKey, Voucher>,
    pub(crate) revocations: BTreeMap<Revoked, Revocation>,
}

impl Said {
    /// Keeps of what was said about the same what counts.
    pub(super) fn merge(&mut self, statement: Statement) -> Result<Merged, Error> {
        match statement {
            Statement::Announcement(new) => {
                let known = self.announcement.as_ref();
                let merged = weigh(known, &new, Announcement::supersedes, Statement::Announcement);
                if let Merged::News { .. } = merged {
                    self.announcement = Some(new);
                }
                Ok(merged)
            }
            Statement::Voucher(new) => {
                let subject = new.subject();
                let known = self.vouchers.get(&subject);
                if known.is_none() && self.vouchers.len() >= MAX_VOUCHERS_PER_ISSUER {
                    return Err(Error::TooLarge { what: "vouchers", limit: MAX_VOUCHERS_PER_ISSUER });
                }
                let merged = weigh(known, &new, Voucher::supersedes, Statement::Voucher);
                if let Merged::News { .. } = merged {
                    self.vouchers.insert(subject, new);
                }
                Ok(merged)
            }
            Statement::Revocation(new) => {
                let about = new.about();
                let known = self.revocations.get(&about);
                if known.is_none() && self.revocations.len() >= MAX_REVOCATIONS_PER_ISSUER {
                    return Err(Error::TooLarge { what: "revocations", limit: MAX_REVOCATIONS_PER_ISSUER });
                }
                let merged = weigh(known, &new, Revocation::supersedes, Statement::Revocation);
                if let Merged::News { .. } = merged {
                    self.revocations.insert(about, new);
                }
                Ok(merged)
            }
        }
    }

    /// Whether this statement would at most take the place of another.
    pub(super) fn has_about_the_same(&self, statement: &Statement) -> bool {
        match statement {
            Statement::Announcement(_) => self.announcement.is_some(),
            Statement::Voucher(voucher) => self.vouchers.contains_key(&voucher.subject()),
            Statement::Revocation(revocation) => self.revocations.contains_key(&revocation.about()),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.announcement.is_some()) + self.vouchers.len() + self.revocations.len()
    }

    /// All of it, in a fixed order.
    pub(super) fn statements(&self) -> impl Iterator<Item = Statement> {
        let announcement = self.announcement.iter().cloned().map(Statement::Announcement);
        let vouchers = self.vouchers.values().cloned().map(Statement::Voucher);
        let revocations = self.revocations.values().cloned().map(Statement::Revocation);
        announcement.chain(vouchers).chain(revocations)
    }

    /// Whom this identity keeps out now.
    pub(crate) fn keeps_out(&self) -> impl Iterator<Item = IdentityKey> {
        self.revocations.values().filter(|revocation| !revocation.is_lifted()).filter_map(|revocation| {
            match revocation.about() {
                Revoked::Member(subject) => Some(subject),
                Revoked::Device(_) => None,
            }
        })
    }

    /// The devices of its own that it has given up.
    pub(crate) fn lost_devices(&self) -> impl Iterator<Item = DeviceId> {
        self.revocations.values().filter(|revocation| !revocation.is_lifted()).filter_map(|revocation| {
            match revocation.about() {
                Revoked::Device(device) => Some(device),
                Revoked::Member(_) => None,
            }
        })
    }
}

/// Compares what came with what is there.
fn weigh<T: Clone + PartialEq>(
    known: Option<&T>,
    new: &T,
    supersedes: impl Fn(&T, &T) -> bool,
    statement: impl Fn(T) -> Statement,
) -> Merged {
    match known {
        Some(known) if known == new => Merged::Known,
        Some(known) if !supersedes(new, known) => Merged::Superseded,
        known => Merged::News { replaced: known.map(|known| statement(known.clone()).id()) },
    }
}
