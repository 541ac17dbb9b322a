//! What a node knows of who says what about whom.

use std::collections::BTreeMap;

use crate::{
    Announcement, Card, Error, IdentityKey, Revocation, Revoked, Settled, Standing, Statement, StatementId,
    UnixSeconds, Voucher,
};

mod said;

pub(crate) use said::Said;
pub use said::{MAX_REVOCATIONS_PER_ISSUER, MAX_VOUCHERS_PER_ISSUER};

/// Identities that have said anything.
pub const MAX_ISSUERS: usize = 65_536;
/// Statements of all of them: for each an announcement and a voucher.
pub const MAX_STATEMENTS: usize = 131_072;
/// Revocations of members beyond these: whoever fills the directory with anything else keeps nobody from being kept out.
pub const MAX_FURTHER_REVOCATIONS: usize = 65_536;

/// A set of statements in which of each issuer about each subject only the one that counts is kept.
///
/// Merging is commutative, associative and idempotent: whatever the order, the grouping and the repetitions, the same
/// statements make the same directory (as long as no bound is met). Beside them stand the cards that were handed over
/// from hand to hand: how to reach somebody who has not announced it yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    issuers: BTreeMap<IdentityKey, Said>,
    /// How many statements there are.
    len: usize,
    cards: BTreeMap<IdentityKey, Card>,
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
    /// [`Error::TooLarge`] when a bound is met; nothing has changed then. [`sweep`](Self::sweep) makes room.
    pub fn merge(&mut self, statement: Statement) -> Result<Merged, Error> {
        let said = self.issuers.get(&statement.issuer());
        let keeps_out =
            matches!(&statement, Statement::Revocation(it) if matches!(it.about(), Revoked::Member(_)));
        let further = if keeps_out { MAX_FURTHER_REVOCATIONS } else { 0 };
        if said.is_none() && self.issuers.len() >= MAX_ISSUERS + further {
            return Err(Error::TooLarge { what: "issuers of statements", limit: MAX_ISSUERS + further });
        }
        if self.len >= MAX_STATEMENTS + further
            && !said.is_some_and(|said| said.has_about_the_same(&statement))
        {
            return Err(Error::TooLarge { what: "statements", limit: MAX_STATEMENTS + further });
        }
        self.merge_own(statement)
    }

    /// Takes in a statement of this node's own identity: whatever others have filled the directory with, they can be
    /// kept out.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when its issuer alone has said too much; nothing has changed then.
    pub fn merge_own(&mut self, statement: Statement) -> Result<Merged, Error> {
        let issuer = statement.issuer();
        let is_announcement = matches!(statement, Statement::Announcement(_));
        let said = self.issuers.entry(issuer).or_default();
        let before = said.len();
        let merged = said.merge(statement)?;
        self.len += said.len() - before;
        if is_announcement && matches!(merged, Merged::News { .. }) {
            // What was handed over earlier is older than what its owner says now.
            self.cards.remove(&issuer);
        }
        Ok(merged)
    }

    /// Takes in a statement that stood in a directory before, whatever order they come in now: the bounds of the whole
    /// were met when it was taken in first.
    ///
    /// # Errors
    /// As [`merge_own`](Self::merge_own).
    pub fn restore(&mut self, statement: Statement) -> Result<Merged, Error> {
        self.merge_own(statement)
    }

    /// Forgets what strangers have said: those of whom nobody whose word counts has said anything. Says what is gone,
    /// so that the store can forget it too.
    ///
    /// It makes room for others, at a price: should one of them be let in later, they have to say it again.
    pub fn sweep(&mut self, settled: &Settled) -> Vec<StatementId> {
        let is_strange =
            |issuer: &IdentityKey| !settled.is_heard(issuer) && settled.standing(issuer) == Standing::Unknown;
        let gone: Vec<_> = self.issuers.extract_if(.., |issuer, _| is_strange(issuer)).collect();
        self.len -= gone.iter().map(|(_, said)| said.len()).sum::<usize>();
        gone.iter().flat_map(|(_, said)| said.statements()).map(|statement| statement.id()).collect()
    }

    /// How many statements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether a bound of it as a whole is met.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.issuers.len() >= MAX_ISSUERS || self.len >= MAX_STATEMENTS
    }

    /// Whether nobody has said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The version that an announcement has to have to be the newest of its issuer: the date as a number, or the one
    /// after the last. So it is also for whoever has lost their directory and not their key.
    #[must_use]
    pub fn next_announcement_version(&self, issuer: &IdentityKey, now: UnixSeconds) -> u64 {
        next(self.announcement(issuer).map(Announcement::version), now)
    }

    /// The version that a voucher has to have to be the newest of its issuer for its subject; as
    /// [`next_announcement_version`](Self::next_announcement_version).
    #[must_use]
    pub fn next_voucher_version(&self, issuer: &IdentityKey, subject: &IdentityKey, now: UnixSeconds) -> u64 {
        next(self.voucher(issuer, subject).map(Voucher::version), now)
    }

    /// The serial with which a revocation counts against everything that its issuer has said about the same before, be
    /// it lifted or not; as [`next_announcement_version`](Self::next_announcement_version).
    #[must_use]
    pub fn next_serial(&self, issuer: &IdentityKey, about: &Revoked, now: UnixSeconds) -> u64 {
        next(self.revocation(issuer, about).map(Revocation::serial), now)
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
        self.issuers.values().flat_map(Said::statements)
    }

    pub(crate) fn said(&self, issuer: &IdentityKey) -> Option<&Said> {
        self.issuers.get(issuer)
    }
}

fn next(last: Option<u64>, now: UnixSeconds) -> u64 {
    last.map_or(0, |last| last.saturating_add(1)).max(now.seconds())
}
