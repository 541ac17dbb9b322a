//! Tickets as text: what is read, and everything that is not.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use bech32::{Bech32, Bech32m, Hrp};
use membership::{
    Card, Error, IdentityKey, MAX_CARD_ADDRESSES, MAX_CARD_DEVICES, MAX_TICKET_BYTES, NetAddress, Psk,
    TICKET_PREFIX, Ticket, TicketId,
};
use proptest::prelude::*;
use support::{NOW, Person, date};

fn ticket(bound: Option<IdentityKey>) -> Ticket {
    let card = Person::new(1, 1).card("Ada", &["203.0.113.7:4433"]);
    let secret = Psk::from_bytes(core::array::from_fn(|n| 200 - u8::try_from(n).unwrap()));
    Ticket { card, id: TicketId([9; 16]), secret, expires: date(NOW), bound }
}

fn bytes_of(text: &str) -> Vec<u8> {
    bech32::decode(text).unwrap().1
}

fn text_of(prefix: &str, bytes: &[u8]) -> String {
    bech32::encode::<Bech32m>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
}

#[test]
fn a_ticket_is_read_as_text_as_uri_and_in_capitals() {
    for ticket in [ticket(None), ticket(Some(IdentityKey([3; 32])))] {
        let (text, uri) = (ticket.to_text().unwrap(), ticket.to_uri().unwrap());
        assert!(text.starts_with("ticket1") && *uri == ["conclave:", &text].concat());
        for form in [text.to_string(), uri.to_string(), text.to_uppercase(), uri.to_uppercase()] {
            assert_eq!(form.parse::<Ticket>().unwrap(), ticket);
        }
        assert_eq!(["CONCLAVE:", &text].concat().parse::<Ticket>().unwrap(), ticket);
    }
}

#[test]
fn every_character_counts() {
    let text = ticket(None).to_text().unwrap();
    for place in 0..text.len() {
        for other in ['q', 'p', 'z', '1', 'Q', '!'] {
            let mut changed: Vec<char> = text.chars().collect();
            if changed[place] != other {
                changed[place] = other;
                assert!(changed.iter().collect::<String>().parse::<Ticket>().is_err(), "{place}: {other}");
            }
        }
        assert!(text[..place].parse::<Ticket>().is_err(), "cut at {place}");
    }
    for addition in [" ", "q", "\n", "?x=1", "#"] {
        assert!([&text[..], addition].concat().parse::<Ticket>().is_err());
        assert!([addition, &text[..]].concat().parse::<Ticket>().is_err());
    }
    assert_eq!(text.replacen('q', "p", 1).parse::<Ticket>().unwrap_err(), Error::Checksum);
}

#[test]
fn another_kind_of_text_is_no_ticket() {
    let ticket = ticket(None);
    let text = ticket.to_text().unwrap();
    let bytes = bytes_of(&text);
    let malformed = |text: &str| {
        assert!(matches!(text.parse::<Ticket>().unwrap_err(), Error::Malformed { .. }), "{text}");
    };
    malformed("");
    malformed("https://example.org/");
    malformed(&["conclave://", &text[..]].concat());
    malformed(&["other:", &text[..]].concat());
    malformed(&["conclave:conclave:", &text[..]].concat());
    malformed(&ticket.card.to_text().unwrap());
    malformed(&text_of("tickets", &bytes));
    let card = text_of("conclave", &bytes);
    assert!(card.parse::<Ticket>().is_err() && card.parse::<Card>().is_err());
    let old = bech32::encode::<Bech32>(Hrp::parse(TICKET_PREFIX).unwrap(), &bytes).unwrap();
    assert_eq!(old.parse::<Ticket>().unwrap_err(), Error::Checksum, "the older checksum");
    let mixed = format!("{}{}", &text[..60], text[60..].to_uppercase());
    assert!(mixed.parse::<Ticket>().is_err());
    assert!(matches!("q".repeat(5_000).parse::<Ticket>().unwrap_err(), Error::TooLarge { .. }));
}

/// With a right checksum over wrong bytes.
#[test]
fn what_is_inside_is_checked() {
    let read = |bytes: &[u8]| text_of(TICKET_PREFIX, bytes).parse::<Ticket>();
    for bound in [None, Some(IdentityKey([3; 32]))] {
        let whole = bytes_of(&ticket(bound).to_text().unwrap());
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            // Whatever is read is another ticket, and has no other form.
            if let Ok(other) = read(&changed) {
                assert_ne!(other, ticket(bound));
                assert_eq!(bytes_of(&other.to_text().unwrap()), changed);
            }
            assert!(read(&whole[..place]).is_err(), "cut at {place}");
        }
        assert!(read(&[&whole[..], &[0]].concat()).is_err());
        let with = |place: usize, byte: u8| {
            let mut changed = whole.clone();
            changed[place] = byte;
            read(&changed).unwrap_err()
        };
        assert_eq!(with(0, 2), Error::Version { found: 2 });
        assert!(matches!(with(57, 2), Error::Malformed { .. }), "unknown flags");
        assert_eq!(with(56, 0xff), Error::Date);
        let mut none = whole.clone();
        none[1..17].fill(0);
        assert!(matches!(read(&none).unwrap_err(), Error::Malformed { .. }), "no id");
    }
    // Its issuer's records are verified.
    let mut forged = bytes_of(&ticket(None).to_text().unwrap());
    *forged.last_mut().unwrap() ^= 0;
    let record = 58 + 1 + 32 + 32 + 1 + 32;
    forged[record] ^= 1;
    assert_eq!(read(&forged).unwrap_err(), Error::Signature);
}

#[test]
fn the_longest_ticket_is_read_and_a_longer_one_is_not_written() {
    let person = Person::new(1, MAX_CARD_DEVICES - 1);
    let fits = |length: usize| {
        let mut ticket = ticket(Some(IdentityKey([3; 32])));
        let address = |length| NetAddress::new("a".repeat(length)).unwrap();
        let card = Card::new(person.records(), person.door.clone(), vec![address(length)], None);
        ticket.card = card.unwrap();
        ticket.to_text().map(|text| (bytes_of(&text).len(), text.to_string(), ticket))
    };
    let (length, text, ticket) = (1..=128).rev().find_map(|length| fits(length).ok()).unwrap();
    assert!(text.len() <= 1_023 && length <= MAX_TICKET_BYTES);
    assert_eq!(text.parse::<Ticket>().unwrap(), ticket);

    let at_most = [0; MAX_TICKET_BYTES];
    let prefix = Hrp::parse(TICKET_PREFIX).unwrap();
    assert!(bech32::encode::<Bech32m>(prefix, &at_most).is_ok(), "the limit is what fits");
    assert!(bech32::encode::<Bech32m>(prefix, &[0; MAX_TICKET_BYTES + 1]).is_err());
    let addresses = vec![NetAddress::new("b".repeat(60)).unwrap(); MAX_CARD_ADDRESSES];
    let mut ticket = ticket;
    ticket.card = Person::new(1, 1).card("", &[]);
    ticket.card = Card::new(ticket.card.records().to_vec(), person.door.clone(), addresses, None)
        .unwrap_or(Person::new(1, 4).card("Ada", &[]));
    assert!(matches!(ticket.to_text().unwrap_err(), Error::TooLarge { limit: MAX_TICKET_BYTES, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tickets_travel(
        id in any::<[u8; 16]>(),
        secret in any::<[u8; 32]>(),
        expires in 0..=membership::UnixSeconds::MAX.seconds(),
        bound in any::<Option<[u8; 32]>>(),
        seed in any::<u64>(),
    ) {
        prop_assume!(id != [0; 16]);
        let card = Person::new(seed, 1).card("Ada", &["[2001:db8::7]:4433"]);
        let bound = bound.map(IdentityKey);
        let ticket =
            Ticket { card, id: TicketId(id), secret: Psk::from_bytes(secret), expires: date(expires), bound };
        prop_assert_eq!(&ticket.to_text().unwrap().parse::<Ticket>().unwrap(), &ticket);
        prop_assert_eq!(&ticket.to_uri().unwrap().to_uppercase().parse::<Ticket>().unwrap(), &ticket);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = text.parse::<Ticket>();
        let _ = text_of(TICKET_PREFIX, &bytes).parse::<Ticket>();
    }
}
