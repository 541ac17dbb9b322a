//! The rules once more, from the words of the documentation and without regard to cost: every walk is walked.

use std::collections::{BTreeMap, BTreeSet};

use membership::{
    Directory, IdentityKey, Introducers, Policy, Revoked, Standing, Statement, UnixSeconds, Voucher,
};

pub(crate) struct Reference<'a> {
    policy: &'a Policy,
    vouchers: Vec<Voucher>,
    kept_out: BTreeSet<(IdentityKey, IdentityKey)>,
}

/// One way from the root.
#[derive(Clone)]
struct Walk {
    to: IdentityKey,
    by: IdentityKey,
    length: u8,
    words: u8,
    until: UnixSeconds,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(directory: &Directory, policy: &'a Policy) -> Self {
        let mut vouchers = Vec::new();
        let mut kept_out = BTreeSet::new();
        for statement in directory.statements() {
            match statement {
                Statement::Voucher(voucher) => vouchers.push(voucher),
                Statement::Revocation(it) if !it.is_lifted() => {
                    if let Revoked::Member(subject) = it.about() {
                        kept_out.insert((it.issuer(), subject));
                    }
                }
                _ => {}
            }
        }
        Self { policy, vouchers, kept_out }
    }

    fn may_introduce(&self, who: &IdentityKey) -> bool {
        match &self.policy.introducers {
            Introducers::Vouched => true,
            Introducers::Only(members) => *who == self.policy.root || members.contains(who),
        }
    }

    fn walks(&self, out: &BTreeSet<IdentityKey>, now: Option<UnixSeconds>) -> Vec<Walk> {
        let root = self.policy.root;
        let start = Walk { to: root, by: root, length: 0, words: self.policy.depth, until: UnixSeconds::MAX };
        let mut walks = vec![start];
        let mut next = 0;
        while let Some(walk) = walks.get(next).cloned() {
            next += 1;
            if walk.words == 0 || !self.may_introduce(&walk.to) {
                continue;
            }
            for voucher in self.vouchers.iter().filter(|voucher| voucher.issuer() == walk.to) {
                let (to, grant) = (voucher.subject(), voucher.grant());
                if to != root && !out.contains(&to) && now.is_none_or(|now| now <= grant.expires) {
                    walks.push(Walk {
                        to,
                        by: walk.to,
                        length: walk.length + 1,
                        words: grant.depth.min(walk.words - 1),
                        until: walk.until.min(grant.expires),
                    });
                }
            }
        }
        walks.remove(0);
        walks
    }

    /// At what distance the word of each one first counts.
    fn words(&self, out: &BTreeSet<IdentityKey>) -> BTreeMap<IdentityKey, u8> {
        let mut words = BTreeMap::new();
        for walk in self.walks(out, None).iter().filter(|walk| walk.words > 0 && self.may_introduce(&walk.to))
        {
            let distance = words.entry(walk.to).or_insert(walk.length);
            *distance = walk.length.min(*distance);
        }
        words
    }

    /// Who is out, by whom; and who was heard.
    pub(crate) fn hear(&self) -> (BTreeMap<IdentityKey, IdentityKey>, BTreeSet<IdentityKey>) {
        let root = self.policy.root;
        let mut out: BTreeMap<_, _> =
            self.kept_out.iter().filter(|(by, _)| *by == root).map(|(by, whom)| (*whom, *by)).collect();
        let mut heard = BTreeSet::new();
        for distance in 1..=self.policy.depth {
            let already: BTreeSet<_> = out.keys().copied().collect();
            let words = self.words(&already);
            for (speaker, _) in words.iter().filter(|(_, at)| **at == distance) {
                heard.insert(*speaker);
                for (_, subject) in self.kept_out.iter().filter(|(by, _)| by == speaker) {
                    let mut without = already.clone();
                    without.insert(*subject);
                    let counts_without = self.words(&without).contains_key(speaker);
                    if *subject != root && !already.contains(subject) && counts_without {
                        out.entry(*subject).or_insert(*speaker);
                    }
                }
            }
        }
        (out, heard)
    }

    /// Whether the answer is right for one: exactly so, but for which of several good ways is told.
    pub(crate) fn check(&self, who: &IdentityKey, answer: Standing, now: UnixSeconds) {
        let (out, _) = self.hear();
        let out_keys: BTreeSet<_> = out.keys().copied().collect();
        let mut ways = self.walks(&out_keys, Some(now));
        ways.retain(|walk| walk.to == *who);
        let shortest = ways.iter().map(|walk| walk.length).min();
        let ever = self.walks(&out_keys, None).iter().any(|walk| walk.to == *who);
        match answer {
            Standing::Member { by, until } if *who == self.policy.root => {
                assert_eq!((by, until), (*who, UnixSeconds::MAX));
            }
            Standing::Member { by, until } => assert!(
                ways.iter().any(|walk| Some(walk.length) == shortest && (walk.by, walk.until) == (by, until)),
                "no such way"
            ),
            Standing::Revoked { by } => assert_eq!(out.get(who), Some(&by)),
            Standing::Expired => assert!(ways.is_empty() && ever && !out.contains_key(who)),
            Standing::Unknown => assert!(!ever && !out.contains_key(who)),
        }
    }
}
