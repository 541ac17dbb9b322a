//! snow with our primitives against the vectors of Cacophony, and against points that snow by itself would take.

use serde_json::Value;
use snow::HandshakeState;

use super::{Beginning, EphemeralSlot, noise_name};
use crate::{keys::StaticSecret, secret::Psk, suite::Suite, testing::FixedRng};

const SUITES: [Suite; 3] = [Suite::NoiseIk, Suite::NoiseIkPsk2, Suite::NoiseNk];

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn key(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn filled(bytes: &[u8; 32]) -> EphemeralSlot {
    let slot = EphemeralSlot::default();
    slot.fill(&mut FixedRng::new(bytes)).unwrap();
    slot
}

fn end(suite: Suite, vector: &Value, side: &str) -> Box<HandshakeState> {
    let given = |field: &str| vector.get(format!("{side}_{field}"));
    let secret = given("static").map(|secret| StaticSecret::from_bytes(&key(secret)).unwrap());
    let psk = given("psks").map(|psks| Psk::from_bytes(key(&psks[0])));
    Beginning {
        suite,
        static_secret: secret.as_ref(),
        remote: given("remote_static").map(key).as_ref(),
        psk: psk.as_ref(),
        prologue: &bytes(&vector[format!("{side}_prologue")]),
    }
    .build(filled(&key(&vector[format!("{side}_ephemeral")])))
    .unwrap()
}

/// Whose turn a message is: the initiator's first.
fn turn<'a>(
    index: usize,
    ends: (&'a mut HandshakeState, &'a mut HandshakeState),
) -> (&'a mut HandshakeState, &'a mut HandshakeState) {
    if index.is_multiple_of(2) { ends } else { (ends.1, ends.0) }
}

#[test]
fn cacophony() {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/noise_cacophony.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), SUITES.len());
    for (vector, suite) in vectors.iter().zip(SUITES) {
        assert_eq!(vector["protocol_name"], noise_name(suite));
        let (mut initiator, mut responder) = (end(suite, vector, "init"), end(suite, vector, "resp"));
        let messages = vector["messages"].as_array().unwrap();
        let mut out = [0; 1024];
        let mut back = [0; 1024];
        for (index, message) in messages[..2].iter().enumerate() {
            let (sender, receiver) = turn(index, (&mut initiator, &mut responder));
            let payload = bytes(&message["payload"]);
            let written = sender.write_message(&payload, &mut out).unwrap();
            assert_eq!(out[..written], bytes(&message["ciphertext"]));
            let read = receiver.read_message(&out[..written], &mut back).unwrap();
            assert_eq!(back[..read], payload);
        }
        let hash = bytes(&vector["handshake_hash"]);
        assert_eq!(initiator.get_handshake_hash(), hash);
        assert_eq!(responder.get_handshake_hash(), hash);
        assert_eq!(initiator.dangerously_get_raw_split(), responder.dangerously_get_raw_split());

        let mut initiator = initiator.into_transport_mode().unwrap();
        let mut responder = responder.into_transport_mode().unwrap();
        for (index, message) in messages.iter().enumerate().skip(2) {
            let (sender, receiver) = match index % 2 {
                0 => (&mut initiator, &mut responder),
                _ => (&mut responder, &mut initiator),
            };
            let payload = bytes(&message["payload"]);
            let written = sender.write_message(&payload, &mut out).unwrap();
            assert_eq!(out[..written], bytes(&message["ciphertext"]));
            let read = receiver.read_message(&out[..written], &mut back).unwrap();
            assert_eq!(back[..read], payload);
        }
    }
}

/// One end of a suite with keys of no importance.
fn some_end(suite: Suite, remote: Option<&[u8; 32]>, slot: EphemeralSlot) -> Box<HandshakeState> {
    let secret = StaticSecret::from_bytes(&[1; 32]).unwrap();
    let has_static = remote.is_none() || !suite.is_anonymous();
    let psk = Psk::from_bytes([4; 32]);
    let psk = suite.needs_ticket().then_some(&psk);
    Beginning { suite, static_secret: has_static.then_some(&secret), remote, psk, prologue: b"" }
        .build(slot)
        .unwrap()
}

#[test]
fn an_all_zero_key_is_refused_where_snow_alone_takes_it() {
    for suite in SUITES {
        let mut initiator = some_end(suite, Some(&[0; 32]), filled(&[2; 32]));
        assert_eq!(initiator.write_message(b"", &mut [0; 256]), Err(snow::Error::Dh));
        let mut responder = some_end(suite, None, EphemeralSlot::default());
        assert_eq!(responder.read_message(&[0; 96], &mut [0; 256]), Err(snow::Error::Dh));
    }
}

#[test]
fn an_empty_slot_is_an_error_and_a_slot_serves_once() {
    let remote = StaticSecret::from_bytes(&[3; 32]).unwrap().public().0;
    for suite in SUITES {
        let mut state = some_end(suite, Some(&remote), EphemeralSlot::default());
        assert_eq!(state.write_message(b"", &mut [0; 256]), Err(snow::Error::Rng));
        let slot = filled(&[2; 32]);
        let [mut first, mut second] = [slot.clone(), slot].map(|slot| some_end(suite, Some(&remote), slot));
        assert!(first.write_message(b"", &mut [0; 256]).is_ok());
        assert_eq!(second.write_message(b"", &mut [0; 256]), Err(snow::Error::Rng));
    }
}
