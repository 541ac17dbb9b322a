//! The frozen vectors: the same conversation is the same bytes, whoever takes part in it, and so are the same values.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/conversation.rs"]
mod conversation;
#[path = "support/raw.rs"]
mod raw;

use std::fmt::Debug;

use actor_proxy::Payload;
use conversation::{ANN, BOB, CAROL, Line, NAMES, Recording};
use serde_json::Value;

fn frozen() -> Recording {
    let vectors: Value = serde_json::from_str(include_str!("vectors/conversation.json")).unwrap();
    let person = |name: &Value| NAMES.iter().position(|known| *known == name.as_str().unwrap()).unwrap();
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let lines = vectors["envelopes"].as_array().unwrap().iter().map(|line| Line {
        round: number(&line["round"]),
        from: person(&line["from"]),
        to: person(&line["to"]),
        lane: number(&line["lane"]),
        envelope: hex::decode(line["hex"].as_str().unwrap()).unwrap().into(),
    });
    let effects = NAMES.map(|name| {
        let effects = vectors["effects"][name].as_array().unwrap().iter();
        effects.map(|effect| effect.as_str().unwrap().to_owned()).collect()
    });
    Recording { lines: lines.collect(), effects }
}

#[test]
fn the_same_conversation_is_the_same_bytes() {
    assert_eq!(conversation::record(), frozen());
}

#[test]
fn each_of_them_plays_its_part_to_the_recorded_others() {
    let frozen = frozen();
    for who in [ANN, BOB, CAROL] {
        let played = conversation::replay(who, &frozen);
        let own: Vec<Line> = frozen.lines.iter().filter(|line| line.from == who).cloned().collect();
        assert_eq!(played.lines, own, "{} says something else", NAMES[who]);
        assert_eq!(played.effects[who], frozen.effects[who], "{} sees something else", NAMES[who]);
    }
}

#[test]
fn every_kind_of_envelope_and_address_occurs() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/conversation.json")).unwrap();
    let names: Vec<&str> =
        vectors["envelopes"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    for kind in [
        "HELLO",
        "MESSAGE",
        "MESSAGE_WITH",
        "REPLY",
        "REFUSAL",
        "CONFIRMED",
        "CREDIT",
        "ENDED",
        "GONE",
        "RELEASE",
        "HOLD",
        "HOLDS_DONE",
        "HELD",
        "LOOK_UP",
        "FOUND",
        "LIST",
        "SERVICES",
    ] {
        assert!(names.iter().any(|name| name.split([' ', ',']).next() == Some(kind)), "no {kind}");
    }
    for address in ["YOURS", "MINE", "THIRD", "THIRD through the sender", "ONE-TIME"] {
        assert!(names.iter().any(|name| name.split(", ").any(|part| part == address)), "no {address}");
    }
    assert!(names.contains(&"MESSAGE_WITH to be confirmed"));
}

#[test]
fn the_same_values_are_the_same_bodies() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/bodies.json")).unwrap();
    assert_eq!(bodies::all(), vectors);
}

#[test]
fn recorded_bodies_are_read() {
    struct Reading(std::vec::IntoIter<Value>);
    impl bodies::Visit for Reading {
        fn visit<T: Payload + Debug + PartialEq>(&mut self, value: fn() -> T) {
            let vector = self.0.next().unwrap();
            for (format, name) in [(0, "native"), (1, "cbor")] {
                let body = hex::decode(vector[name].as_str().unwrap()).unwrap();
                assert_eq!(bodies::read::<T>(format, &body), Some(value()), "{vector}");
            }
        }
    }
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors/bodies.json")).unwrap();
    let mut reading = Reading(vectors.into_iter());
    bodies::visit(&mut reading);
    assert!(reading.0.next().is_none());
}
