//! The rules of standing by example.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::{Grant, Identity, Revocation, Revoked, Statement, Voucher};

const NOW: u64 = 1_000;

fn people(count: u64) -> Vec<Identity> {
    (0..count).map(|seed| Identity::generate(&mut StdRng::seed_from_u64(seed))).collect()
}

fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

fn vouch(by: &Identity, whom: &Identity, depth: u8) -> Statement {
    let grant = Grant { scope: Scope::default(), depth, expires: date(NOW + 100) };
    Statement::Voucher(Voucher::issue(by, whom.key(), 1, grant).unwrap())
}

fn revoke(by: &Identity, whom: &Identity) -> Statement {
    Statement::Revocation(Revocation::issue(by, Revoked::Member(whom.key()), 1).unwrap())
}

fn at(me: &Identity, statements: impl IntoIterator<Item = Statement>) -> Settled {
    let mut directory = Directory::new();
    for statement in statements {
        directory.merge(statement).unwrap();
    }
    Settled::new(&directory, &Policy::of(me.key()), date(NOW))
}

#[test]
fn an_introduction_counts_as_far_as_its_depth() {
    let [me, ann, bob, eve] = &people(4)[..] else { unreachable!() };
    let world = at(me, [vouch(me, ann, 1), vouch(ann, bob, 1), vouch(bob, eve, 1)]);
    assert_eq!(world.standing(&bob.key()), Standing::Member { by: ann.key(), until: date(NOW + 100) });
    assert_eq!(world.standing(&eve.key()), Standing::Unknown, "two introductions, where one was allowed");
}

#[test]
fn a_revocation_beats_every_voucher_of_those_who_trust_the_revoker() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let vouchers = [vouch(me, ann, 1), vouch(me, carol, 1), vouch(carol, bob, 1), vouch(me, bob, 1)];
    let world = at(me, vouchers.into_iter().chain([revoke(ann, bob)]));
    assert_eq!(world.standing(&bob.key()), Standing::Revoked { by: ann.key() });
}

#[test]
fn whoever_is_out_is_not_heard() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let world = at(
        me,
        [
            vouch(me, ann, 1),
            vouch(me, bob, 1),
            vouch(me, carol, 1),
            revoke(me, bob),
            revoke(bob, ann),
            revoke(bob, carol),
        ],
    );
    assert!(matches!(world.standing(&ann.key()), Standing::Member { .. }));
    assert!(matches!(world.standing(&carol.key()), Standing::Member { .. }));
}

#[test]
fn nobody_is_heard_against_the_one_they_are_here_by() {
    let [me, ann, bob, _] = &people(4)[..] else { unreachable!() };
    let world = at(me, [vouch(me, ann, 2), vouch(ann, bob, 1), revoke(bob, ann)]);
    assert!(matches!(world.standing(&ann.key()), Standing::Member { .. }));
    let world = at(me, [vouch(me, ann, 2), vouch(ann, bob, 1), vouch(me, bob, 1), revoke(bob, ann)]);
    assert_eq!(world.standing(&ann.key()), Standing::Revoked { by: bob.key() }, "here without her");
}

#[test]
fn of_two_equal_ways_the_one_by_the_smaller_key_is_told() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let world = at(me, [vouch(me, ann, 1), vouch(me, bob, 1), vouch(ann, carol, 0), vouch(bob, carol, 0)]);
    let by = ann.key().min(bob.key());
    assert_eq!(world.standing(&carol.key()), Standing::Member { by, until: date(NOW + 100) });
}
