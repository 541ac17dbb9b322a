//! Tickets of any text, and of any bytes in a text with the right checksum: what is read is written again as it was.
//! Beside them what else people type in: keys as text, recovery words, files under a passphrase.
#![no_main]

use bech32::{Bech32m, Hrp};
use libfuzzer_sys::fuzz_target;
use membership::{Identity, KEY_PREFIX, KeyText, MAX_TICKET_BYTES, TICKET_PREFIX, Ticket};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        read(text);
        if let Ok(identity) = Identity::from_words(text) {
            let words = identity.to_words().expect("it was read");
            assert!(words.split(' ').eq(text.to_ascii_lowercase().split_whitespace()));
        }
    }
    for prefix in [TICKET_PREFIX, KEY_PREFIX] {
        let prefix = Hrp::parse(prefix).expect("a fit prefix");
        if let Ok(text) = bech32::encode::<Bech32m>(prefix, input) {
            read(&text);
            read(&text.to_ascii_uppercase());
            read(&["conclave:", &text].concat());
        }
    }
    // The header alone: what opening costs is bounded, and still too much here.
    let _ = Identity::sealed_key(input);
});

fn read(text: &str) {
    if let Ok(ticket) = text.parse::<Ticket>() {
        let (again, uri) = (ticket.to_text().expect("it was read"), ticket.to_uri().expect("it was read"));
        assert!(again.eq_ignore_ascii_case(text) || uri.eq_ignore_ascii_case(text));
        assert!(text.len() <= MAX_TICKET_BYTES * 2);
    }
    if let Ok(key) = text.parse::<KeyText>() {
        assert!(key.to_string().eq_ignore_ascii_case(text));
    }
}
