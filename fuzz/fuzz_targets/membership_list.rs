//! Lists of members of any text: what is read holds together and is written again as it was understood; and whatever
//! a person types to find somebody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use membership::{MemberId, Members, NetAddress, Petname};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(id) = text.parse::<MemberId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text));
    }
    if let Ok(name) = text.parse::<Petname>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.contains(char::is_control));
    }
    if let Ok(address) = text.parse::<NetAddress>() {
        assert_eq!(address.as_str(), text);
    }
    let Ok(members) = serde_json::from_str::<Members>(text) else { return };
    let again = serde_json::to_string(&members).expect("it was read from one");
    assert_eq!(serde_json::from_str::<Members>(&again).expect("written by us"), members);
    for member in members.iter() {
        assert_eq!(members.get(&member.identity()), Some(member));
        assert_eq!(
            members.find(&member.id().to_string()).map(|found| found.identity()),
            Ok(member.identity())
        );
    }
});
