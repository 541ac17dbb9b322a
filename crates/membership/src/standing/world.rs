//! Everything that standings follow from but the date, with small numbers in place of keys.

use std::collections::{BTreeMap, BTreeSet};

use super::Reach;
use super::reaching::{Found, Way};
use crate::directory::Directory;
use crate::{Grant, IdentityKey, MAX_DEPTH, Policy, Voucher};

/// Who is out, and by whose word.
pub(super) type Out = BTreeMap<u32, u32>;

/// Identities that vouchers lead to from the root, whatever their dates and depths. Their numbers are in the order of
/// their keys, so that ties are broken by keys.
pub(super) struct World<'a> {
    keys: Vec<IdentityKey>,
    people: Vec<Person<'a>>,
    pub(super) root: u32,
    /// Words of the root.
    pub(super) depth: u8,
}

struct Person<'a> {
    may_introduce: bool,
    vouchers: Vec<(u32, &'a Grant)>,
    keeps_out: Vec<u32>,
}

impl<'a> World<'a> {
    pub(super) fn new(directory: &'a Directory, policy: &Policy) -> Self {
        let keys = within_reach(directory, policy);
        let number =
            |key: &IdentityKey| keys.binary_search(key).ok().and_then(|place| u32::try_from(place).ok());
        let person = |key: &IdentityKey| {
            let voucher = |voucher: &'a Voucher| Some((number(&voucher.subject())?, voucher.grant()));
            let kept_out = directory.said(key).into_iter().flat_map(|said| said.keeps_out());
            Person {
                may_introduce: policy.may_introduce(key),
                vouchers: directory.vouchers_of(key).filter_map(voucher).collect(),
                keeps_out: kept_out.filter_map(|subject| number(&subject)).collect(),
            }
        };
        let people = keys.iter().map(person).collect();
        let root = number(&policy.root).unwrap_or_default();
        // With more words than this nobody goes farther: a voucher leaves at most MAX_DEPTH.
        Self { people, root, depth: policy.depth.min(MAX_DEPTH + 1), keys }
    }

    pub(super) fn key(&self, number: u32) -> IdentityKey {
        usize::try_from(number)
            .ok()
            .and_then(|place| self.keys.get(place))
            .copied()
            .unwrap_or(IdentityKey([0; 32]))
    }

    fn person(&self, number: u32) -> Option<&Person<'a>> {
        self.people.get(usize::try_from(number).ok()?)
    }

    /// Whether the word of whoever has words left counts.
    pub(super) fn may_introduce(&self, number: u32) -> bool {
        self.person(number).is_some_and(|person| person.may_introduce)
    }

    /// For whom one vouches, and how.
    pub(super) fn vouchers(&self, number: u32) -> &[(u32, &'a Grant)] {
        self.person(number).map_or(&[], |person| &person.vouchers)
    }

    /// Whom one keeps out, if they are heard.
    pub(super) fn keeps_out(&self, number: u32) -> &[u32] {
        self.person(number).map_or(&[], |person| &person.keeps_out)
    }

    pub(super) fn reaches(&self, found: &Found) -> BTreeMap<IdentityKey, Reach> {
        let reach = |(number, way): (&u32, &Way)| {
            let reach = Reach {
                by: self.key(way.by),
                distance: way.distance,
                depth: way.depth,
                until: way.until,
                scope: way.scope.as_deref().cloned().unwrap_or_default(),
            };
            (self.key(*number), reach)
        };
        found.nearest.iter().map(reach).collect()
    }

    pub(super) fn verdicts(&self, out: &Out) -> BTreeMap<IdentityKey, IdentityKey> {
        out.iter().map(|(subject, by)| (self.key(*subject), self.key(*by))).collect()
    }
}

/// Everybody to whom vouchers lead from the root, and whom these keep out; in the order of their keys.
fn within_reach(directory: &Directory, policy: &Policy) -> Vec<IdentityKey> {
    let mut found = BTreeSet::from([policy.root]);
    let mut kept_out = BTreeSet::new();
    let mut layer = vec![policy.root];
    for _ in 0..=policy.depth.min(MAX_DEPTH + 1) {
        let mut next = Vec::new();
        for issuer in layer.iter().filter(|issuer| policy.may_introduce(issuer)) {
            let Some(said) = directory.said(issuer) else { continue };
            next.extend(said.vouchers.keys().copied().filter(|subject| found.insert(*subject)));
            kept_out.extend(said.keeps_out());
        }
        layer = next;
    }
    found.append(&mut kept_out);
    found.into_iter().collect()
}
