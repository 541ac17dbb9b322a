//! A first packet of any bytes: from a stranger it ends at the door; from somebody who knows the door it ends before
//! anything is answered, unless it is the honest packet, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use sha3::{Digest, Sha3_256};
use x3dh_handshake::{
    Accepted, BootId, Capabilities, CookieSecret, Credential, Door, FirstFlight, IdentityKey, Initiator,
    InitiatorConfig, Knock, Limits, Psk, Rejected, ResponderKeys, StaticSecret, Suite, Tag, TicketId,
    anonymous::{AnonymousKnock, Call, Caller, CallerConfig},
    cookie, derive,
};

const NAMED: [Suite; 4] = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2];

fuzz_target!(|input: &[u8]| {
    let keys = ResponderKeys {
        static_secret: StaticSecret::from_bytes(&[1; 32]).expect("any bytes are a key"),
        identity: IdentityKey([2; 32]),
        door: Door::from_bytes([3; 32]),
        previous_doors: vec![Door::from_bytes([4; 32])],
        anonymous_door: Some(Door::from_bytes([12; 32])),
    };
    let secret = CookieSecret::from_bytes([5; 32]);
    assert!(cookie::open(input, [&secret], b"source", 0).is_err());
    let behind_the_door = [input, &door_mac(&[3; 32], input)].concat();
    for packet in [input, &behind_the_door] {
        match accept(&keys, packet) {
            Err(Rejected) => {}
            Ok(_) => assert!(NAMED.iter().any(|suite| honest(*suite, &keys) == packet)),
        }
    }
    let behind_the_anonymous_door = [input, &door_mac(&[12; 32], input)].concat();
    for packet in [input, &behind_the_anonymous_door] {
        if hear(&keys, packet).is_ok() {
            assert_eq!(packet, honest_call(&keys));
        }
    }
    assert!(Knock::check(&keys, &behind_the_anonymous_door).is_err());
    assert!(AnonymousKnock::check(&keys, &behind_the_door).is_err());
});

fn accept(keys: &ResponderKeys, packet: &[u8]) -> Result<Accepted, Rejected> {
    let mut rng = StdRng::seed_from_u64(1);
    let knock = Knock::check(keys, packet)?;
    let challenge = knock.challenge(&CookieSecret::from_bytes([5; 32]), b"source", 0, &mut rng);
    assert!(challenge.is_ok_and(|challenge| challenge.len() < packet.len()));
    let proven = knock.claim(keys)?.prove(keys)?;
    let psk = proven.ticket().map(|_| Psk::from_bytes([11; 32]));
    proven.accept(psk.as_ref())
}

fn hear(keys: &ResponderKeys, packet: &[u8]) -> Result<Call, Rejected> {
    AnonymousKnock::check(keys, packet)?.open(keys)
}

/// The one call that is right.
fn honest_call(keys: &ResponderKeys) -> Vec<u8> {
    let config = CallerConfig {
        responder_identity: &keys.identity,
        responder_static: &keys.static_secret.public(),
        door: &Door::from_bytes([12; 32]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: Limits { session_window_kib: 1, stream_window_kib: 1 },
        tag: Tag(9),
    };
    let started = Caller::start(&config, &mut StdRng::seed_from_u64(1));
    let (_, flight) = started.expect("the configuration is sound");
    flight.packets().next().expect("a flight has a first packet").to_vec()
}

/// The one packet that is right: a seed holds it, so that what the fuzzer changes is close to it.
fn honest(suite: Suite, keys: &ResponderKeys) -> Vec<u8> {
    let psk = Psk::from_bytes([11; 32]);
    let config = InitiatorConfig {
        suite,
        static_secret: &StaticSecret::from_bytes(&[6; 32]).expect("any bytes are a key"),
        credential: &Credential([7; 120]),
        responder_identity: &keys.identity,
        responder_static: &keys.static_secret.public(),
        door: &keys.door,
        ticket: suite.needs_ticket().then_some((TicketId([10; 16]), &psk)),
        counter: 1,
        boot: BootId([8; 16]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: Limits { session_window_kib: 1, stream_window_kib: 1 },
        tag: Tag(9),
    };
    let started = Initiator::start(&config, &mut StdRng::seed_from_u64(1));
    let (_, flight): (_, FirstFlight) = started.expect("the configuration is sound");
    flight.packets().next().expect("a flight has a first packet").to_vec()
}

/// `mac1`, as somebody computes it who knows the door.
fn door_mac(door: &[u8; 32], covered: &[u8]) -> [u8; 16] {
    const LABEL: &str = "Conclave1 mac1";
    let mut hash = Sha3_256::new();
    for part in [LABEL.as_bytes(), covered] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut mac = [0; 16];
    derive(LABEL, &[door, &digest], &mut mac);
    mac
}
