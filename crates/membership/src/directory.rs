//! What a node knows of who says what about whom.

use std::collections::BTreeMap;

use crate::{
    Announcement, Card, DeviceId, Error, IdentityKey, Revocation, Revoked, Statement, StatementId, Voucher,
};

/// Members that one issuer vouches for.
pub const MAX_VOUCHERS_PER_ISSUER: usize = 4_096;
/// Members and devices that one issuer keeps out.
pub const MAX_REVOCATIONS_PER_ISSUER: usize = 4_096;
/// Identities that have said anything.
pub const MAX_ISSUERS: usize = 65_536;

/// A set of statements in which of each issuer about each subject only the one that counts is kept.
///
/// Merging is commutative, associative and idempotent: whatever the order, the grouping and the repetitions, the same
/// statements make the same directory (as long as no bound is met). Beside them stand the cards that were handed over
/// from hand to hand: how to reach somebody who has not announced it yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    issuers: BTreeMap<IdentityKey, Said>,
    cards: BTreeMap<IdentityKey, Card>,
}

/// What one identity has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) announcement: Option<Announcement>,
    pub(crate) vouchers: BTreeMap<IdentityKey, Voucher>,
    pub(crate) revocations: BTreeMap<Revoked, Revocation>,
}

/// What became of a statement that was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It counts now. If it took the place of another, that is which.
    News {
        /// The one that does not count any more.
        replaced: Option<StatementId>,
    },
    /// It was there already.
    Known,
    /// Another of the same issuer about the same counts.
    Superseded,
}

impl Directory {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a statement in.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when a bound is met; nothing has changed then.
    pub fn merge(&mut self, statement: Statement) -> Result<Merged, Error> {
        let issuer = statement.issuer();
        if !self.issuers.contains_key(&issuer) && self.issuers.len() >= MAX_ISSUERS {
            return Err(Error::TooLarge { what: "issuers of statements", limit: MAX_ISSUERS });
        }
        let said = self.issuers.entry(issuer).or_default();
        match statement {
            Statement::Announcement(new) => {
                let known = said.announcement.as_ref();
                let merged = weigh(known, &new, Announcement::supersedes, Statement::Announcement);
                if let Merged::News { .. } = merged {
                    // What was handed over earlier is older than what its owner says now.
                    self.cards.remove(&issuer);
                    said.announcement = Some(new);
                }
                Ok(merged)
            }
            Statement::Voucher(new) => {
                let subject = new.subject();
                let known = said.vouchers.get(&subject);
                if known.is_none() && said.vouchers.len() >= MAX_VOUCHERS_PER_ISSUER {
                    return Err(Error::TooLarge { what: "vouchers", limit: MAX_VOUCHERS_PER_ISSUER });
                }
                let merged = weigh(known, &new, Voucher::supersedes, Statement::Voucher);
                if let Merged::News { .. } = merged {
                    said.vouchers.insert(subject, new);
                }
                Ok(merged)
            }
            Statement::Revocation(new) => {
                let about = new.about();
                let known = said.revocations.get(&about);
                if known.is_none() && said.revocations.len() >= MAX_REVOCATIONS_PER_ISSUER {
                    return Err(Error::TooLarge { what: "revocations", limit: MAX_REVOCATIONS_PER_ISSUER });
                }
                let merged = weigh(known, &new, Revocation::supersedes, Statement::Revocation);
                if let Merged::News { .. } = merged {
                    said.revocations.insert(about, new);
                }
                Ok(merged)
            }
        }
    }

    /// Keeps a card that was handed over: it says how to reach its owner until they announce it themselves. It lets
    /// nobody in.
    pub fn add_card(&mut self, card: Card) {
        self.cards.insert(card.identity(), card);
    }

    /// Forgets how somebody may be reached who is let in by nobody any more.
    pub fn remove_card(&mut self, identity: &IdentityKey) -> Option<Card> {
        self.cards.remove(identity)
    }

    /// How a member can be reached: by the card handed over last, else by what it has announced.
    #[must_use]
    pub fn card(&self, identity: &IdentityKey) -> Option<&Card> {
        self.cards.get(identity).or_else(|| self.announcement(identity).map(|known| &known.facts().card))
    }

    /// The cards that were handed over, by identity.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.cards.values()
    }

    /// What a member says about itself.
    #[must_use]
    pub fn announcement(&self, identity: &IdentityKey) -> Option<&Announcement> {
        self.issuers.get(identity)?.announcement.as_ref()
    }

    /// What one says for another.
    #[must_use]
    pub fn voucher(&self, issuer: &IdentityKey, subject: &IdentityKey) -> Option<&Voucher> {
        self.issuers.get(issuer)?.vouchers.get(subject)
    }

    /// What one says against another, or against a device of its own; it may be lifted.
    #[must_use]
    pub fn revocation(&self, issuer: &IdentityKey, about: &Revoked) -> Option<&Revocation> {
        self.issuers.get(issuer)?.revocations.get(about)
    }

    /// Everybody for whom `issuer` vouches, by identity.
    pub fn vouchers_of(&self, issuer: &IdentityKey) -> impl Iterator<Item = &Voucher> {
        self.issuers.get(issuer).into_iter().flat_map(|said| said.vouchers.values())
    }

    /// Everybody who vouches for `subject`, by identity.
    pub fn vouchers_for(&self, subject: &IdentityKey) -> impl Iterator<Item = &Voucher> {
        self.issuers.values().filter_map(|said| said.vouchers.get(subject))
    }

    /// All revocations, lifted ones too, in a fixed order.
    pub fn revocations(&self) -> impl Iterator<Item = &Revocation> {
        self.issuers.values().flat_map(|said| said.revocations.values())
    }

    /// All statements, in a fixed order.
    pub fn statements(&self) -> impl Iterator<Item = Statement> {
        self.issuers.values().flat_map(|said| {
            let announcement = said.announcement.iter().cloned().map(Statement::Announcement);
            let vouchers = said.vouchers.values().cloned().map(Statement::Voucher);
            let revocations = said.revocations.values().cloned().map(Statement::Revocation);
            announcement.chain(vouchers).chain(revocations)
        })
    }

    pub(crate) fn said(&self, issuer: &IdentityKey) -> Option<&Said> {
        self.issuers.get(issuer)
    }
}

impl Said {
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
