//! Who is in and who is out: one pure function of what was said.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::{IdentityKey, Policy, Scope, UnixSeconds};

#[cfg(test)]
mod tests;

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
///   reach     root has depth words to give; a voucher of one whose word counts (>= 1 left) takes its subject in,
///             and leaves it min(voucher's depth, issuer's - 1) words of its own
///   out       those whose word counts are heard in the order of their distance from the root, all of one distance at
///             once: whom they keep out is out, and is heard no more. Dates do not matter for this: a revocation does
///             not lose its weight because the voucher of the one who made it has run out.
///             Nobody is heard against one without whom they would not be here themselves.
///   standing  who is reached, at this date, not through anybody who is out
/// ```
///
/// Hearing the nearer first settles what would otherwise have two answers: of two who keep each other out the nearer
/// one stays, and of two at one distance neither. The root is never out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    root: IdentityKey,
    members: BTreeMap<IdentityKey, Reach>,
    /// Whose word counts, beside the root's.
    words: BTreeSet<IdentityKey>,
    out: BTreeMap<IdentityKey, IdentityKey>,
    /// Whoever would be a member at another date.
    at_other_dates: BTreeMap<IdentityKey, Reach>,
    next_change: Option<UnixSeconds>,
}

/// How somebody is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who vouches for them.
    pub by: IdentityKey,
    /// Introductions from the root to them.
    pub distance: u8,
    /// Introductions that may follow from them.
    pub depth: u8,
    /// The last second of the chain.
    pub until: UnixSeconds,
    /// What they may do, within what everybody on the way may.
    pub scope: Scope,
}

impl Settled {
    /// Settles everybody's standing: a few passes over the vouchers.
    #[must_use]
    pub fn new(directory: &Directory, policy: &Policy, now: UnixSeconds) -> Self {
        let world = World { directory, policy };
        let out = world.hear();
        let found = world.reach(&out, Some(now));
        let next_change = found.first_end.map(|end| end.saturating_add(1));
        let words = found.words.into_keys().collect();
        let at_other_dates = world.reach(&out, None).nearest;
        Self { root: policy.root, members: found.nearest, words, out, at_other_dates, next_change }
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
            None if self.at_other_dates.contains_key(member) => Standing::Expired,
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

    /// Whether statements of this identity count for others: the root's, and those of members with depth.
    #[must_use]
    pub fn word_counts(&self, issuer: &IdentityKey) -> bool {
        *issuer == self.root || self.words.contains(issuer)
    }

    /// The first date on which the same statements may say something else; `None` is never.
    #[must_use]
    pub fn next_change(&self) -> Option<UnixSeconds> {
        self.next_change
    }
}

/// Everything that standings follow from but the date.
struct World<'a> {
    directory: &'a Directory,
    policy: &'a Policy,
}

/// Who is reached.
#[derive(Default)]
struct Found {
    /// By the shortest way.
    nearest: BTreeMap<IdentityKey, Reach>,
    /// With the most words left: at what distance first with any, and by the way with most.
    words: BTreeMap<IdentityKey, Word>,
    /// The first date on which one of the vouchers ends.
    first_end: Option<UnixSeconds>,
}

struct Word {
    distance: u8,
    depth: u8,
    by: IdentityKey,
}

impl World<'_> {
    /// Walks from the root along vouchers, layer by layer; not through those who are out. Without a date no voucher
    /// has expired.
    fn reach(&self, out: &BTreeMap<IdentityKey, IdentityKey>, now: Option<UnixSeconds>) -> Found {
        let root = self.policy.root;
        let mut found = Found::default();
        let start = Reach {
            by: root,
            distance: 0,
            depth: self.policy.depth,
            until: UnixSeconds::MAX,
            scope: Scope::default(),
        };
        let mut layer = BTreeMap::from([(root, start)]);
        while !layer.is_empty() {
            let mut next: BTreeMap<IdentityKey, Reach> = BTreeMap::new();
            for (issuer, from) in &layer {
                if from.depth == 0 || !self.policy.may_introduce(issuer) {
                    continue;
                }
                for voucher in self.directory.vouchers_of(issuer) {
                    let subject = voucher.subject();
                    let grant = voucher.grant();
                    let held = now.is_none_or(|now| now <= grant.expires);
                    if !held || subject == root || out.contains_key(&subject) {
                        continue;
                    }
                    found.first_end =
                        Some(found.first_end.map_or(grant.expires, |end| end.min(grant.expires)));
                    let reach = Reach {
                        by: *issuer,
                        distance: from.distance + 1,
                        depth: grant.depth.min(from.depth - 1),
                        until: grant.expires.min(from.until),
                        scope: grant.scope.within(&from.scope),
                    };
                    // Each layer is walked in the order of keys: of equals the first stays.
                    match next.get(&subject) {
                        Some(known) if (known.depth, known.until) >= (reach.depth, reach.until) => {}
                        _ => {
                            next.insert(subject, reach);
                        }
                    }
                }
            }
            next.retain(|subject, reach| found.take(*subject, reach));
            layer = next;
        }
        found
    }

    /// Who is out, and by whose word.
    fn hear(&self) -> BTreeMap<IdentityKey, IdentityKey> {
        let mut out = BTreeMap::new();
        if let Some(said) = self.directory.said(&self.policy.root) {
            out.extend(said.keeps_out().map(|subject| (subject, self.policy.root)));
        }
        for distance in 1..=self.policy.depth {
            let found = self.reach(&out, None);
            let mut heard = BTreeMap::new();
            let speakers = found.words.iter().filter(|(_, word)| word.distance == distance);
            for speaker in speakers.map(|(speaker, _)| *speaker) {
                let said = self.directory.said(&speaker);
                for subject in said.into_iter().flat_map(|said| said.keeps_out()) {
                    let settled = subject == self.policy.root || out.contains_key(&subject);
                    if !settled && !self.needs(&speaker, &subject, &found, &out) {
                        heard.entry(subject).or_insert(speaker);
                    }
                }
            }
            out.append(&mut heard);
        }
        out
    }

    /// Whether the word of `speaker` would not count without `other`.
    fn needs(
        &self,
        speaker: &IdentityKey,
        other: &IdentityKey,
        found: &Found,
        out: &BTreeMap<IdentityKey, IdentityKey>,
    ) -> bool {
        if !found.leads_through(speaker, other) {
            return false;
        }
        let mut without = out.clone();
        without.insert(*other, *speaker);
        !self.reach(&without, None).words.contains_key(speaker)
    }
}

impl Found {
    /// Notes how somebody is reached in this layer; whether the walk goes on from there.
    fn take(&mut self, subject: IdentityKey, reach: &Reach) -> bool {
        self.nearest.entry(subject).or_insert_with(|| reach.clone());
        if reach.depth == 0 {
            return false;
        }
        let word = Word { distance: reach.distance, depth: reach.depth, by: reach.by };
        match self.words.get_mut(&subject) {
            None => {
                self.words.insert(subject, word);
                true
            }
            Some(known) if known.depth < word.depth => {
                known.depth = word.depth;
                known.by = word.by;
                true
            }
            Some(_) => false,
        }
    }

    /// Whether the way by which `member` was given its words leads through `other`.
    fn leads_through(&self, member: &IdentityKey, other: &IdentityKey) -> bool {
        let mut at = member;
        // Words grow along the way back to the root, so it has an end.
        while let Some(word) = self.words.get(at) {
            if word.by == *other {
                return true;
            }
            at = &word.by;
        }
        false
    }
}
