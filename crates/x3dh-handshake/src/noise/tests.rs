//! snow with our primitives against the vectors of Cacophony, and against points that snow by itself would take.

use serde_json::Value;
use snow::HandshakeState;

use super::{EphemeralSlot, build};
use crate::{keys::StaticSecret, testing::FixedRng};

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn key(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn end(vector: &Value, side: &str, remote: Option<[u8; 32]>) -> Box<HandshakeState> {
    let slot = EphemeralSlot::default();
    slot.fill(&mut FixedRng::new(&key(&vector[format!("{side}_ephemeral")])));
    let secret = StaticSecret::from_bytes(&key(&vector[format!("{side}_static")])).unwrap();
    build(&secret, remote.as_ref(), &bytes(&vector[format!("{side}_prologue")]), slot).unwrap()
}

#[test]
fn cacophony() {
    let file: Value =
        serde_json::from_str(include_str!("../../tests/vectors/noise_ik_cacophony.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 1);
    for vector in vectors {
        assert_eq!(vector["protocol_name"], super::NOISE_NAME);
        let mut initiator = end(vector, "init", Some(key(&vector["init_remote_static"])));
        let mut responder = end(vector, "resp", None);
        let messages = vector["messages"].as_array().unwrap();
        let mut out = [0; 1024];
        let mut back = [0; 1024];
        for (index, message) in messages[..2].iter().enumerate() {
            let (sender, receiver) = match index {
                0 => (&mut initiator, &mut responder),
                _ => (&mut responder, &mut initiator),
            };
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

#[test]
fn an_all_zero_key_is_refused_where_snow_alone_takes_it() {
    let secret = StaticSecret::from_bytes(&[1; 32]).unwrap();
    let slot = EphemeralSlot::default();
    slot.fill(&mut FixedRng::new(&[2; 32]));
    let mut initiator = build(&secret, Some(&[0; 32]), b"", slot).unwrap();
    assert_eq!(initiator.write_message(b"", &mut [0; 256]), Err(snow::Error::Dh));

    let mut responder = build(&secret, None, b"", EphemeralSlot::default()).unwrap();
    assert_eq!(responder.read_message(&[0; 96], &mut [0; 256]), Err(snow::Error::Dh));
}

#[test]
fn an_empty_slot_is_an_error_and_a_slot_serves_once() {
    let secret = StaticSecret::from_bytes(&[1; 32]).unwrap();
    let remote = StaticSecret::from_bytes(&[3; 32]).unwrap().public().0;
    let mut state = build(&secret, Some(&remote), b"", EphemeralSlot::default()).unwrap();
    assert_eq!(state.write_message(b"", &mut [0; 256]), Err(snow::Error::Rng));
}
