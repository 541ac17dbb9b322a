//! Prints the frozen test vectors of `docs/PROTOCOL.md` §13, made anew, for `cargo xtask vectors`.

use serde_json::{Value, json};

#[path = "../tests/support/bodies.rs"]
mod bodies;
#[path = "../tests/support/conversation.rs"]
mod conversation;
#[path = "../tests/support/raw.rs"]
mod raw;

use conversation::{Line, NAMES, Recording};

const KINDS: [&str; 17] = [
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
];

fn main() {
    let Recording { lines, effects } = conversation::record();
    let effects: Value =
        NAMES.iter().zip(effects).map(|(name, effects)| (name.to_string(), json!(effects))).collect();
    let vectors = json!({
        "bodies.json": bodies::all(),
        "conversation.json": { "envelopes": lines.iter().map(line).collect::<Vec<_>>(), "effects": effects },
    });
    println!("{vectors:#}");
}

fn line(line: &Line) -> Value {
    json!({
        "round": line.round,
        "from": NAMES.get(line.from),
        "to": NAMES.get(line.to),
        "lane": line.lane,
        "name": name(&line.envelope),
        "hex": hex::encode(&line.envelope),
    })
}

/// The kind of an envelope, and of the addresses in it.
fn name(envelope: &[u8]) -> String {
    let kind = envelope.first().and_then(|kind| KINDS.get(usize::from(*kind).wrapping_sub(1)));
    let mut name = kind.map_or_else(|| "?".to_owned(), |kind| (*kind).to_owned());
    let table = match envelope {
        [0x03, _, _, _, _, flag, _, _, _, _, table @ ..] => {
            if *flag == 1 {
                name += " to be confirmed";
            }
            table
        }
        [0x04, _, _, _, _, table @ ..] => table,
        _ => return name,
    };
    let Some((&[count, _], mut rest)) = table.split_first_chunk() else { return name };
    for _ in 0..count {
        let text = |at: usize| 1 + rest.get(at).map_or(0, |length| usize::from(*length));
        let (entry, length) = match rest {
            [0, ..] => (", YOURS", 1 + 16),
            [1, ..] => (", MINE", 31 + text(31)),
            [2, flags, ..] if flags & 2 == 0 => (", THIRD", 99 + text(99)),
            [2, ..] => (", THIRD through the sender", 99 + text(99) + 28),
            _ => (", ONE-TIME", 1 + 4 + 1),
        };
        name += entry;
        rest = rest.get(length..).unwrap_or_default();
    }
    name
}
