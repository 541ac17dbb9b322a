//! Nothing that is printed for debugging shows a secret.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use core::fmt::Debug;

use membership::{Members, StaticSecret};
use support::Person;

/// Whether any four consecutive bytes of the secret can be read from what `Debug` prints, as digits or as a list.
fn shows(value: &dyn Debug, secret: &[u8]) -> bool {
    let printed = [format!("{value:?}"), format!("{value:#?}")].map(|text| text.to_lowercase());
    secret.windows(4).any(|bytes| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = |separator: &str| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(separator);
        let lists = [list(", "), list(",\n    "), list(",\n        "), list(",\n            ")];
        printed.iter().any(|text| text.contains(&digits) || lists.iter().any(|list| text.contains(list)))
    })
}

#[test]
fn the_search_finds_what_is_shown() {
    let secret: Vec<u8> = (100..132).collect();
    assert!(shows(&secret, &secret));
    assert!(shows(&"6465666768", &secret));
}

#[test]
fn no_secret_is_shown() {
    let person = Person::new(1, 2);
    let card = person.card("Ada", &["203.0.113.7:4433"]);
    let mut members = Members::new();
    members.add(&card).unwrap();
    let member = members.get(&person.identity.key()).unwrap();
    let device = &person.devices[0];
    let stored = StaticSecret::from_bytes(device.secret().dangerous_bytes()).unwrap();

    let identity_secret = person.identity.dangerous_file_bytes()[2..34].to_vec();
    let device_secret = device.dangerous_file_bytes()[18..50].to_vec();
    let door = person.door.dangerous_bytes().to_vec();
    let values: [&dyn Debug; 9] =
        [&person.identity, device, device.secret(), &stored, &person.door, &card, &members, member, &person];
    for value in values {
        for secret in [&identity_secret, &device_secret, &door] {
            assert!(!shows(value, secret), "{value:?}");
        }
    }
}
