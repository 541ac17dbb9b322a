//! Small worlds: a few people, and statements that were signed once.

use std::collections::BTreeMap;

use membership::{
    Directory, Grant, Identity, IdentityKey, Policy, Relation, Revocation, Revoked, Scope, Settled,
    Statement, UnixSeconds, Voucher,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

pub(crate) const NOW: u64 = 1_900_000_000;

pub(crate) fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

pub(crate) fn people(count: u64) -> Vec<Identity> {
    (0..count).map(|seed| Identity::generate(&mut StdRng::seed_from_u64(seed))).collect()
}

pub(crate) fn grant(depth: u8, expires: u64) -> Grant {
    Grant { scope: Scope::default(), depth, expires: date(expires) }
}

pub(crate) fn vouch(by: &Identity, whom: &Identity, depth: u8) -> Statement {
    vouch_until(by, whom, depth, NOW + 100)
}

pub(crate) fn vouch_until(by: &Identity, whom: &Identity, depth: u8, expires: u64) -> Statement {
    Statement::Voucher(Voucher::issue(by, whom.key(), 1, grant(depth, expires)).unwrap())
}

pub(crate) fn revoke(by: &Identity, whom: &Identity) -> Statement {
    Statement::Revocation(Revocation::issue(by, Revoked::Member(whom.key()), 1).unwrap())
}

pub(crate) fn lift(by: &Identity, whom: &Identity) -> Statement {
    Statement::Revocation(Revocation::lift(by, Revoked::Member(whom.key()), 1).unwrap())
}

pub(crate) fn directory(statements: impl IntoIterator<Item = Statement>) -> Directory {
    let mut directory = Directory::new();
    for statement in statements {
        directory.merge(statement).unwrap();
    }
    directory
}

pub(crate) fn settled(root: &Identity, statements: impl IntoIterator<Item = Statement>) -> Settled {
    Settled::new(&directory(statements), &Policy::of(root.key()), date(NOW))
}

/// Everything that some people may say of each other, signed once; histories are drawn from it.
pub(crate) struct Pool {
    pub(crate) keys: Vec<IdentityKey>,
    statements: BTreeMap<(usize, usize), Vec<Statement>>,
}

impl Pool {
    pub(crate) fn new(count: u64) -> Self {
        let people = people(count);
        let mut statements = BTreeMap::new();
        for (issuer, by) in people.iter().enumerate() {
            for (subject, whom) in people.iter().enumerate().filter(|(subject, _)| *subject != issuer) {
                statements.insert((issuer, subject), said(by, whom));
            }
        }
        Self { keys: people.iter().map(Identity::key).collect(), statements }
    }

    /// Statements of anybody about anybody; more for than against.
    pub(crate) fn history(&self, most: usize, rng: &mut StdRng) -> Vec<Statement> {
        let pairs: Vec<_> = self.statements.values().collect();
        let count = rng.random_range(0..=most);
        let draw = |rng: &mut StdRng| {
            let about: &Vec<Statement> = pairs.choose(rng).unwrap();
            about.choose(rng).unwrap().clone()
        };
        (0..count).map(|_| draw(rng)).collect()
    }

    /// Everything that one says about another.
    pub(crate) fn about(&self, issuer: usize, subject: usize) -> &[Statement] {
        &self.statements[&(issuer, subject)]
    }
}

/// What one may say about another: vouchers of several depths and dates, two of one version; revocations, lifted ones,
/// and two of one serial.
fn said(by: &Identity, whom: &Identity) -> Vec<Statement> {
    let vouchers =
        [(1, 0, 10), (1, 2, 20), (2, 1, 20), (2, 3, 10), (3, 2, 30), (4, 15, 30), (5, 0, 30), (5, 1, 10)];
    let about = Revoked::Member(whom.key());
    let voucher = |(version, depth, end)| {
        let relation = if end == 10 { Relation::Client } else { Relation::Peer };
        let grant = Grant { scope: Scope { relation, ..Scope::default() }, ..grant(depth, NOW + end) };
        Statement::Voucher(Voucher::issue(by, whom.key(), version, grant).unwrap())
    };
    let revocations = [
        Revocation::issue(by, about, 1).unwrap(),
        Revocation::lift(by, about, 1).unwrap(),
        Revocation::issue(by, about, 2).unwrap(),
        Revocation::lift(by, about, 3).unwrap(),
    ];
    vouchers.into_iter().map(voucher).chain(revocations.map(Statement::Revocation)).collect()
}
