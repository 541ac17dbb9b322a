//! Who is reached from the root, and with how many words left.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::world::{Out, World};
use crate::{Grant, Scope, UnixSeconds};

/// Who is reached.
#[derive(Default)]
pub(super) struct Found {
    /// By the shortest way.
    pub(super) nearest: BTreeMap<u32, Way>,
    /// Whose word counts: at what distance first, and by the way that leaves most words.
    pub(super) words: BTreeMap<u32, Word>,
    /// The first date on which one of the vouchers ends.
    pub(super) first_end: Option<UnixSeconds>,
}

#[derive(Clone)]
pub(super) struct Way {
    pub(super) by: u32,
    pub(super) distance: u8,
    pub(super) depth: u8,
    pub(super) until: UnixSeconds,
    /// Nobody asks for it where dates do not matter.
    pub(super) scope: Option<Rc<Scope>>,
}

pub(super) struct Word {
    pub(super) distance: u8,
    depth: u8,
    by: u32,
}

/// A way that ends with this voucher.
struct Candidate<'a> {
    by: u32,
    depth: u8,
    until: UnixSeconds,
    grant: &'a Grant,
}

impl World<'_> {
    /// Walks from the root along vouchers, layer by layer; not through those who are out. Without a date no voucher
    /// has expired.
    pub(super) fn reach(&self, out: &Out, now: Option<UnixSeconds>) -> Found {
        let mut found = Found::default();
        let scope = now.map(|_| Rc::default());
        let start = Way { by: self.root, distance: 0, depth: self.depth, until: UnixSeconds::MAX, scope };
        let mut layer = BTreeMap::from([(self.root, start)]);
        while !layer.is_empty() {
            let mut candidates: BTreeMap<u32, Candidate<'_>> = BTreeMap::new();
            for (issuer, from) in &layer {
                let Some(left) = from.depth.checked_sub(1).filter(|_| self.may_introduce(*issuer)) else {
                    continue;
                };
                for (subject, grant) in self.vouchers(*issuer) {
                    let held = now.is_none_or(|now| now <= grant.expires);
                    if !held || *subject == self.root || out.contains_key(subject) {
                        continue;
                    }
                    found.first_end =
                        Some(found.first_end.map_or(grant.expires, |end| end.min(grant.expires)));
                    let depth = grant.depth.min(left);
                    let until = grant.expires.min(from.until);
                    // Each layer is walked in the order of keys: of equals the first stays.
                    let known = candidates.get(subject);
                    if known.is_none_or(|known| (known.depth, known.until) < (depth, until)) {
                        candidates.insert(*subject, Candidate { by: *issuer, depth, until, grant });
                    }
                }
            }
            layer = candidates
                .into_iter()
                .filter_map(|(subject, candidate)| {
                    Some((subject, self.take(&mut found, &layer, subject, &candidate)?))
                })
                .collect();
        }
        found
    }

    /// Notes how somebody is reached in this layer; gives the way if the walk goes on by it.
    fn take(
        &self,
        found: &mut Found,
        layer: &BTreeMap<u32, Way>,
        subject: u32,
        candidate: &Candidate<'_>,
    ) -> Option<Way> {
        let Candidate { by, depth, until, grant } = *candidate;
        let from = layer.get(&by)?;
        let first = !found.nearest.contains_key(&subject);
        let more_words =
            depth > found.words.get(&subject).map_or(0, |word| word.depth) && self.may_introduce(subject);
        if !first && !more_words {
            return None;
        }
        let distance = from.distance.saturating_add(1);
        let scope = from.scope.as_ref().map(|scope| Rc::new(grant.scope.within(scope)));
        let way = Way { by, distance, depth, until, scope };
        if first {
            found.nearest.insert(subject, way.clone());
        }
        if !more_words {
            return None;
        }
        let word = found.words.entry(subject).or_insert(Word { distance, depth, by });
        (word.depth, word.by) = (depth, by);
        Some(way)
    }

    /// Without whom the word of each one would not count: those who are on every way on which they have words left.
    /// Every step leaves fewer words, so the ways with most are complete first.
    pub(super) fn mandatory(&self, out: &Out) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut everywhere: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut by_words = BTreeMap::from([(self.depth, BTreeMap::from([(self.root, BTreeSet::new())]))]);
        while let Some((words, people)) = by_words.pop_last() {
            for (issuer, before) in people {
                let mut through = before.clone();
                if issuer != self.root {
                    through.insert(issuer);
                    meet(everywhere.entry(issuer), before);
                }
                for (subject, grant) in self.vouchers(issuer) {
                    let left = grant.depth.min(words.saturating_sub(1));
                    let counts = left > 0 && self.may_introduce(*subject);
                    if counts && *subject != self.root && !out.contains_key(subject) {
                        meet(by_words.entry(left).or_default().entry(*subject), through.clone());
                    }
                }
            }
        }
        everywhere
    }
}

/// Leaves those who are in both sets.
fn meet(entry: Entry<'_, u32, BTreeSet<u32>>, with: BTreeSet<u32>) {
    match entry {
        Entry::Vacant(place) => drop(place.insert(with)),
        Entry::Occupied(mut known) => known.get_mut().retain(|member| with.contains(member)),
    }
}

impl Found {
    /// Whether the way that leaves `member` most words leads through `other`.
    pub(super) fn leads_through(&self, member: u32, other: u32) -> bool {
        let mut at = member;
        // Words grow along the way back to the root, so it has an end.
        while let Some(word) = self.words.get(&at) {
            if word.by == other {
                return true;
            }
            at = word.by;
        }
        false
    }
}
