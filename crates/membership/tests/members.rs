//! The list: who is on it, how they are found, what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use membership::{
    Added, Card, Credential, DeviceStanding, Error, MAX_MEMBER_DEVICES, MemberId, Members, Petname, Record,
    StaticKey,
};
use support::{NOW, Person, date};

fn name(text: &str) -> Option<Petname> {
    Some(Petname::new(text).unwrap())
}

/// A call that must fail and change nothing.
fn refused<T>(members: &mut Members, call: impl FnOnce(&mut Members) -> Result<T, Error>) -> Error {
    let before = members.clone();
    let Err(error) = call(members) else { panic!("a call that must fail") };
    assert_eq!(*members, before, "after {error}");
    error
}

#[test]
fn a_newer_card_brings_a_member_up_to_date() {
    let ada = Person::new(1, 2);
    let mut members = Members::new();
    let first = Card::new(vec![ada.record(0)], ada.door.clone(), vec![], name("Ada")).unwrap();
    assert_eq!(members.add(&first).unwrap(), Added::New(ada.identity.member_id()));

    let door = Person::new(2, 0).door;
    let records = vec![ada.record_until(0, NOW + 9_000), ada.record(1)];
    let newer =
        Card::new(records, door.clone(), vec!["192.0.2.1:1".parse().unwrap()], name("Countess")).unwrap();
    assert_eq!(members.add(&newer).unwrap(), Added::Updated(ada.identity.member_id()));
    let member = members.get(&ada.identity.key()).unwrap();
    assert_eq!(member.petname(), name("Ada").as_ref(), "the name that the owner knows stays");
    assert_eq!((member.door(), member.addresses().len(), member.devices().count()), (Some(&door), 1, 2));
    assert_eq!(member.device(&ada.devices[0].key()).unwrap().expires(), date(NOW + 9_000));

    assert!(
        !members.learn(&ada.record_until(0, NOW)).unwrap(),
        "an older record does not shorten a newer one"
    );
    assert_eq!(members.len(), 1, "several devices of an identity are one member");
}

#[test]
fn whoever_claims_the_device_key_of_another_takes_nothing_from_them() {
    let (ada, eve) = (Person::new(1, 1), Person::new(2, 1));
    let key = ada.devices[0].key();
    let claimed = Record::issue(&eve.identity, eve.devices[0].id(), key, date(NOW)).unwrap();
    let card = Card::new(vec![claimed.clone()], eve.door.clone(), vec![], None).unwrap();
    for first in [true, false] {
        let mut members = Members::new();
        if first {
            members.add(&card).unwrap();
        }
        members.add(&ada.card("", &[])).unwrap();
        if !first {
            members.add(&card).unwrap();
        }
        let of_ada = members.standing_of_claim(&key, &ada.record(0).to_credential(), date(NOW));
        assert_eq!(of_ada, DeviceStanding::Member);
        assert_eq!(members.standing(&ada.identity.key(), &key, date(NOW)), DeviceStanding::Member);
        members.remove(&eve.identity.key()).unwrap();
        assert_eq!(members.standing(&ada.identity.key(), &key, date(NOW)), DeviceStanding::Member);
    }
    let mut members = Members::new();
    members.add(&eve.card("", &[])).unwrap();
    assert_eq!(refused(&mut members, |list| list.add(&card)), Error::DeviceConflict, "of eve's own two keys");
}

#[test]
fn a_device_never_changes_its_key() {
    let ada = Person::new(1, 2);
    let mut members = Members::new();
    members.add(&Card::new(vec![ada.record(0)], ada.door.clone(), vec![], None).unwrap()).unwrap();
    let [first, second] = [&ada.devices[0], &ada.devices[1]];
    let other_key = Record::issue(&ada.identity, first.id(), second.key(), date(NOW)).unwrap();
    let other_id = Record::issue(&ada.identity, second.id(), first.key(), date(NOW)).unwrap();
    for record in [other_key, other_id] {
        assert_eq!(refused(&mut members, |list| list.learn(&record)), Error::DeviceConflict);
        let claim = members.standing_of_claim(&record.static_key(), &record.to_credential(), date(NOW));
        assert_eq!(claim, DeviceStanding::UnknownDevice);
    }
}

#[test]
fn devices_of_a_member_are_bounded() {
    let ada = Person::new(1, MAX_MEMBER_DEVICES + 1);
    let mut members = Members::new();
    members.add(&Card::new(vec![ada.record(0)], ada.door.clone(), vec![], None).unwrap()).unwrap();
    for device in 1..MAX_MEMBER_DEVICES {
        assert!(members.learn(&ada.record(device)).unwrap());
    }
    let last = ada.record(MAX_MEMBER_DEVICES);
    assert!(matches!(refused(&mut members, |list| list.learn(&last)), Error::TooLarge { .. }));
    assert!(members.learn(&ada.record_until(3, NOW + 5_000)).unwrap(), "known devices are still renewed");
}

#[test]
fn the_standing_follows_records_and_dates() {
    let (ada, eve) = (Person::new(1, 2), Person::new(2, 1));
    let mut members = Members::new();
    members.add(&Card::new(vec![ada.record(0)], ada.door.clone(), vec![], None).unwrap()).unwrap();
    let key = ada.identity.key();
    let of =
        |members: &Members, device: usize, now| members.standing(&key, &ada.devices[device].key(), date(now));
    assert_eq!(of(&members, 0, NOW + 1_000), DeviceStanding::Member);
    assert_eq!(of(&members, 0, NOW + 1_001), DeviceStanding::Expired);
    assert_eq!(of(&members, 1, NOW), DeviceStanding::UnknownDevice);
    assert_eq!(
        members.standing(&eve.identity.key(), &ada.devices[0].key(), date(NOW)),
        DeviceStanding::Unknown
    );

    let claim = |members: &Members, record: &Record, now| {
        members.standing_of_claim(&record.static_key(), &record.to_credential(), date(now))
    };
    assert_eq!(claim(&members, &ada.record(0), NOW), DeviceStanding::Member);
    assert_eq!(claim(&members, &ada.record(0), NOW + 1_001), DeviceStanding::Expired);
    assert_eq!(
        claim(&members, &ada.record_until(0, NOW + 5_000), NOW + 1_001),
        DeviceStanding::Member,
        "renewed"
    );
    assert_eq!(claim(&members, &ada.record(1), NOW), DeviceStanding::Member, "a new device of a member");
    assert_eq!(claim(&members, &ada.record(1), NOW + 1_001), DeviceStanding::Expired);
    assert_eq!(claim(&members, &eve.record(0), NOW), DeviceStanding::Unknown);

    let credential = ada.record(0).to_credential();
    for place in 0..120 {
        let mut changed = credential.0;
        changed[place] ^= 1;
        let standing = members.standing_of_claim(&ada.devices[0].key(), &Credential(changed), date(NOW));
        let expected = if place < 32 { DeviceStanding::Unknown } else { DeviceStanding::UnknownDevice };
        assert_eq!(standing, expected, "byte {place}");
    }
    let other_key = StaticKey([9; 32]);
    assert_eq!(members.standing_of_claim(&other_key, &credential, date(NOW)), DeviceStanding::UnknownDevice);

    assert!(members.remove(&key).is_some());
    assert_eq!(of(&members, 0, NOW), DeviceStanding::Unknown);
    assert_eq!(claim(&members, &ada.record(0), NOW), DeviceStanding::Unknown);
    assert!(members.remove(&key).is_none());
    members.add(&ada.card("", &[])).unwrap();
    assert_eq!(of(&members, 1, NOW), DeviceStanding::Member);
}

#[test]
fn members_are_found_by_name_by_id_and_by_its_first_digits() {
    let people: Vec<Person> = (0..40).map(|seed| Person::new(seed, 1)).collect();
    let mut members = Members::new();
    for (person, number) in people.iter().zip(0..) {
        members.add(&person.card(&format!("person {number}"), &[])).unwrap();
    }
    for (person, number) in people.iter().zip(0..) {
        let id = person.identity.member_id().to_string();
        let found = |text: &str| members.find(text).unwrap().identity();
        assert_eq!(found(&format!("person {number}")), person.identity.key());
        assert_eq!(found(&id), person.identity.key());
        assert_eq!(found(&id.to_uppercase()), person.identity.key());
        assert_eq!(found(&id[..10]), person.identity.key());
        assert_eq!(members.find(&id[..3]).unwrap_err(), Error::NoSuchMember, "too few digits");
        assert_eq!(members.by_id(&person.identity.member_id()).unwrap().identity(), person.identity.key());
    }
    for nobody in
        ["", "person", "Person 1", "person 40", "zzzz", "ääää", "00000000-0000-8000-8000-000000000000"]
    {
        assert_eq!(members.find(nobody).unwrap_err(), Error::NoSuchMember, "{nobody}");
    }
    let ids: Vec<_> = members.iter().map(membership::Member::id).collect();
    assert!(ids.is_sorted() && ids.len() == 40);
}

#[test]
fn a_member_id_has_one_form() {
    let read = |text: &str| text.parse::<MemberId>();
    let id = Person::new(1, 1).identity.member_id();
    let text = id.to_string();
    assert_eq!(read(&text), Ok(id));
    assert_eq!(read(&text.to_uppercase()), Ok(id));
    let with = |place: usize, character: &str| format!("{}{character}{}", &text[..place], &text[place + 1..]);
    for version in "012345679abcdef".chars() {
        assert!(read(&with(14, &version.to_string())).is_err(), "version {version}");
    }
    for variant in "01234567cdef".chars() {
        assert!(read(&with(19, &variant.to_string())).is_err(), "variant {variant}");
    }
    let plain = text.replace('-', "");
    for other in [plain, format!("{{{text}}}"), format!("urn:uuid:{text}"), format!(" {text}"), String::new()]
    {
        assert!(read(&other).is_err(), "{other}");
    }
}

/// Nobody gets what is meant for another by suggesting a name that looks like the other's id.
#[test]
fn a_name_that_looks_like_anothers_id_is_ambiguous() {
    let (ada, eve) = (Person::new(1, 1), Person::new(2, 1));
    let mut members = Members::new();
    members.add(&ada.card("", &[])).unwrap();
    let prefix = ada.identity.member_id().to_string()[..8].to_string();
    members.add(&eve.card(&prefix, &[])).unwrap();
    assert!(matches!(members.find(&prefix).unwrap_err(), Error::Ambiguous { .. }));
}

#[test]
fn petnames_are_unique_and_may_be_changed() {
    let (ada, eve) = (Person::new(1, 1), Person::new(2, 1));
    let mut members = Members::new();
    members.add(&ada.card("Ada", &[])).unwrap();
    let owner = ada.identity.member_id();
    assert_eq!(refused(&mut members, |list| list.add(&eve.card("Ada", &[]))), Error::PetnameTaken { owner });
    members.add(&eve.card("Eve", &[])).unwrap();
    let eves_key = eve.identity.key();
    assert_eq!(
        refused(&mut members, |list| list.rename(&eves_key, name("Ada"))),
        Error::PetnameTaken { owner }
    );
    members.rename(&eves_key, name("Mallory")).unwrap();
    assert_eq!(members.find("Mallory").unwrap().identity(), eves_key);
    members.rename(&eves_key, None).unwrap();
    assert_eq!(members.find("Mallory").unwrap_err(), Error::NoSuchMember);
    let stranger = Person::new(3, 1).identity.key();
    assert_eq!(refused(&mut members, |list| list.rename(&stranger, None)), Error::NoSuchMember);
    assert_eq!(refused(&mut members, |list| list.learn(&Person::new(3, 1).record(0))), Error::NoSuchMember);
}

#[test]
fn a_stored_list_is_verified_when_it_is_read() {
    let (ada, eve) = (Person::new(1, 2), Person::new(2, 1));
    let mut members = Members::new();
    members.add(&ada.card("Ada", &["203.0.113.7:4433"])).unwrap();
    members.add(&eve.card("", &[])).unwrap();
    let text = serde_json::to_string(&members).unwrap();
    let read = |text: &str| serde_json::from_str::<Members>(text);
    assert_eq!(read(&text).unwrap(), members);
    assert_eq!(serde_json::to_string(&read(&text).unwrap()).unwrap(), text, "one list has one form");

    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = value.clone();
        change(&mut value);
        read(&value.to_string())
    };
    let flip = |digits: &mut serde_json::Value| {
        let text = digits.as_str().unwrap();
        let first = if text.starts_with('0') { "1" } else { "0" };
        *digits = format!("{first}{}", &text[1..]).into();
    };
    assert!(changed(&|list| list["version"] = 2.into()).is_err());
    assert!(changed(&|list| list["more"] = 2.into()).is_err());
    assert!(changed(&|list| flip(&mut list["members"][0]["identity"])).is_err());
    for field in ["id", "static_key", "signature"] {
        assert!(changed(&|list| flip(&mut list["members"][1]["devices"][0][field])).is_err(), "{field}");
    }
    assert!(changed(&|list| list["members"][0]["devices"][0]["expires"] = (NOW + 1_001).into()).is_err());
    assert!(changed(&|list| list["members"][0]["devices"][0]["expires"] = u64::MAX.into()).is_err());
    assert!(changed(&|list| list["members"][0]["door"] = "00".into()).is_err());
    assert!(changed(&|list| list["members"][0]["petname"] = "a\u{202e}b".into()).is_err());
    assert!(changed(&|list| list["members"][0]["addresses"] = vec!["a"; 9].into()).is_err());
    assert!(
        changed(&|list| list["members"][1] = list["members"][0].clone()).is_err(),
        "the same member twice"
    );
    assert!(changed(&|list| list["members"][0]["petname"] = "Someone".into()).is_ok());
    assert!(
        changed(&|list| list["members"][1]["devices"] = serde_json::json!([])).is_ok(),
        "a member without devices"
    );
}
