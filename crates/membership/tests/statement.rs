//! Statements: what is read, and everything that is not.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeSet;

use membership::{
    Announcement, DeviceId, Error, Facts, Grant, IdentityKey, MAX_DEPTH, MAX_NAMED_SERVICES,
    MAX_STATEMENT_BYTES, MAX_SUITES, Profile, Relation, Revocation, Revoked, Scope, ServiceName, Services,
    Statement, UnixSeconds, Voucher,
};
use proptest::prelude::*;
use support::{NOW, Person, date};

fn facts(person: &Person) -> Facts {
    let mut profile = Profile::new();
    profile.set("mail", "ada@example.org").unwrap();
    Facts {
        card: person.card("Ada", &["203.0.113.7:4433"]),
        suites: vec![3, 1],
        services: BTreeSet::from(["clock", "print"].map(|name| ServiceName::new(name).unwrap())),
        profile,
        expires: date(NOW),
    }
}

/// One of each kind and form.
fn statements() -> Vec<Statement> {
    let [ada, bob] = [Person::new(1, 1), Person::new(2, 1)];
    let only = Services::Only(BTreeSet::from(["a", "bb"].map(|name| ServiceName::new(name).unwrap())));
    let voucher = |relation, services, depth| {
        let grant = Grant { scope: Scope { relation, services }, depth, expires: date(NOW) };
        Statement::Voucher(Voucher::issue(&ada.identity, bob.identity.key(), 7, grant).unwrap())
    };
    let member = Revoked::Member(bob.identity.key());
    let device = Revoked::Device(DeviceId([4; 16]));
    let revocations = [
        Revocation::issue(&ada.identity, member, 1),
        Revocation::lift(&ada.identity, member, 1),
        Revocation::issue(&ada.identity, device, 2),
        Revocation::lift(&ada.identity, device, u64::MAX),
    ];
    let announcement = Announcement::issue(&ada.identity, 3, facts(&ada)).unwrap();
    [
        Statement::Announcement(announcement),
        voucher(Relation::Peer, Services::All, MAX_DEPTH),
        voucher(Relation::Client, only, 0),
        voucher(Relation::Client, Services::Only(BTreeSet::new()), 1),
    ]
    .into_iter()
    .chain(revocations.map(|it| Statement::Revocation(it.unwrap())))
    .collect()
}

#[test]
fn statements_travel_and_have_one_form() {
    let mut names = BTreeSet::new();
    for statement in statements() {
        let bytes = statement.to_bytes();
        let again = Statement::from_bytes(&bytes).unwrap();
        assert_eq!(again, statement);
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.id(), statement.id());
        assert!(names.insert(statement.id()), "each has a name of its own");
    }
}

#[test]
fn every_bit_counts() {
    for statement in statements() {
        let bytes = statement.to_bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert!(Statement::from_bytes(&changed).is_err(), "{statement:?}: byte {place}, bit {bit}");
            }
            assert!(Statement::from_bytes(&bytes[..place]).is_err(), "cut at {place}");
        }
        assert!(Statement::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

/// A signature over a body of one kind is none over the same body as another kind.
#[test]
fn kinds_are_not_exchanged() {
    for statement in statements() {
        for kind in 0..=u8::MAX {
            let mut bytes = statement.to_bytes();
            if bytes[0] != kind {
                bytes[0] = kind;
                assert!(Statement::from_bytes(&bytes).is_err());
            }
        }
    }
}

#[test]
fn nobody_speaks_in_anothers_name() {
    let eve = Person::new(9, 1);
    for statement in statements().iter().filter(|it| !matches!(it, Statement::Announcement(_))) {
        let mut bytes = statement.to_bytes();
        bytes[1..33].copy_from_slice(&eve.identity.key().0);
        assert_eq!(Statement::from_bytes(&bytes).unwrap_err(), Error::Signature);
    }
    let foreign = Announcement::issue(&eve.identity, 1, facts(&Person::new(1, 1)));
    assert!(matches!(foreign.unwrap_err(), Error::Malformed { .. }));
}

#[test]
fn bounds_hold_when_writing_and_when_reading() {
    let person = Person::new(1, 1);
    let announce = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts(&person);
        change(&mut facts);
        Announcement::issue(&person.identity, 1, facts)
    };
    let names = |count: usize| (0..count).map(|n| ServiceName::new(format!("{n:02}")).unwrap()).collect();
    assert!(announce(&|facts| facts.suites = vec![0; MAX_SUITES]).is_ok());
    assert!(announce(&|facts| facts.suites = vec![0; MAX_SUITES + 1]).is_err());
    assert!(announce(&|facts| facts.services = names(MAX_NAMED_SERVICES)).is_ok());
    assert!(announce(&|facts| facts.services = names(MAX_NAMED_SERVICES + 1)).is_err());
    assert!(matches!(
        Statement::from_bytes(&[1; MAX_STATEMENT_BYTES + 1]).unwrap_err(),
        Error::TooLarge { limit: MAX_STATEMENT_BYTES, .. }
    ));

    // Counts and lengths beyond their bounds, in front of nothing: refused by what they say, not by what is missing.
    let [announcement, voucher] = [&statements()[0], &statements()[1]].map(Statement::to_bytes);
    let with = |bytes: &[u8], place: usize, byte: u8| {
        let mut changed = bytes[..=place].to_vec();
        changed[place] = byte;
        Statement::from_bytes(&changed).unwrap_err()
    };
    assert!(matches!(with(&announcement, 18, 0xff), Error::TooLarge { .. }), "the length of the card");
    assert!(matches!(with(&voucher, 83, 17), Error::TooLarge { .. }), "the number of services");
    assert!(matches!(with(&voucher, 83, 254), Error::TooLarge { .. }));
}

#[test]
fn a_longest_announcement_fits() {
    let person = Person::new(1, 3);
    let mut facts = facts(&person);
    facts.suites = vec![7; MAX_SUITES];
    facts.services =
        (0..16).map(|n| ServiceName::new(format!("{n:02}{}", "s".repeat(62))).unwrap()).collect();
    facts.profile = Profile::new();
    for n in 0..8_u8 {
        let name = char::from(b'a' + n).to_string().repeat(32);
        facts.profile.set(name, "x".repeat(128)).unwrap();
    }
    assert!(facts.profile.set("one-more", "x").is_err());
    let statement = Statement::Announcement(Announcement::issue(&person.identity, 1, facts).unwrap());
    assert!(statement.to_bytes().len() <= MAX_STATEMENT_BYTES);
    assert_eq!(Statement::from_bytes(&statement.to_bytes()).unwrap(), statement);
}

#[test]
fn a_profile_shows_as_it_is() {
    let mut profile = Profile::new();
    for text in ["line\nbreak", "\u{202e}txt.exe", "\u{0}", "tab\t", "\u{200b}"] {
        assert!(profile.set("site", text).is_err(), "{text:?}");
    }
    for name in ["", "Site", "a b", "a1", &"a".repeat(33)] {
        assert!(profile.set(name, "x").is_err(), "{name:?}");
    }
    profile.set("site", "it's Ада 愛").unwrap();
    assert_eq!(profile.fields().collect::<Vec<_>>(), [("site", "it's Ада 愛")]);
}

#[test]
fn debug_shows_no_door() {
    let person = Person::new(1, 1);
    let shown = format!("{:?}", statements()[0]);
    let door = format!("{:?}", &person.door.dangerous_bytes()[..4]);
    assert!(!shown.contains(door.trim_matches(['[', ']'])));
}

fn services() -> impl Strategy<Value = Services> {
    let names = prop::collection::btree_set("[a-z.]{1,64}", 0..=MAX_NAMED_SERVICES);
    prop_oneof![
        Just(Services::All),
        names.prop_map(|names| {
            Services::Only(names.into_iter().map(|name| ServiceName::new(name).unwrap()).collect())
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn vouchers_travel(
        seed in any::<u64>(),
        subject in any::<[u8; 32]>(),
        version in any::<u64>(),
        depth in 0..=MAX_DEPTH,
        expires in 0..=UnixSeconds::MAX.seconds(),
        client in any::<bool>(),
        services in services(),
    ) {
        let relation = if client { Relation::Client } else { Relation::Peer };
        let grant = Grant { scope: Scope { relation, services }, depth, expires: date(expires) };
        let person = Person::new(seed, 0);
        let voucher = Voucher::issue(&person.identity, IdentityKey(subject), version, grant).unwrap();
        let statement = Statement::Voucher(voucher);
        prop_assert_eq!(Statement::from_bytes(&statement.to_bytes()).unwrap(), statement);
    }

    #[test]
    fn revocations_travel(seed in any::<u64>(), about in any::<[u8; 32]>(), serial in any::<u64>(), lift in any::<bool>()) {
        let person = Person::new(seed, 0);
        let issue = if lift { Revocation::lift } else { Revocation::issue };
        let revocation = issue(&person.identity, Revoked::Member(IdentityKey(about)), serial).unwrap();
        let statement = Statement::Revocation(revocation);
        prop_assert_eq!(Statement::from_bytes(&statement.to_bytes()).unwrap(), statement);
    }

    #[test]
    fn no_bytes_are_a_statement(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..5_u8) {
        prop_assert!(Statement::from_bytes(&bytes).is_err());
        prop_assert!(Statement::from_bytes(&[&[kind], &bytes[..]].concat()).is_err());
    }
}
