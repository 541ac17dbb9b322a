//! Cards of any text, and of any bytes in a text with the right checksum: what is read is written again as it was.
#![no_main]

use bech32::{Bech32m, Hrp};
use libfuzzer_sys::fuzz_target;
use membership::{CARD_PREFIX, Card, MAX_CARD_TEXT_BYTES, Members, UnixSeconds};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        read(text);
    }
    let prefix = Hrp::parse(CARD_PREFIX).expect("a fit prefix");
    if let Ok(text) = bech32::encode::<Bech32m>(prefix, input) {
        read(&text);
        read(&text.to_ascii_uppercase());
    }
});

fn read(text: &str) {
    let Ok(card) = text.parse::<Card>() else { return };
    assert!(text.len() <= MAX_CARD_TEXT_BYTES);
    assert!(card.to_text().expect("it was read from one").eq_ignore_ascii_case(text));
    let mut members = Members::new();
    members.add(&card).expect("the only one");
    let member = members.get(&card.identity()).expect("just added");
    assert!(
        member
            .devices()
            .all(|record| record.identity() == card.identity() && record.expires() <= UnixSeconds::MAX)
    );
}
