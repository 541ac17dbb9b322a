//! Cards: their text, its limits, and everything that is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

mod support;

use bech32::{Bech32, Bech32m, ByteIterExt, Fe32, Fe32IterExt, Hrp};
use membership::{
    Card, Error, MAX_ADDRESS_BYTES, MAX_CARD_ADDRESSES, MAX_CARD_BYTES, MAX_CARD_TEXT_BYTES,
    MAX_PETNAME_BYTES, NetAddress, Petname,
};
use proptest::prelude::*;
use support::Person;

const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn read(text: &str) -> Result<Card, Error> {
    text.parse()
}

fn text_of(bytes: &[u8]) -> String {
    bech32::encode::<Bech32m>(Hrp::parse("conclave").unwrap(), bytes).unwrap()
}

fn bytes_of(text: &str) -> Vec<u8> {
    bech32::decode(text).unwrap().1
}

#[test]
fn a_card_says_the_same_in_either_case() {
    let card = Person::new(1, 3).card("Ada", &["203.0.113.7:4433", "[2001:db8::7]:4433"]);
    let text = card.to_text().unwrap();
    assert!(text.starts_with("conclave1") && text.len() <= MAX_CARD_TEXT_BYTES);
    assert_eq!(read(&text).unwrap(), card);
    assert_eq!(read(&text.to_ascii_uppercase()).unwrap(), card);
}

#[test]
fn every_character_of_a_card_counts() {
    let text = Person::new(2, 1).card("Ada", &["203.0.113.7:4433"]).to_text().unwrap();
    for place in 0..text.len() {
        for character in CHARACTERS.iter().chain(b"1b BQ\n") {
            let mut changed = text.clone().into_bytes();
            if changed[place] != *character {
                changed[place] = *character;
                let changed = String::from_utf8(changed).unwrap();
                assert!(read(&changed).is_err(), "{:?} at {place}", char::from(*character));
            }
        }
        let mut missing = text.clone();
        missing.remove(place);
        assert!(read(&missing).is_err(), "without the character at {place}");
        assert!(read(&text[..place]).is_err(), "cut at {place}");
        let mut doubled = text.clone();
        doubled.insert(place, 'q');
        assert!(read(&doubled).is_err(), "one more at {place}");
    }
}

#[test]
fn damage_and_other_texts_are_told_apart() {
    let text = Person::new(3, 1).card("", &[]).to_text().unwrap();
    let malformed = Error::Malformed { what: "a card (conclave1...)" };
    let mut damaged = text.clone();
    damaged.replace_range(30..31, if &text[30..31] == "q" { "p" } else { "q" });
    assert_eq!(read(&damaged).unwrap_err(), Error::Checksum);
    for other in ["", "conclave", "conclave1", "hello", " ", "https://example.org/"] {
        assert!(matches!(read(other).unwrap_err(), Error::Malformed { .. } | Error::Checksum), "{other}");
    }
    assert_eq!(read(&format!(" {text}")).unwrap_err(), malformed);
    assert_eq!(read(&format!("{text}\n")).unwrap_err(), malformed);
    let bytes = bytes_of(&text);
    let other_prefix = bech32::encode::<Bech32m>(Hrp::parse("enclave").unwrap(), &bytes).unwrap();
    assert_eq!(read(&other_prefix).unwrap_err(), malformed);
    let other_checksum = bech32::encode::<Bech32>(Hrp::parse("conclave").unwrap(), &bytes).unwrap();
    assert_eq!(read(&other_checksum).unwrap_err(), Error::Checksum);
    assert!(matches!(read(&"q".repeat(5_000)).unwrap_err(), Error::TooLarge { .. }));
}

#[test]
fn another_version_is_named() {
    let mut bytes = bytes_of(&Person::new(4, 1).card("", &[]).to_text().unwrap());
    for version in (0..=255).filter(|version| *version != 1) {
        bytes[0] = version;
        assert_eq!(read(&text_of(&bytes)).unwrap_err(), Error::Version { found: version });
    }
}

/// With a checksum that fits, what is inside must still be a card, to the last bit.
#[test]
fn bytes_that_are_no_card_are_refused_behind_a_right_checksum() {
    let card = Person::new(5, 2).card("Ada", &["192.0.2.1:1"]);
    let bytes = bytes_of(&card.to_text().unwrap());
    for length in 0..bytes.len() {
        assert!(read(&text_of(&bytes[..length])).is_err(), "cut at {length}");
    }
    assert!(read(&text_of(&[&bytes[..], &[0]].concat())).is_err());
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        // Door, addresses and name are not signed: another card, but never the same.
        if let Ok(other) = read(&text_of(&changed)) {
            assert_ne!(other, card, "byte {place}");
            assert!(other.records() == card.records() && other.identity() == card.identity());
            assert!((1..33).contains(&place) || place > bytes.len() - 20, "byte {place}");
        }
    }
}

/// The last character has bits to spare, and one more could be put behind it: one card would have many texts.
#[test]
fn a_card_has_one_text() {
    let bytes = bytes_of(&Person::new(5, 1).card("Ada", &[]).to_text().unwrap());
    let characters: Vec<Fe32> = bytes.iter().copied().bytes_to_fes().collect();
    let text = |characters: &[Fe32]| -> String {
        characters
            .iter()
            .copied()
            .with_checksum::<Bech32m>(&Hrp::parse("conclave").unwrap())
            .chars()
            .collect()
    };
    assert!(read(&text(&characters)).is_ok());
    let spare = (characters.len() * 5 - bytes.len() * 8) as u32;
    assert!((1..5).contains(&spare), "a card with spare bits, {spare}");
    for bit in 0..spare {
        let mut padded = characters.clone();
        let last = padded.last_mut().unwrap();
        *last = Fe32::try_from(last.to_u8() ^ 1 << bit).unwrap();
        assert!(read(&text(&padded)).is_err(), "spare bit {bit}");
    }
    assert!(read(&text(&[&characters[..], &[Fe32::Q]].concat())).is_err(), "a character without a meaning");
}

#[test]
fn a_card_is_of_one_identity_with_distinct_devices() {
    let (ada, eve) = (Person::new(6, 2), Person::new(7, 1));
    let new = |records| Card::new(records, ada.door.clone(), vec![], None);
    assert!(matches!(new(vec![]).unwrap_err(), Error::Malformed { .. }));
    assert!(matches!(new(vec![ada.record(0), eve.record(0)]).unwrap_err(), Error::Malformed { .. }));
    assert_eq!(new(vec![ada.record(0), ada.record(0)]).unwrap_err(), Error::DeviceConflict);
    assert_eq!(new(vec![ada.record(0), ada.record_until(0, 5)]).unwrap_err(), Error::DeviceConflict);
    assert!(new(vec![ada.record(1), ada.record(0)]).is_ok());
    let no_device = [&bytes_of(&ada.card("", &[]).to_text().unwrap())[..65], &[0, 0, 0]].concat();
    assert!(matches!(read(&text_of(&no_device)).unwrap_err(), Error::Malformed { .. }));
}

#[test]
fn a_card_has_limits() {
    let person = Person::new(8, 5);
    let records = person.records();
    let new = |devices: usize, addresses: &[usize], petname: usize| {
        let addresses =
            addresses.iter().map(|length| NetAddress::new("a".repeat(*length)).unwrap()).collect();
        let petname = (petname > 0).then(|| Petname::new("n".repeat(petname)).unwrap());
        Card::new(records[..devices].to_vec(), person.door.clone(), addresses, petname)
    };
    assert!(matches!(new(5, &[], 0).unwrap_err(), Error::TooLarge { limit: 4, .. }));
    assert!(new(1, &[9; MAX_CARD_ADDRESSES], 0).is_ok());
    assert!(matches!(new(1, &[9; MAX_CARD_ADDRESSES + 1], 0).unwrap_err(), Error::TooLarge { .. }));
    assert!(matches!(
        new(4, &[MAX_ADDRESS_BYTES], 0).unwrap_err(),
        Error::TooLarge { limit: MAX_CARD_BYTES, .. }
    ));

    // 548 bytes of a card with four devices, one for the length of the address: room for 81 in all.
    let fullest = new(4, &[40], 41).unwrap();
    let text = fullest.to_text().unwrap();
    assert_eq!((bytes_of(&text).len(), text.len()), (MAX_CARD_BYTES, MAX_CARD_TEXT_BYTES));
    assert_eq!(read(&text).unwrap(), fullest);
    assert!(matches!(new(4, &[40], 42).unwrap_err(), Error::TooLarge { limit: MAX_CARD_BYTES, .. }));
    let longer = fullest.with_petname(Some(Petname::new("n".repeat(MAX_PETNAME_BYTES)).unwrap()));
    assert!(matches!(longer.to_text().unwrap_err(), Error::TooLarge { .. }));
}

#[test]
fn names_and_addresses_are_plain() {
    for good in ["Ada", "Ada Lovelace", "ада", "愛", "d'Artagnan", "a-b_c.d 9", "ज्ञान"] {
        assert_eq!(Petname::new(good).unwrap().as_str(), good);
    }
    let id = Person::new(9, 1).identity.member_id().to_string();
    for bad in [
        "",
        " ",
        " a",
        "a ",
        "a  b",
        "a\nb",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\tb",
        "a/b",
        "a\u{1b}[2J",
        "a\u{2028}b",
        "a\u{a0}b",
        "\u{301}a",
        "\"",
        &id,
    ] {
        assert!(Petname::new(bad).is_err(), "{bad:?}");
    }
    assert!(Petname::new("n".repeat(MAX_PETNAME_BYTES)).is_ok());
    assert!(matches!(Petname::new("n".repeat(MAX_PETNAME_BYTES + 1)), Err(Error::TooLarge { .. })));
    for bad in ["", "a b", "a\nb", "ä:1", "\u{7f}"] {
        assert!(NetAddress::new(bad).is_err(), "{bad:?}");
    }
    assert!(NetAddress::new("a".repeat(MAX_ADDRESS_BYTES)).is_ok());
    assert!(matches!(NetAddress::new("a".repeat(MAX_ADDRESS_BYTES + 1)), Err(Error::TooLarge { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cards_travel_as_text(
        seed in any::<u64>(),
        devices in 1..=3_usize,
        addresses in prop::collection::vec("[!-~]{1,24}", 0..=4),
        petname in "([\\p{L}\\p{N}]{1,8})?",
    ) {
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let card = Person::new(seed, devices).card(&petname, &addresses);
        prop_assert_eq!(read(&card.to_text().unwrap()).unwrap(), card);
    }

    /// Up to three wrong characters are found with certainty; more, and other damage, but for one in a billion.
    #[test]
    fn damaged_cards_are_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..32_usize), 1..6),
        swap in any::<Option<prop::sample::Index>>(),
    ) {
        let text = Person::new(10, 1).card("Ada", &["203.0.113.7:4433"]).to_text().unwrap();
        let mut changed = text.clone().into_bytes();
        let data = "conclave1".len();
        for (place, character) in changes {
            let place = data + place.index(changed.len() - data);
            changed[place] = CHARACTERS[character];
        }
        if let Some(place) = swap {
            let place = data + place.index(changed.len() - data - 1);
            changed.swap(place, place + 1);
        }
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(changed == text || read(&changed).is_err());
    }

    #[test]
    fn no_text_is_a_card(text in "\\PC*") {
        prop_assert!(read(&text).is_err());
        let prefixed = format!("conclave1{text}");
        prop_assert!(read(&prefixed).is_err());
    }
}
