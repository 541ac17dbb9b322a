//! The rules, one example each.

use std::collections::BTreeSet;

use membership::{
    Directory, Error, Grant, Identity, Introducers, MAX_DEPTH, Policy, Relation, Revocation, Revoked, Scope,
    ServiceName, Services, Settled, Standing, Statement, Voucher, standing,
};

use crate::pool::{NOW, date, directory, grant, lift, people, revoke, settled, vouch, vouch_until};

fn is_member(world: &Settled, who: &Identity) -> bool {
    matches!(world.standing(&who.key()), Standing::Member { .. })
}

#[test]
fn an_empty_directory_knows_the_root_alone() {
    let [me, eve] = &people(2)[..] else { unreachable!() };
    let world = settled(me, []);
    assert!(is_member(&world, me));
    assert_eq!(world.standing(&eve.key()), Standing::Unknown);
    assert_eq!((world.next_change(), world.members().count()), (None, 0));
}

#[test]
fn a_stranger_lets_nobody_in_and_keeps_nobody_out() {
    let [me, ann, eve, sock] = &people(4)[..] else { unreachable!() };
    let world = settled(me, [vouch(me, ann, 3), vouch(eve, sock, 3), vouch(sock, eve, 3), revoke(eve, ann)]);
    assert!(is_member(&world, ann));
    assert_eq!(world.standing(&sock.key()), Standing::Unknown);
    assert!(!world.word_counts(&eve.key()) && !world.is_heard(&eve.key()));
}

#[test]
fn whoever_has_said_nothing_yet_is_heard_when_they_do() {
    let [me, ann] = &people(2)[..] else { unreachable!() };
    let world = settled(me, [vouch(me, ann, 1)]);
    assert!(world.word_counts(&ann.key()) && world.is_heard(&ann.key()));
    assert!(!settled(me, [vouch(me, ann, 0)]).is_heard(&ann.key()));
}

#[test]
fn nobody_raises_themselves_by_going_in_circles() {
    let [me, ann, bob, eve] = &people(4)[..] else { unreachable!() };
    let circle = [vouch(me, ann, 1), vouch(ann, bob, 15), vouch(bob, ann, 15), vouch(bob, eve, 15)];
    let world = settled(me, circle);
    assert!(is_member(&world, bob));
    assert_eq!(world.standing(&eve.key()), Standing::Unknown);
    let me_too = settled(me, [vouch(me, ann, 2), vouch(ann, me, 0), revoke(ann, me)]);
    assert!(is_member(&me_too, me) && is_member(&me_too, ann), "the root stands by itself");
}

#[test]
fn depth_is_bounded_by_the_policy_the_issuer_and_the_voucher() {
    let all = people(6);
    let chain = |depth| {
        let links = all.windows(2).map(move |pair| vouch(&pair[0], &pair[1], depth));
        directory(links)
    };
    let reached = |directory: &Directory, depth| {
        let policy = Policy { depth, ..Policy::of(all[0].key()) };
        Settled::new(directory, &policy, date(NOW)).members().count()
    };
    for depth in 0..=5 {
        assert_eq!(reached(&chain(MAX_DEPTH), depth), usize::from(depth), "the policy's");
    }
    assert_eq!(reached(&chain(MAX_DEPTH), u8::MAX), 5);
    assert_eq!(reached(&chain(0), u8::MAX), 1, "the voucher's");
    assert_eq!(reached(&chain(2), u8::MAX), 3, "what the first of them has left");
    let narrowing = [vouch(&all[0], &all[1], 1), vouch(&all[1], &all[2], 9), vouch(&all[2], &all[3], 9)];
    assert_eq!(reached(&directory(narrowing), u8::MAX), 2, "the issuer's");
}

#[test]
fn the_nearest_way_is_told_and_a_longer_one_may_leave_more_words() {
    let [me, ann, bob, eve] = &people(4)[..] else { unreachable!() };
    let world = settled(me, [vouch(me, ann, 3), vouch(me, bob, 0), vouch(ann, bob, 3), vouch(bob, eve, 0)]);
    assert_eq!(world.reach(&bob.key()).unwrap().by, me.key());
    assert_eq!(world.reach(&bob.key()).unwrap().distance, 1);
    assert_eq!(world.reach(&eve.key()).unwrap().distance, 3);
    assert!(world.word_counts(&bob.key()));
}

#[test]
fn nobody_hands_on_more_than_they_have() {
    let [me, ann, bob] = &people(3)[..] else { unreachable!() };
    let only =
        |names: &[&str]| Services::Only(names.iter().map(|name| ServiceName::new(*name).unwrap()).collect());
    let voucher = |by: &Identity, whom: &Identity, relation, services| {
        let grant = Grant { scope: Scope { relation, services }, ..grant(2, NOW) };
        Statement::Voucher(Voucher::issue(by, whom.key(), 1, grant).unwrap())
    };
    let world = settled(
        me,
        [
            voucher(me, ann, Relation::Client, only(&["clock", "print"])),
            voucher(ann, bob, Relation::Peer, only(&["print", "root-shell"])),
        ],
    );
    let scope = &world.reach(&bob.key()).unwrap().scope;
    assert_eq!(*scope, Scope { relation: Relation::Client, services: only(&["print"]) });
    let policy = Policy::of(me.key());
    assert!(policy.may_use(&bob.key(), scope, "print"));
    assert!(!policy.may_use(&bob.key(), scope, "root-shell") && !policy.may_use(&bob.key(), scope, "clock"));
}

#[test]
fn only_some_may_introduce_and_only_their_word_counts() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let said = directory([vouch(me, ann, 2), vouch(me, bob, 2), vouch(bob, carol, 0), revoke(bob, ann)]);
    let introducers = Introducers::Only(BTreeSet::from([ann.key()]));
    let policy = Policy { introducers, ..Policy::of(me.key()) };
    let world = Settled::new(&said, &policy, date(NOW));
    assert!(is_member(&world, ann) && is_member(&world, bob));
    assert_eq!(world.standing(&carol.key()), Standing::Unknown);
    assert!(!world.word_counts(&bob.key()) && !world.is_heard(&bob.key()));
}

#[test]
fn a_revocation_beats_vouchers_older_and_newer() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let newer = Voucher::issue(carol, bob.key(), u64::MAX, grant(3, NOW + 9)).unwrap();
    let vouchers = [vouch(me, ann, 1), vouch(me, carol, 1), vouch(carol, bob, 1), Statement::Voucher(newer)];
    let world = settled(me, vouchers.into_iter().chain([vouch(me, bob, 0), revoke(ann, bob)]));
    assert_eq!(world.standing(&bob.key()), Standing::Revoked { by: ann.key() });
}

#[test]
fn somebody_may_be_kept_out_who_was_never_in() {
    let [me, ann, eve] = &people(3)[..] else { unreachable!() };
    let world = settled(me, [vouch(me, ann, 1), revoke(ann, eve)]);
    assert_eq!(world.standing(&eve.key()), Standing::Revoked { by: ann.key() });
}

#[test]
fn whoever_is_out_takes_along_whom_they_alone_let_in_and_keep_out() {
    let [me, ann, bob, carol, dan] = &people(5)[..] else { unreachable!() };
    let said = vec![
        vouch(me, ann, 2),
        vouch(ann, bob, 0),
        vouch(me, carol, 1),
        vouch(carol, dan, 0),
        revoke(ann, dan),
    ];
    let before = settled(me, said.clone());
    assert_eq!(before.standing(&dan.key()), Standing::Revoked { by: ann.key() });
    let after = settled(me, said.into_iter().chain([revoke(me, ann)]));
    assert_eq!(after.standing(&bob.key()), Standing::Unknown);
    assert!(is_member(&after, dan), "whoever is out is not heard");
}

#[test]
fn of_two_who_keep_each_other_out_the_nearer_stays_and_of_equals_neither() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let equals = settled(me, [vouch(me, ann, 1), vouch(me, bob, 1), revoke(ann, bob), revoke(bob, ann)]);
    assert_eq!(equals.standing(&ann.key()), Standing::Revoked { by: bob.key() });
    assert_eq!(equals.standing(&bob.key()), Standing::Revoked { by: ann.key() });
    assert!(equals.is_heard(&ann.key()) && equals.is_heard(&bob.key()));
    let farther = settled(
        me,
        [vouch(me, ann, 1), vouch(me, carol, 2), vouch(carol, bob, 1), revoke(ann, bob), revoke(bob, ann)],
    );
    assert!(is_member(&farther, ann));
    assert_eq!(farther.standing(&bob.key()), Standing::Revoked { by: ann.key() });
}

/// Not even through names of one's own that one has brought along.
#[test]
fn nobody_turns_against_those_they_are_here_by() {
    let [me, ann, eve, sock, other] = &people(5)[..] else { unreachable!() };
    let said = vec![
        vouch(me, ann, 15),
        vouch(ann, eve, 15),
        vouch(eve, sock, 15),
        vouch(eve, other, 15),
        vouch(sock, eve, 15),
        vouch(other, sock, 15),
        revoke(eve, ann),
        revoke(sock, ann),
        revoke(other, ann),
        revoke(sock, eve),
    ];
    let policy = Policy { depth: 16, ..Policy::of(me.key()) };
    let world = Settled::new(&directory(said), &policy, date(NOW));
    for who in [ann, eve, sock, other] {
        assert!(is_member(&world, who));
    }
}

#[test]
fn whoever_is_here_without_them_may() {
    let [me, ann, bob] = &people(3)[..] else { unreachable!() };
    let world = settled(me, [vouch(me, ann, 2), vouch(ann, bob, 1), vouch(me, bob, 1), revoke(bob, ann)]);
    assert_eq!(world.standing(&ann.key()), Standing::Revoked { by: bob.key() });
    let no_words = settled(me, [vouch(me, ann, 2), vouch(ann, bob, 1), vouch(me, bob, 0), revoke(bob, ann)]);
    assert!(is_member(&no_words, ann), "without her he would be here, and not be heard");
}

#[test]
fn only_the_revoker_undoes_it_and_may_do_it_again() {
    let [me, ann, bob, carol] = &people(4)[..] else { unreachable!() };
    let mut said = directory([
        vouch(me, ann, 1),
        vouch(me, bob, 0),
        vouch(me, carol, 1),
        revoke(ann, bob),
        lift(carol, bob),
        lift(me, bob),
    ]);
    let now = |said: &Directory| standing(&bob.key(), said, &Policy::of(me.key()), date(NOW));
    let about = Revoked::Member(bob.key());
    assert_eq!(now(&said), Standing::Revoked { by: ann.key() });
    for _ in 0..3 {
        let serial = said.revocation(&ann.key(), &about).unwrap().serial();
        said.merge(Statement::Revocation(Revocation::lift(ann, about, serial).unwrap())).unwrap();
        assert!(matches!(now(&said), Standing::Member { .. }));
        let serial = said.next_serial(&ann.key(), &about, date(NOW));
        said.merge(Statement::Revocation(Revocation::issue(ann, about, serial).unwrap())).unwrap();
        assert_eq!(now(&said), Standing::Revoked { by: ann.key() });
    }
    let lost_her_directory = Directory::new().next_serial(&ann.key(), &about, date(NOW + 9));
    assert!(lost_her_directory > said.revocation(&ann.key(), &about).unwrap().serial());
}

#[test]
fn of_one_serial_the_one_that_keeps_out_counts() {
    let [me, ann] = &people(2)[..] else { unreachable!() };
    let about = Revoked::Member(ann.key());
    let lifted = Statement::Revocation(Revocation::lift(me, about, 6).unwrap());
    let again = Statement::Revocation(Revocation::issue(me, about, 7).unwrap());
    for order in [[lifted.clone(), again.clone()], [again, lifted]] {
        let world = settled(me, [vouch(me, ann, 1)].into_iter().chain(order));
        assert_eq!(world.standing(&ann.key()), Standing::Revoked { by: me.key() });
    }
}

#[test]
fn nobody_speaks_about_themselves_as_about_others() {
    let [ann] = &people(1)[..] else { unreachable!() };
    assert_eq!(Voucher::issue(ann, ann.key(), 1, grant(0, NOW)), Err(Error::AboutOneself));
    assert_eq!(Revocation::issue(ann, Revoked::Member(ann.key()), 1), Err(Error::AboutOneself));
    assert!(Voucher::issue(ann, people(2)[1].key(), 1, grant(MAX_DEPTH + 1, NOW)).is_err());
}

#[test]
fn strangers_are_swept_out_and_nobody_else() {
    let [me, ann, old, eve, out] = &people(5)[..] else { unreachable!() };
    let mut said = directory([
        vouch(me, ann, 1),
        vouch(ann, old, 0),
        vouch_until(me, old, 1, NOW - 1),
        vouch(old, ann, 0),
        vouch(eve, ann, 1),
        vouch(eve, old, 1),
        revoke(me, out),
        vouch(out, eve, 1),
    ]);
    let world = Settled::new(&said, &Policy::of(me.key()), date(NOW));
    let swept = said.sweep(&world);
    assert_eq!((swept.len(), said.len()), (2, 6));
    assert!(said.statements().all(|statement| statement.issuer() != eve.key()));
    assert_eq!(said.statements().count(), said.len());
    assert_eq!(Settled::new(&said, &Policy::of(me.key()), date(NOW)), world);
    assert!(said.sweep(&world).is_empty());
}
