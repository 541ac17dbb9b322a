//! What a directory says of itself: its sizes, the versions that come next, and the cards that were handed over.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use membership::{
    Announcement, Card, DeviceStanding, Directory, Error, Facts, Grant, Identity, MAX_FURTHER_REVOCATIONS,
    MAX_ISSUERS, Members, Merged, Policy, Profile, Revocation, Revoked, Scope, Settled, Statement, Voucher,
};
use rand::{SeedableRng, rngs::StdRng};
use support::{NOW, Person, date};

fn announce(who: &Person, card: Card, version: u64) -> Statement {
    let facts = Facts {
        card,
        suites: vec![],
        services: BTreeSet::new(),
        profile: Profile::new(),
        expires: date(NOW + 9),
    };
    Statement::Announcement(Announcement::issue(&who.identity, version, facts).unwrap())
}

fn vouch(by: &Identity, whom: &Identity, version: u64) -> Statement {
    let grant = Grant { scope: Scope::default(), depth: 0, expires: date(NOW + 9) };
    Statement::Voucher(Voucher::issue(by, whom.key(), version, grant).unwrap())
}

#[test]
fn what_comes_next_is_newer_than_the_last_and_never_older_than_now() {
    let [me, bob] = [Person::new(1, 1), Person::new(2, 1)];
    let (mine, his) = (me.identity.key(), bob.identity.key());
    let mut said = Directory::new();
    assert!(said.is_empty() && !said.is_full());
    assert_eq!(said.next_announcement_version(&mine, date(NOW)), NOW);
    assert_eq!(said.next_voucher_version(&mine, &his, date(NOW)), NOW);

    said.merge(announce(&me, me.card("", &[]), NOW + 5)).unwrap();
    said.merge(vouch(&me.identity, &bob.identity, NOW + 7)).unwrap();
    assert!(!said.is_empty() && said.len() == 2);
    assert_eq!(said.next_announcement_version(&mine, date(NOW)), NOW + 6);
    assert_eq!(said.next_announcement_version(&mine, date(NOW + 90)), NOW + 90);
    assert_eq!(said.next_voucher_version(&mine, &his, date(NOW)), NOW + 8);
    assert_eq!(said.next_voucher_version(&his, &mine, date(NOW)), NOW);
}

#[test]
fn a_card_handed_over_counts_until_its_owner_announces_another() {
    let bob = Person::new(1, 1);
    let who = bob.identity.key();
    let card = |address: &str| bob.card("", &[address]);
    let mut said = Directory::new();
    assert_eq!((said.card(&who), said.cards().count()), (None, 0));
    said.add_card(card("192.0.2.1:1"));
    assert_eq!(said.card(&who), Some(&card("192.0.2.1:1")));
    assert!(said.cards().eq([&card("192.0.2.1:1")]));

    // Only what is news takes it away, and only an announcement.
    said.merge(vouch(&bob.identity, &Person::new(2, 1).identity, 1)).unwrap();
    assert_eq!(said.card(&who), Some(&card("192.0.2.1:1")));
    said.merge(announce(&bob, card("192.0.2.2:1"), 2)).unwrap();
    assert_eq!((said.card(&who), said.cards().count()), (Some(&card("192.0.2.2:1")), 0));
    said.add_card(card("192.0.2.3:1"));
    let superseded = said.merge(announce(&bob, card("192.0.2.4:1"), 1)).unwrap();
    assert_eq!(superseded, Merged::Superseded);
    assert_eq!(said.card(&who), Some(&card("192.0.2.3:1")));

    assert_eq!(said.remove_card(&who), Some(card("192.0.2.3:1")));
    assert_eq!(said.remove_card(&who), None);
    assert_eq!(said.card(&who), Some(&card("192.0.2.2:1")));
}

#[test]
fn of_two_vouchers_the_higher_version_counts_in_either_order() {
    let [me, bob] = [Person::new(1, 1).identity, Person::new(2, 1).identity];
    let both = [1, 2].map(|version| vouch(&me, &bob, version));
    for (order, last) in
        [([0, 1], Merged::News { replaced: Some(both[0].id()) }), ([1, 0], Merged::Superseded)]
    {
        let mut said = Directory::new();
        assert_eq!(said.merge(both[order[0]].clone()).unwrap(), Merged::News { replaced: None });
        assert_eq!(said.merge(both[order[1]].clone()).unwrap(), last);
        assert_eq!(said.voucher(&me.key(), &bob.key()).map(Voucher::version), Some(2));
    }
}

#[test]
fn what_is_said_again_is_known() {
    let [me, bob] = [Person::new(1, 1), Person::new(2, 1)];
    let about = Revoked::Member(bob.identity.key());
    let mut said = Directory::new();
    for statement in [
        announce(&me, me.card("", &[]), 1),
        vouch(&me.identity, &bob.identity, 1),
        Statement::Revocation(Revocation::issue(&me.identity, about, 1).unwrap()),
    ] {
        assert_eq!(said.merge(statement.clone()).unwrap(), Merged::News { replaced: None });
        assert_eq!(said.merge(statement).unwrap(), Merged::Known);
    }
}

#[test]
fn a_device_that_its_owner_has_given_up_is_none_until_that_is_undone() {
    let [me, ann] = [Person::new(1, 1), Person::new(2, 2)];
    let who = ann.identity.key();
    let mut said = Directory::new();
    said.merge(vouch(&me.identity, &ann.identity, 1)).unwrap();
    said.add_card(ann.card("", &[]));
    let standings = |said: &Directory| {
        let settled = Settled::new(said, &Policy::of(me.identity.key()), date(NOW));
        let members = Members::settled(said, &settled, &BTreeMap::new());
        [0, 1].map(|place| members.standing(&who, &ann.devices[place].key(), date(NOW)))
    };
    let both = [DeviceStanding::Member; 2];
    assert_eq!(standings(&said), both);
    let about = Revoked::Device(ann.devices[0].id());
    said.merge(Statement::Revocation(Revocation::issue(&ann.identity, about, 1).unwrap())).unwrap();
    assert_eq!(standings(&said), [DeviceStanding::UnknownDevice, DeviceStanding::Member]);
    said.merge(Statement::Revocation(Revocation::lift(&ann.identity, about, 1).unwrap())).unwrap();
    assert_eq!(standings(&said), both);
}

/// However many have spoken, who is to be kept out still can be; and that has a bound too.
#[test]
fn issuers_are_bounded() {
    let mut said = Directory::new();
    let mut everybody = (0..).map(|seed| Identity::generate(&mut StdRng::seed_from_u64(seed)));
    let me = everybody.next().unwrap();
    for _ in 0..MAX_ISSUERS {
        assert!(!said.is_full());
        said.merge(vouch(&everybody.next().unwrap(), &me, 1)).unwrap();
    }
    assert!(said.is_full());
    let refused = |limit| Err(Error::TooLarge { what: "issuers of statements", limit });
    let newcomer = everybody.next().unwrap();
    assert_eq!(said.merge(vouch(&newcomer, &me, 1)), refused(MAX_ISSUERS));
    let keep_out =
        |by: &Identity| Statement::Revocation(Revocation::issue(by, Revoked::Member(me.key()), 1).unwrap());
    for _ in 0..MAX_FURTHER_REVOCATIONS {
        said.merge(keep_out(&everybody.next().unwrap())).unwrap();
    }
    assert_eq!(said.merge(keep_out(&newcomer)), refused(MAX_ISSUERS + MAX_FURTHER_REVOCATIONS));
}
