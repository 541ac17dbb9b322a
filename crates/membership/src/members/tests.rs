//! What needs two keys under one id, which nobody can make outside.

use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{DeviceKey, Door, Identity};

fn card(seed: u64) -> Card {
    let mut rng = StdRng::seed_from_u64(seed);
    let identity = Identity::generate(&mut rng);
    let device = DeviceKey::generate(&mut rng).unwrap();
    let record = Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX).unwrap();
    Card::new(vec![record], Door::generate(&mut rng), vec![], None).unwrap()
}

#[test]
fn a_second_key_under_a_known_id_is_refused_and_reported() {
    let (first, second) = (card(1), card(2));
    let id = MemberId::of(&first.identity());
    let mut members = Members::new();
    assert_eq!(members.add_under(id, &first), Ok(Added::New(id)));
    let before = members.clone();
    assert_eq!(members.add_under(id, &second), Err(Error::IdTaken { id }));
    assert_eq!(members, before);
    assert!(Error::IdTaken { id }.to_string().contains("ANOTHER KEY"));
}

/// Decisions are made by the key even if somebody should get a member under an id that is not its own.
#[test]
fn an_id_decides_nothing() {
    let (first, second) = (card(1), card(2));
    let mut members = Members::new();
    members.add_under(MemberId::of(&second.identity()), &first).unwrap();
    let record = &second.records()[0];
    let now = UnixSeconds::MAX;
    assert!(members.get(&second.identity()).is_none());
    assert!(members.remove(&second.identity()).is_none());
    assert_eq!(members.standing(&second.identity(), &record.static_key(), now), DeviceStanding::Unknown);
    let claim = members.standing_of_claim(&record.static_key(), &record.to_credential(), now);
    assert_eq!(claim, DeviceStanding::Unknown);
    assert_eq!(members.learn(record), Err(Error::NoSuchMember));
    assert_eq!(members.rename(&second.identity(), None), Err(Error::NoSuchMember));
}

#[test]
fn the_list_is_bounded() {
    let mut members = Members::new();
    let known = card(1);
    members.add(&known).unwrap();
    let template = members.get(&known.identity()).unwrap().clone();
    let filler = Member::new(IdentityKey([1; 32]), None, template.door().cloned(), Vec::new());
    for n in 1..MAX_MEMBERS {
        let mut key = [2; 32];
        key[..8].copy_from_slice(&n.to_le_bytes());
        members.by_id.insert(MemberId::of(&IdentityKey(key)), filler.clone());
    }
    assert_eq!(members.len(), MAX_MEMBERS);
    assert!(matches!(members.add(&card(2)), Err(Error::TooLarge { limit: MAX_MEMBERS, .. })));
    assert!(
        matches!(members.add(&known), Ok(Added::Updated(_))),
        "known members are still brought up to date"
    );
}
