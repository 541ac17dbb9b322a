//! Small worlds completely: every subset of some statements, and every order of small ones.

use membership::{Directory, Identity, Policy, Settled, Statement};

use crate::pool::{NOW, Pool, date, directory, lift, people, revoke, vouch, vouch_until};
use crate::reference::Reference;

/// Pools of ten statements in which the rules meet.
fn pools(people: &[Identity]) -> Vec<Vec<Statement>> {
    let [me, ann, bob, carol, dan] = people else { unreachable!() };
    vec![
        // Two who keep each other out, at one distance and at two.
        vec![
            vouch(me, ann, 2),
            vouch(me, bob, 2),
            vouch(ann, carol, 1),
            vouch(bob, carol, 1),
            revoke(ann, bob),
            revoke(bob, ann),
            revoke(carol, ann),
            revoke(carol, bob),
            revoke(me, bob),
            lift(me, bob),
        ],
        // Circles, and revocations along them.
        vec![
            vouch(me, ann, 3),
            vouch(ann, bob, 2),
            vouch(bob, carol, 2),
            vouch(carol, ann, 3),
            vouch(me, carol, 1),
            revoke(carol, bob),
            revoke(bob, ann),
            revoke(ann, carol),
            revoke(carol, ann),
            lift(ann, carol),
        ],
        // Introducers whose time is up, and others whose is not.
        vec![
            vouch_until(me, ann, 2, NOW - 1),
            vouch_until(me, bob, 2, NOW),
            vouch(ann, carol, 1),
            vouch_until(bob, carol, 0, NOW - 5),
            vouch(carol, dan, 0),
            vouch(bob, dan, 1),
            revoke(ann, dan),
            revoke(dan, carol),
            revoke(carol, bob),
            lift(ann, dan),
        ],
    ]
}

#[test]
fn every_subset_stands_as_the_rules_say() {
    let people = people(5);
    let keys = Pool::new(5).keys;
    for (number, pool) in pools(&people).iter().enumerate() {
        for chosen in 0..1_u32 << pool.len() {
            let subset = pool.iter().enumerate().filter(|(place, _)| chosen >> place & 1 == 1);
            let said = directory(subset.map(|(_, statement)| statement.clone()));
            for depth in [1, 2, 3] {
                let policy = Policy { depth, ..Policy::of(keys[0]) };
                let world = Settled::new(&said, &policy, date(NOW));
                let reference = Reference::new(&said, &policy);
                assert!(world.revoked().eq(&reference.hear().0), "pool {number}, subset {chosen:b}");
                for key in &keys {
                    reference.check(key, world.standing(key), date(NOW));
                }
            }
        }
    }
}

#[test]
fn every_order_of_everything_about_one_makes_the_same_directory() {
    let pool = Pool::new(2);
    let said = pool.about(0, 1);
    for first in 0..said.len() {
        let five: Vec<_> = (0..5).map(|place| said[(first + place * 5) % said.len()].clone()).collect();
        let expected = directory(five.iter().cloned());
        for_every_order(five, 0, &mut |order| {
            assert_eq!(directory(order.iter().chain(order).cloned()), expected);
        });
    }
}

#[test]
fn every_order_of_a_small_quarrel_settles_alike() {
    let people = people(5);
    let policy = Policy::of(people[0].key());
    let mut quarrel = pools(&people).remove(0);
    quarrel.truncate(7);
    let settle = |said: &Directory| Settled::new(said, &policy, date(NOW));
    let expected = settle(&directory(quarrel.iter().cloned()));
    for_every_order(quarrel, 0, &mut |order| assert_eq!(settle(&directory(order.iter().cloned())), expected));
}

fn for_every_order(mut items: Vec<Statement>, from: usize, check: &mut dyn FnMut(&[Statement])) {
    if from == items.len() {
        check(&items);
        return;
    }
    for place in from..items.len() {
        items.swap(from, place);
        for_every_order(items.clone(), from + 1, check);
        items.swap(from, place);
    }
}
