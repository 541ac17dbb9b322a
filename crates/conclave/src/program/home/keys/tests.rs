//! What is made, kept, renewed and replaced.

use std::fs;

use super::*;

const NOW: u64 = 1_800_000_000;

fn home() -> (tempfile::TempDir, Home, HomeLock) {
    let root = tempfile::tempdir().unwrap();
    let home = Home::create(&root.path().join("home")).unwrap();
    let lock = home.lock().unwrap();
    (root, home, lock)
}

/// Founds a home whose identity is kept plain.
fn found(home: &Home, lock: &HomeLock, name: Option<&Petname>) -> (Identity, Keys) {
    let identity = super::super::draw_identity().unwrap();
    let founding = Founding { petname: name.cloned(), passphrase: None };
    let keys = home.found(lock, &identity, &founding, at(NOW)).unwrap();
    (identity, keys)
}

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

#[test]
fn a_founded_home_keeps_its_keys() {
    let (_root, home, lock) = home();
    assert_eq!(home.keys(&lock, None, at(NOW)).unwrap_err().kind, Kind::HomeMissing);
    let name = Petname::new("alice").unwrap();
    let (identity, keys) = found(&home, &lock, Some(&name));
    let (again, mended) = home.keys(&lock, None, at(NOW)).unwrap();
    assert_eq!(mended, []);
    assert_eq!((again.identity, again.device.key()), (keys.identity, keys.device.key()));
    assert_eq!((&again.door, &again.petname), (&keys.door, &Some(name.clone())));
    let again = home.found(&lock, &identity, &Founding::default(), at(NOW));
    assert_eq!(again.unwrap_err().kind, Kind::HomeExists);
    assert_eq!(home.keys_as_they_are().unwrap().record, keys.record);
    let card = keys.card(vec![NetAddress::new("192.0.2.1:7411").unwrap()]).unwrap();
    assert_eq!(card.to_text().unwrap().parse::<Card>().unwrap(), card);
}

#[test]
fn a_lost_device_is_replaced_under_the_same_identity() {
    let (_root, home, lock) = home();
    let (identity, keys) = found(&home, &lock, None);
    assert!(!home.is_due(at(NOW)).unwrap());
    fs::remove_file(home.path("device")).unwrap();
    assert!(home.is_due(at(NOW)).unwrap());
    assert_eq!(home.keys(&lock, None, at(NOW)).unwrap_err().kind, Kind::Sealed);
    assert!(!home.path("device").exists(), "a device that cannot be vouched for is not made");
    let (new, mended) = home.keys(&lock, Some(&identity), at(NOW)).unwrap();
    assert_eq!(mended, [Mended::NewDevice, Mended::RenewedRecord]);
    assert_eq!((new.identity, &new.door), (keys.identity, &keys.door));
    assert_ne!((new.device.key(), new.device.id()), (keys.device.key(), keys.device.id()));
    assert_eq!(new.record.static_key(), new.device.key());
}

#[test]
fn a_record_is_renewed_before_it_expires_and_not_earlier() {
    let (_root, home, lock) = home();
    let (identity, keys) = found(&home, &lock, None);
    let first = keys.record;
    let early = home.keys(&lock, None, at(NOW + RECORD_SECONDS - RENEWAL_SECONDS)).unwrap();
    assert_eq!((early.1, early.0.record), (vec![], first.clone()));
    let due = at(NOW + RECORD_SECONDS - RENEWAL_SECONDS + 1);
    assert_eq!(home.keys(&lock, None, due).unwrap_err().kind, Kind::Sealed);
    let late = home.keys(&lock, Some(&identity), due).unwrap();
    assert_eq!(late.1, [Mended::RenewedRecord]);
    assert!(late.0.record.expires() > first.expires());
    assert_eq!(late.0.record.static_key(), first.static_key());
}

#[test]
fn a_damaged_key_is_reported_and_never_replaced() {
    let (_root, home, lock) = home();
    let (identity, _) = found(&home, &lock, None);
    for name in ["identity", "device", "door", "record"] {
        let path = home.path(name);
        let good = fs::read(&path).unwrap();
        file::save(&path, good.split_last().unwrap().1).unwrap();
        let failure = home.keys(&lock, Some(&identity), at(NOW)).unwrap_err();
        assert_eq!(failure.kind, Kind::LocalIo, "{name}");
        assert_eq!(fs::read(&path).unwrap().len(), good.len() - 1, "{name} was not touched");
        file::save(&path, &good).unwrap();
    }
    home.keys(&lock, Some(&identity), at(NOW)).unwrap();
}

#[test]
fn a_sealed_identity_opens_by_its_passphrase_only_and_needs_it_only_to_sign() {
    let (_root, home, lock) = home();
    let passphrase = |text: &str| Passphrase::from(text.to_owned());
    let identity = super::super::draw_identity().unwrap();
    let founding = Founding { petname: None, passphrase: Some(passphrase("open sesame")) };
    let keys = home.found(&lock, &identity, &founding, at(NOW)).unwrap();
    assert!(home.is_sealed().unwrap());
    assert_eq!(home.identity_key().unwrap(), identity.key());
    assert_eq!(home.keys(&lock, None, at(NOW)).unwrap().0.record, keys.record);
    assert_eq!(home.keys_as_they_are().unwrap().identity, identity.key());
    assert!(home.plain_identity().is_err());
    let failure = home.sealed_identity(&passphrase("open barley")).unwrap_err();
    assert_eq!((failure.kind, failure.kind.exit_code()), (Kind::WrongPassphrase, 9));
    assert!(!failure.to_string().contains("barley"), "{failure}");
    let opened = home.sealed_identity(&passphrase("open sesame")).unwrap();
    assert_eq!(opened.key(), identity.key());

    home.save_identity(Some(&lock), &opened, None).unwrap();
    assert!(!home.is_sealed().unwrap());
    assert_eq!(home.plain_identity().unwrap().key(), identity.key());
}

#[test]
fn what_an_identity_left_is_its_own_and_nobody_elses() {
    let (_root, home, lock) = home();
    let (identity, keys) = found(&home, &lock, None);
    fs::remove_file(home.path("identity")).unwrap();
    let again = home.found(&lock, &identity, &Founding::default(), at(NOW)).unwrap();
    assert_eq!((again.device.key(), &again.record), (keys.device.key(), &keys.record), "it was only missing");
    fs::remove_file(home.path("identity")).unwrap();
    let (_, other) = found(&home, &lock, None);
    assert_ne!(other.device.key(), keys.device.key());
    assert_ne!(other.door, keys.door);
}

#[test]
fn a_record_by_another_identity_is_told() {
    let (_root, home, lock) = home();
    found(&home, &lock, None);
    let other = super::super::draw_identity().unwrap();
    home.save_identity(Some(&lock), &other, None).unwrap();
    assert_eq!(home.keys_as_they_are().unwrap_err().kind, Kind::LocalIo);
}
