//! From a new identity to a member on another's list.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use membership::{Added, Card, DeviceKey, Door, Identity, Members, Petname, Record, Standing, UnixSeconds};
use rand::{SeedableRng, rngs::StdRng};

#[test]
fn a_card_makes_a_member() {
    let mut rng = StdRng::seed_from_u64(1);
    let identity = Identity::generate(&mut rng);
    let device = DeviceKey::generate(&mut rng).unwrap();
    let expires = UnixSeconds::new(2_000_000_000).unwrap();
    let record = Record::issue(&identity, device.id(), device.key(), expires).unwrap();
    let addresses = vec!["203.0.113.7:4433".parse().unwrap()];
    let petname = Petname::new("Ada").unwrap();
    let card = Card::new(vec![record.clone()], Door::generate(&mut rng), addresses, Some(petname)).unwrap();

    let text = card.to_text().unwrap();
    let read: Card = text.parse().unwrap();
    assert_eq!(read, card);

    let mut members = Members::new();
    assert_eq!(members.add(&read).unwrap(), Added::New(identity.member_id()));
    assert_eq!(members.find("Ada").unwrap().identity(), identity.key());
    let now = UnixSeconds::new(1_900_000_000).unwrap();
    assert_eq!(members.standing(&identity.key(), &device.key(), now), Standing::Member);
    assert_eq!(members.standing_of_claim(&device.key(), &record.to_credential(), now), Standing::Member);
    let later = UnixSeconds::new(2_000_000_001).unwrap();
    assert_eq!(members.standing(&identity.key(), &device.key(), later), Standing::Expired);

    let stored = serde_json::to_string(&members).unwrap();
    assert_eq!(serde_json::from_str::<Members>(&stored).unwrap(), members);
}
