//! Key shares, replies and challenges of any bytes: refused unless they are the honest ones, and what waited for them
//! goes on as if nothing had come.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{
    Accepted, BootId, Capabilities, Credential, Door, FirstFlight, IdentityKey, Initiator, InitiatorConfig,
    Knock, Limits, Psk, ReplyConfig, ResponderKeys, StaticSecret, Suite, Tag, TicketId, TrafficAead,
};

fuzz_target!(|input: &[u8]| {
    let Some((selector, input)) = input.split_first() else { return };
    let suites = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2];
    let suite = suites[usize::from(*selector) % suites.len()];
    let psk = suite.needs_ticket().then(|| Psk::from_bytes([5; 32]));
    let keys = ResponderKeys {
        static_secret: StaticSecret::from_bytes(&[1; 32]).expect("any bytes are a key"),
        identity: IdentityKey([2; 32]),
        door: Door::from_bytes([3; 32]),
        previous_doors: Vec::new(),
        anonymous_door: None,
    };
    let (initiator, flight) = start(suite, &keys, psk.as_ref());
    let packets: Vec<&[u8]> = flight.packets().collect();
    let knock = Knock::check(&keys, packets[0]).expect("an honest packet");
    let proven = knock.claim(&keys).and_then(|claim| claim.prove(&keys)).expect("an honest packet");
    let mut accepted = proven.accept(psk.as_ref()).expect("an honest packet");

    assert!(flight.read_challenge(&keys.door, input).is_err());
    accepted = wrong_key_share(accepted, input, packets.get(1).copied());
    if let Some(part) = packets.get(1) {
        accepted = accepted.key_share(part).map_err(|_| ()).expect("the one committed to");
    }
    let (reply, responder) = accepted.reply(&REPLY, &mut StdRng::seed_from_u64(2)).expect("an honest packet");
    let initiator = match initiator.read_reply(input) {
        Err((initiator, _)) => initiator,
        Ok(_) => return assert_eq!(input, reply),
    };
    let established = initiator.read_reply(&reply).map_err(|_| ()).expect("the honest reply");
    assert_eq!(established.transcript, responder.transcript);
});

const LIMITS: Limits = Limits { session_window_kib: 1, stream_window_kib: 1 };

const REPLY: ReplyConfig = ReplyConfig {
    aead: TrafficAead::Aes256Gcm,
    boot: BootId([4; 16]),
    capabilities: Capabilities::BOTH_AEADS,
    limits: LIMITS,
    tag: Tag(5),
};

fn wrong_key_share(accepted: Accepted, input: &[u8], right: Option<&[u8]>) -> Accepted {
    let needed = accepted.needs_key_share();
    match accepted.key_share(input) {
        Err((accepted, _)) => {
            assert_eq!(accepted.needs_key_share(), needed);
            accepted
        }
        Ok(accepted) => {
            assert_eq!(Some(input), right);
            accepted
        }
    }
}

fn start(suite: Suite, keys: &ResponderKeys, psk: Option<&Psk>) -> (Initiator, FirstFlight) {
    let config = InitiatorConfig {
        suite,
        static_secret: &StaticSecret::from_bytes(&[6; 32]).expect("any bytes are a key"),
        credential: &Credential([7; 120]),
        responder_identity: &keys.identity,
        responder_static: &keys.static_secret.public(),
        door: &keys.door,
        ticket: psk.map(|psk| (TicketId([10; 16]), psk)),
        counter: 1,
        boot: BootId([8; 16]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: LIMITS,
        tag: Tag(9),
    };
    Initiator::start(&config, &mut StdRng::seed_from_u64(1)).expect("the configuration is sound")
}
