//! The crate against the frozen vectors, and the frozen vectors against the second implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;
mod oracle;

use std::{fs, path::Path};

use common::{FixedRng, secrets};
use oracle::{
    Inputs,
    document::{COOKIE_NONCE_START, COOKIE_SECRET_START, COOKIE_SOURCE, COOKIES, VARIANTS, document},
    pattern,
};
use proptest::prelude::*;
use serde_json::Value;
use x3dh_handshake::{
    BootId, Capabilities, CookieSecret, Credential, Door, Established, FirstFlight, IdentityKey, Initiator,
    InitiatorConfig, Knock, Limits, Psk, ReplyConfig, ResponderKeys, StaticSecret, Suite, Tag, TicketId,
    TrafficAead,
    anonymous::{AnonymousEstablished, AnonymousKnock, Caller, CallerConfig},
    cookie, rekey,
};

fn frozen(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// What the crate makes of the same inputs.
struct Run {
    packets: Vec<Vec<u8>>,
    reply: Vec<u8>,
    exported: [u8; 48],
    initiator: [Vec<u8>; 5],
    responder: [Vec<u8>; 5],
}

fn limits(windows: [u32; 2]) -> Limits {
    Limits { session_window_kib: windows[0], stream_window_kib: windows[1] }
}

/// The responder. Its doors differ, so that a suite behind the wrong one shows.
fn keys(input: &Inputs) -> ResponderKeys {
    let (door, other) = (Door::from_bytes(input.door), Door::from_bytes([0x0d; 32]));
    let anonymous = input.suite == Suite::NoiseNk.id();
    let (door, anonymous_door) = if anonymous { (other, door) } else { (door, other) };
    ResponderKeys {
        static_secret: StaticSecret::from_bytes(&input.b).unwrap(),
        identity: IdentityKey(input.identity_r),
        door,
        previous_doors: Vec::new(),
        anonymous_door: Some(anonymous_door),
    }
}

fn reply_config(input: &Inputs) -> ReplyConfig {
    ReplyConfig {
        aead: TrafficAead::from_id(input.aead).unwrap(),
        boot: BootId(input.boot_r),
        capabilities: Capabilities(input.capabilities_r),
        limits: limits(input.windows_r),
        tag: Tag(input.tag_r),
    }
}

fn run(input: &Inputs) -> Run {
    if input.suite == Suite::NoiseNk.id() { run_anonymous(input) } else { run_named(input) }
}

fn start_named(input: &Inputs, keys: &ResponderKeys) -> (Initiator, FirstFlight) {
    let psk = input.ticket.map(|(_, secret)| Psk::from_bytes(secret));
    let secret = StaticSecret::from_bytes(&input.a).unwrap();
    let config = InitiatorConfig {
        suite: Suite::from_id(input.suite).unwrap(),
        static_secret: &secret,
        credential: &Credential(input.credential),
        responder_identity: &keys.identity,
        responder_static: &keys.static_secret.public(),
        door: &keys.door,
        ticket: input.ticket.map(|(id, _)| TicketId(id)).zip(psk.as_ref()),
        counter: input.counter,
        boot: BootId(input.boot_i),
        capabilities: Capabilities(input.capabilities_i),
        limits: limits(input.windows_i),
        tag: Tag(input.tag_i),
    };
    Initiator::start(&config, &mut FixedRng::new(&[&input.x, &input.kem_seed])).unwrap()
}

fn run_named(input: &Inputs) -> Run {
    let psk = input.ticket.map(|(_, secret)| Psk::from_bytes(secret));
    let keys = keys(input);
    let (initiator, flight) = start_named(input, &keys);
    let packets: Vec<Vec<u8>> = flight.packets().map(<[u8]>::to_vec).collect();

    let mut accepted = common::accept(&keys, psk.as_ref(), &packets[0]).unwrap();
    if let Some(part) = packets.get(1) {
        accepted = accepted.key_share(part).unwrap();
    }
    let mut rng = FixedRng::new(&[&input.y, &input.kem_m]);
    let (reply, responder) = accepted.reply(&reply_config(input), &mut rng).unwrap();
    let initiator: Established = initiator.read_reply(&reply).unwrap();
    let mut exported = [0; 48];
    initiator.secrets.exporter().export("label", b"context", &mut exported);
    Run { packets, reply, exported, initiator: secrets(initiator), responder: secrets(responder) }
}

fn run_anonymous(input: &Inputs) -> Run {
    let keys = keys(input);
    let config = CallerConfig {
        responder_identity: &keys.identity,
        responder_static: &keys.static_secret.public(),
        door: keys.anonymous_door.as_ref().unwrap(),
        capabilities: Capabilities(input.capabilities_i),
        limits: limits(input.windows_i),
        tag: Tag(input.tag_i),
    };
    let (caller, flight) = Caller::start(&config, &mut FixedRng::new(&[&input.x])).unwrap();
    let packets: Vec<Vec<u8>> = flight.packets().map(<[u8]>::to_vec).collect();
    let call = AnonymousKnock::check(&keys, &packets[0]).unwrap().open(&keys).unwrap();
    let (reply, node) = call.reply(&reply_config(input), &mut FixedRng::new(&[&input.y])).unwrap();
    let caller: AnonymousEstablished = caller.read_reply(&reply).unwrap();
    let mut exported = [0; 48];
    caller.secrets.exporter().export("label", b"context", &mut exported);
    let [initiator, responder] = [caller, node].map(common::anonymous_secrets);
    Run { packets, reply, exported, initiator, responder }
}

#[test]
fn the_crate_makes_the_frozen_packets_and_secrets() {
    for (name, suite, with_ticket) in VARIANTS {
        let file = frozen(name);
        let values = &file["values"];
        let run = run(&Inputs::frozen(suite, with_ticket));
        let first = values.get("M1a").or(values.get("M1")).unwrap();
        assert_eq!(run.packets[0], bytes(first), "{name}");
        assert_eq!(run.packets.get(1).cloned(), values.get("M1b").map(bytes), "{name}");
        assert_eq!(run.reply, bytes(&values["M2"]), "{name}");
        assert_eq!(run.exported.to_vec(), bytes(&values["export(label, context)[48]"]), "{name}");
        let expected = ["r0", "c_I", "c_R", "ex", "h6"].map(|key| bytes(&values[key]));
        assert_eq!(run.initiator, expected, "{name}");
        assert_eq!(run.responder, expected, "{name}");
    }
}

#[test]
fn the_second_implementation_makes_the_frozen_files() {
    for (name, content) in document() {
        assert_eq!(frozen(&name), content, "{name}");
    }
}

#[test]
fn cookies_and_puzzles_are_as_frozen() {
    for (name, bits) in COOKIES {
        let file = frozen(name);
        let values = &file["values"];
        let input = Inputs::frozen(0x0001, false);
        let keys = keys(&input);
        let (_, flight) = start_named(&input, &keys);
        let secret = CookieSecret::from_bytes(pattern(COOKIE_SECRET_START));
        let mut rng = FixedRng::new(&[&pattern::<16>(COOKIE_NONCE_START)]);
        let first = flight.packets().next().unwrap();
        let knock = Knock::check(&keys, first).unwrap();
        let challenge = knock.challenge(&secret, COOKIE_SOURCE, bits, &mut rng).unwrap();
        assert_eq!(challenge, bytes(&values["challenge"]), "{name}");
        let puzzle = flight.read_challenge(&keys.door, &challenge).unwrap();
        let cookied = flight.with_cookie(&puzzle.try_solve(0..u64::MAX).unwrap()).unwrap();
        let cookied = cookied.packets().next().unwrap();
        assert_eq!(cookied, bytes(&values["cookied"]), "{name}");
        assert_eq!(cookie::open(cookied, [&secret], COOKIE_SOURCE, bits), Ok(first));
    }
}

#[test]
fn rekeys_are_as_frozen() {
    let file = frozen("rekey.json");
    let input = Inputs::frozen(0x0001, false);
    for (suite, values) in [(Suite::X3dhHybrid, &file["with KEM"]), (Suite::NoiseIk, &file["without KEM"])] {
        let offer = rekey::Offer::new(suite, &mut FixedRng::new(&[&input.x, &input.kem_seed])).unwrap();
        assert_eq!(offer.request(), bytes(&values["request"]));
        let mut rng = FixedRng::new(&[&input.y, &input.kem_m]);
        let (response, fresh) = rekey::answer(suite, offer.request(), &mut rng).unwrap();
        assert_eq!(response, bytes(&values["response"]));
        let same = offer.finish(&response).unwrap();
        for fresh in [fresh, same] {
            assert_eq!(fresh.dangerous_secret(), bytes(&values["secret"]));
            assert_eq!(fresh.transcript().to_vec(), bytes(&values["transcript"]));
        }
    }
}

fn inputs() -> impl Strategy<Value = Inputs> {
    let secrets = any::<([u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32])>();
    let kem = (any::<[u8; 32]>(), any::<[u8; 32]>());
    let numbers = any::<(u32, u32, u64, u32, u32, [u32; 2], [u32; 2])>();
    let names = (any::<[u8; 16]>(), any::<[u8; 16]>(), prop::collection::vec(any::<u8>(), 120));
    let ticket = ((prop::array::uniform16(1_u8..), any::<[u8; 32]>()), any::<bool>());
    let suite = prop::sample::select(vec![0x0001_u16, 0x0002, 0x0101, 0x0102, 0x0103]);
    (suite, ticket, secrets, kem, numbers, names, 1_u8..=2).prop_map(
        |(suite, ticket, (a, b, x, y, door, identity_r, kem_m), (d, z), numbers, names, aead)| {
            let (tag_i, tag_r, counter, capabilities_i, capabilities_r, windows_i, windows_r) = numbers;
            let mut kem_seed = [0; 64];
            kem_seed[..32].copy_from_slice(&d);
            kem_seed[32..].copy_from_slice(&z);
            Inputs {
                suite,
                ticket: match suite {
                    0x0101 | 0x0103 => None,
                    0x0102 => Some(ticket.0),
                    _ => ticket.1.then_some(ticket.0),
                },
                a,
                credential: names.2.try_into().unwrap(),
                b,
                identity_r,
                door,
                tag_i,
                tag_r,
                counter,
                boot_i: names.0,
                boot_r: names.1,
                capabilities_i: capabilities_i | 3,
                capabilities_r: capabilities_r | 3,
                windows_i,
                windows_r,
                aead,
                x,
                kem_seed,
                y,
                kem_m,
                forged: oracle::Forged::default(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn both_implementations_agree_byte_for_byte(input in inputs()) {
        prop_assume!(input.a != input.b);
        let values = oracle::document::values(&input);
        let run = run(&input);
        let first = if input.suite >= 0x0101 { "M1" } else { "M1a" };
        prop_assert_eq!(&run.packets[0][..], values.get(first));
        if input.suite == 0x0001 {
            prop_assert_eq!(&run.packets[1][..], values.get("M1b"));
        }
        prop_assert_eq!(&run.reply[..], values.get("M2"));
        let expected = ["r0", "c_I", "c_R", "ex", "h6"].map(|key| values.get(key).to_vec());
        prop_assert_eq!(run.initiator, expected.clone());
        prop_assert_eq!(run.responder, expected);
    }
}
