//! Who is in and who is out: one pure function of what was said.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::{IdentityKey, Policy, Scope, UnixSeconds};

mod hearing;
mod reaching;
#[cfg(test)]
mod tests;
mod world;

use world::World;

/// What somebody is to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In.
    Member {
        /// Who lets them in: the nearest of those who do.
        by: IdentityKey,
        /// The last second of it, as far as the chain of vouchers goes that is told here.
        until: UnixSeconds,
    },
    /// Out, whoever vouches for them.
    Revoked {
        /// Whose word keeps them out.
        by: IdentityKey,
    },
    /// Was in; a voucher on the way to them has expired.
    Expired,
    /// Nobody whose word counts has said anything.
    Unknown,
}

/// What somebody is to this node, by the statements in `directory`, at a date.
///
/// To ask about many, [settle](Settled::new) once.
#[must_use]
pub fn standing(member: &IdentityKey, directory: &Directory, policy: &Policy, now: UnixSeconds) -> Standing {
    Settled::new(directory, policy, now).standing(member)
}

/// The standing of everybody at a date.
///
/// ```text
///   words     root has as many words to give as the policy has depth; a voucher of one who has words left and may
///             introduce takes its subject in, and leaves it min(voucher's depth, issuer's words - 1) of its own.
///             Whose word counts: who has any left and may introduce.
///   out       those whose word counts are heard in the order of their distance from the root, all of one distance at
///             once: whom they keep out is out, and is heard no more. Dates do not matter for this: a revocation does
///             not lose its weight because the voucher of the one who made it has run out.
///             Nobody is heard against one without whom their own word would not count.
///   standing  who is reached, at this date, not through anybody who is out
/// ```
///
/// Hearing the nearer first settles what would otherwise have two answers: of two who keep each other out the nearer
/// one stays, and of two at one distance neither. The root is never out.
///
/// Dates only ever take away: the same statements let nobody in tomorrow who is not in today. One more revocation lets
/// in, at most, whom somebody kept out whose word counts no more because of it: whoever is out is not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    root: IdentityKey,
    members: BTreeMap<IdentityKey, Reach>,
    /// Whose word counts at this date, beside the root's.
    words: BTreeSet<IdentityKey>,
    /// Who was heard, whatever the date, beside the root.
    heard: BTreeSet<IdentityKey>,
    out: BTreeMap<IdentityKey, IdentityKey>,
    /// Whoever would be a member at another date.
    at_other_dates: BTreeSet<IdentityKey>,
    next_change: Option<UnixSeconds>,
}

/// How somebody is reached: by the shortest way, of these by the one with the most introductions left, of these by the
/// one that holds longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who vouches for them.
    pub by: IdentityKey,
    /// Introductions from the root to them.
    pub distance: u8,
    /// Introductions that may follow from them on this way.
    pub depth: u8,
    /// The last second of the chain.
    pub until: UnixSeconds,
    /// What they may do, within what everybody on the way may.
    pub scope: Scope,
}

impl Settled {
    /// Settles everybody's standing: a few passes over the vouchers of those whose word counts, whatever else is in the
    /// directory.
    #[must_use]
    pub fn new(directory: &Directory, policy: &Policy, now: UnixSeconds) -> Self {
        let world = World::new(directory, policy);
        let (out, heard) = world.hear();
        let found = world.reach(&out, Some(now));
        let key = |node: &u32| world.key(*node);
        Self {
            root: policy.root,
            members: world.reaches(&found),
            words: found.words.keys().map(key).collect(),
            heard: heard.iter().map(key).collect(),
            out: world.verdicts(&out),
            at_other_dates: world.reach(&out, None).nearest.keys().map(key).collect(),
            // A voucher that holds to the last of dates does not end.
            next_change: found
                .first_end
                .filter(|end| *end < UnixSeconds::MAX)
                .map(|end| end.saturating_add(1)),
        }
    }

    /// The standing of one.
    #[must_use]
    pub fn standing(&self, member: &IdentityKey) -> Standing {
        if *member == self.root {
            return Standing::Member { by: self.root, until: UnixSeconds::MAX };
        }
        if let Some(reach) = self.members.get(member) {
            return Standing::Member { by: reach.by, until: reach.until };
        }
        match self.out.get(member) {
            Some(by) => Standing::Revoked { by: *by },
            None if self.at_other_dates.contains(member) => Standing::Expired,
            None => Standing::Unknown,
        }
    }

    /// Everybody who is in beside the root, by identity, and how.
    pub fn members(&self) -> impl Iterator<Item = (&IdentityKey, &Reach)> {
        self.members.iter()
    }

    /// How one who is in is reached.
    #[must_use]
    pub fn reach(&self, member: &IdentityKey) -> Option<&Reach> {
        self.members.get(member)
    }

    /// Everybody who is kept out, and by whom.
    pub fn revoked(&self) -> impl Iterator<Item = (&IdentityKey, &IdentityKey)> {
        self.out.iter()
    }

    /// Whether vouchers of this identity let somebody in at this date: the root's, and those of members with depth.
    #[must_use]
    pub fn word_counts(&self, issuer: &IdentityKey) -> bool {
        *issuer == self.root || self.words.contains(issuer)
    }

    /// Whether statements of this identity about others have a part in this: the root's, and those of everybody whose
    /// word would count at some date, or counted until it was their turn to be kept out. Whoever drops what they say
    /// may come to other standings than others do.
    #[must_use]
    pub fn is_heard(&self, issuer: &IdentityKey) -> bool {
        *issuer == self.root || self.heard.contains(issuer)
    }

    /// The first date on which the same statements may say something else; `None` is never.
    #[must_use]
    pub fn next_change(&self) -> Option<UnixSeconds> {
        self.next_change
    }
}
