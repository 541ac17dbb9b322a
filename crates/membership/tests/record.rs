//! Records: what verifies, and everything that does not.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use membership::{
    Credential, DeviceId, DeviceKey, Error, Identity, RECORD_BYTES, Record, StaticKey, UnixSeconds,
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use support::{NOW, Person, date};

#[test]
fn every_bit_of_a_record_counts() {
    let bytes = Person::new(1, 1).record(0).to_bytes();
    for place in 0..RECORD_BYTES {
        for bit in 0..8 {
            let mut changed = bytes;
            changed[place] ^= 1 << bit;
            assert!(Record::from_bytes(&changed).is_err(), "byte {place}, bit {bit}");
        }
    }
    assert_eq!(Record::from_bytes(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn every_bit_of_a_credential_and_of_its_static_key_counts() {
    let record = Person::new(1, 1).record(0);
    let credential = record.to_credential();
    for place in 0..120_usize + 32 {
        for bit in 0..8 {
            let (mut changed, mut key) = (credential.0, record.static_key().0);
            match place.checked_sub(120) {
                None => changed[place] ^= 1 << bit,
                Some(place) => key[place] ^= 1 << bit,
            }
            assert!(Record::from_credential(StaticKey(key), &Credential(changed)).is_err(), "{place}, {bit}");
        }
    }
    assert_eq!(Record::from_credential(record.static_key(), &credential).unwrap(), record);
}

/// `s + L` satisfies the same equation as `s`; a lax verifier takes both.
#[test]
fn the_other_form_of_a_signature_is_refused() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = Person::new(2, 1).record(0).to_bytes();
    let mut carry = 0;
    for (byte, add) in bytes[120..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(Record::from_bytes(&bytes).unwrap_err(), Error::Signature);
}

/// With a key of small order a signature of zeros holds for any message, in a lax verifier.
#[test]
fn keys_that_sign_anything_are_refused() {
    let neutral = core::array::from_fn(|n| u8::from(n == 0));
    let neutral_again: [u8; 32] = core::array::from_fn(|n| match n {
        0 => 0xee,
        31 => 0x7f,
        _ => 0xff,
    });
    let order_two = core::array::from_fn(|n| match n {
        0 => 0xec,
        31 => 0x7f,
        _ => 0xff,
    });
    for key in [neutral, neutral_again, order_two, [0; 32]] {
        for point in [neutral, neutral_again, order_two, [0; 32]] {
            let mut bytes = Person::new(3, 1).record(0).to_bytes();
            bytes[..32].copy_from_slice(&key);
            bytes[88..120].copy_from_slice(&point);
            bytes[120..].fill(0);
            assert_eq!(Record::from_bytes(&bytes).unwrap_err(), Error::Signature);
        }
    }
}

#[test]
fn a_record_for_a_key_without_a_handshake_is_refused() {
    let person = Person::new(4, 1);
    let device = DeviceId([1; 16]);
    for unusable in [[0; 32], core::array::from_fn(|n| u8::from(n == 0)), [0xff; 32]] {
        let issued = Record::issue(&person.identity, device, StaticKey(unusable), date(NOW));
        assert_eq!(issued.unwrap_err(), Error::UnusableKey);
        let mut bytes = person.record(0).to_bytes();
        bytes[32..64].copy_from_slice(&unusable);
        assert_eq!(Record::from_bytes(&bytes).unwrap_err(), Error::UnusableKey);
    }
}

#[test]
fn a_record_holds_to_its_last_second_and_ends_by_the_year_9999() {
    let record = Person::new(5, 1).record_until(0, NOW);
    assert!(!record.is_expired(date(NOW - 1)) && !record.is_expired(date(NOW)));
    assert!(record.is_expired(date(NOW + 1)));

    assert_eq!(UnixSeconds::new(UnixSeconds::MAX.seconds() + 1), Err(Error::Date));
    assert_eq!(UnixSeconds::MAX.saturating_add(u64::MAX), UnixSeconds::MAX);
    let mut bytes = record.to_bytes();
    bytes[80..88].copy_from_slice(&(UnixSeconds::MAX.seconds() + 1).to_le_bytes());
    assert_eq!(Record::from_bytes(&bytes).unwrap_err(), Error::Date);
}

#[test]
fn files_of_keys_are_read_as_written_and_nothing_else_is() {
    let mut rng = StdRng::seed_from_u64(6);
    let identity = Identity::generate(&mut rng);
    let device = DeviceKey::generate(&mut rng).unwrap();
    let identity_file = identity.dangerous_file_bytes();
    let device_file = device.dangerous_file_bytes();
    assert_eq!(Identity::from_file_bytes(&identity_file[..]).unwrap().key(), identity.key());
    let again = DeviceKey::from_file_bytes(&device_file[..]).unwrap();
    assert_eq!((again.id(), again.key()), (device.id(), device.key()));

    assert!(Identity::from_file_bytes(&device_file[..]).is_err());
    assert!(DeviceKey::from_file_bytes(&identity_file[..]).is_err());
    for length in 0..device_file.len() {
        assert!(DeviceKey::from_file_bytes(&device_file[..length]).is_err());
        assert!(Identity::from_file_bytes(&identity_file[..length.min(identity_file.len() - 1)]).is_err());
    }
    assert!(Identity::from_file_bytes(&[&identity_file[..], &[0]].concat()).is_err());
    assert!(DeviceKey::from_file_bytes(&[&device_file[..], &[0]].concat()).is_err());
    for place in 0..identity_file.len() {
        let mut changed = identity_file.to_vec();
        changed[place] ^= 0x40;
        assert!(Identity::from_file_bytes(&changed).is_err(), "byte {place}");
    }
    // The device id may be any; everything else is checked.
    for place in (0..2).chain(18..device_file.len()) {
        let mut changed = device_file.to_vec();
        changed[place] ^= 0x20;
        assert!(DeviceKey::from_file_bytes(&changed).is_err(), "byte {place}");
    }
    let mut foreign = identity_file.to_vec();
    foreign[0] = 2;
    assert_eq!(Identity::from_file_bytes(&foreign).unwrap_err(), Error::Version { found: 2 });
    let mut foreign = device_file.to_vec();
    foreign[0] = 9;
    assert_eq!(DeviceKey::from_file_bytes(&foreign).unwrap_err(), Error::Version { found: 9 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_travel_both_ways(seed in any::<u64>(), expires in 0..=UnixSeconds::MAX.seconds()) {
        let record = Person::new(seed, 1).record_until(0, expires);
        prop_assert_eq!(&Record::from_bytes(&record.to_bytes()).unwrap(), &record);
        let again = Record::from_credential(record.static_key(), &record.to_credential()).unwrap();
        prop_assert_eq!(record.to_credential().identity(), record.identity());
        prop_assert_eq!(again, record);
    }

    /// A record of one person never becomes one of another, whatever parts are exchanged.
    #[test]
    fn parts_of_two_records_make_none(seeds in any::<[u64; 2]>(), cut in 1..RECORD_BYTES) {
        prop_assume!(seeds[0] != seeds[1]);
        let [one, other] = seeds.map(|seed| Person::new(seed, 1).record(0).to_bytes());
        let mut mixed = one;
        mixed[cut..].copy_from_slice(&other[cut..]);
        prop_assert!(mixed == one || Record::from_bytes(&mixed).is_err());
    }

    #[test]
    fn no_bytes_are_a_record(bytes in prop::collection::vec(any::<u8>(), RECORD_BYTES)) {
        prop_assert!(Record::from_bytes(&bytes.try_into().unwrap()).is_err());
    }
}
