//! The frozen vectors: opened with nothing but the cipher, and made again by this crate.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support/fixed_rng.rs"]
mod fixed_rng;
mod support;

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use fixed_rng::FixedRng;
use secure_channel::{
    Association, Limits, Opener, PathNumber, Rekey, Role, Sealer, SessionSecrets, Suite, Tag, TrafficAead,
    split,
};
use serde_json::Value;
use shake::{ExtendableOutput, Shake256, Update, XofReader};

fn load(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn shake(parts: &[&[u8]], length: usize) -> Vec<u8> {
    let mut hash = Shake256::default();
    hash.update(&parts.concat());
    let mut output = vec![0; length];
    hash.finalize_xof().read(&mut output);
    output
}

/// Sessions of the vectors: only the exporter's 32 bytes do not matter here.
fn end(role: Role, suite: Suite, aead: TrafficAead) -> (Sealer, Opener, Rekey) {
    let vectors = load("packets.json");
    let parts = ["root", "initiator_chain", "responder_chain"].map(|part| bytes(&vectors[part])).concat();
    let secrets = SessionSecrets::dangerous_from_bytes(&[&parts[..], &[0; 32]].concat().try_into().unwrap());
    let tag = |whose: &str| Tag(number(&vectors[whose]).try_into().unwrap());
    let (initiators, responders) = (tag("initiators_tag"), tag("responders_tag"));
    let (local_tag, remote_tag) = match role {
        Role::Initiator => (initiators, responders),
        Role::Responder => (responders, initiators),
    };
    split(Association { secrets, role, suite, aead, local_tag, remote_tag }, Limits::default()).unwrap()
}

/// The packet of a vector, opened with nothing but the cipher and put together.
fn whole(aead: TrafficAead, vector: &Value) -> Vec<u8> {
    let algorithm = match aead {
        TrafficAead::Aes256Gcm => &AES_256_GCM,
        _ => &CHACHA20_POLY1305,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &bytes(&vector["key"])).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&bytes(&vector["nonce"])).unwrap();
    let header = bytes(&vector["header"]);
    let sealed = [bytes(&vector["ciphertext"]), bytes(&vector["authentication_tag"])].concat();
    let mut opened = sealed.clone();
    let plaintext = key.open_in_place(nonce, Aad::from(&header), &mut opened).unwrap();
    assert_eq!(plaintext, bytes(&vector["plaintext"]));
    [header, sealed].concat()
}

#[test]
fn the_schedule_is_as_frozen() {
    let vectors = load("schedule.json");
    for epoch in vectors["epochs"].as_array().unwrap() {
        let step = shake(&[b"epoch", &bytes(&epoch["chain"])], 64);
        assert_eq!(step, [bytes(&epoch["next_chain"]), bytes(&epoch["epoch_key"])].concat());
    }
    for vector in vectors["packet_keys"].as_array().unwrap() {
        let path = u32::try_from(number(&vector["path"])).unwrap().to_le_bytes();
        let n = number(&vector["number"]);
        let block = shake(&[b"pkt", &bytes(&vector["epoch_key"]), &path, &(n >> 2).to_le_bytes()], 128);
        let start = usize::try_from(32 * (n & 3)).unwrap();
        assert_eq!(block[start..start + 32], bytes(&vector["key"]));
    }
}

#[test]
fn the_packets_are_as_frozen() {
    for session in load("packets.json")["sessions"].as_array().unwrap() {
        let aead = match session["aead"].as_str().unwrap() {
            "AES-256-GCM" => TrafficAead::Aes256Gcm,
            _ => TrafficAead::ChaCha20Poly1305,
        };
        for direction in session["directions"].as_array().unwrap() {
            let (seals, opens) = if direction["sealed_by"] == "Initiator" {
                (Role::Initiator, Role::Responder)
            } else {
                (Role::Responder, Role::Initiator)
            };
            let mut sealer = end(seals, Suite::X3dh, aead).0;
            let mut opener = end(opens, Suite::X3dh, aead).1;
            let mut epoch = 0;
            for vector in direction["packets"].as_array().unwrap() {
                if number(&vector["epoch"]) != epoch {
                    epoch += 1;
                    sealer.advance_epoch().unwrap();
                }
                let packet = whole(aead, vector);
                let path = PathNumber(number(&vector["path"]).try_into().unwrap());
                let plaintext = bytes(&vector["plaintext"]);
                assert_eq!(support::seal(&mut sealer, path, &plaintext, &[]).unwrap(), packet);
                assert_eq!(support::open(&mut opener, &packet).unwrap().0, plaintext);
            }
            assert_eq!(epoch, 2);
        }
    }
}

#[test]
fn the_rekeys_are_as_frozen() {
    let vectors = load("rekey.json");
    for vector in vectors["rekeys"].as_array().unwrap() {
        let suite = if vector["suite"] == "x3dh" { Suite::X3dh } else { Suite::X3dhHybrid };
        let aead = TrafficAead::ChaCha20Poly1305;
        let (fresh, transcript) = (bytes(&vector["fresh"]), bytes(&vector["transcript"]));
        let step = shake(&[b"rekey", &bytes(&vectors["root"]), &fresh, &transcript], 96);
        let expected = ["next_root", "initiator_chain", "responder_chain"].map(|part| bytes(&vector[part]));
        assert_eq!(step, expected.concat());

        let (mut sealer_i, mut opener_i, mut rekey_i) = end(Role::Initiator, suite, aead);
        let (mut sealer_r, mut opener_r, mut rekey_r) = end(Role::Responder, suite, aead);
        let request = rekey_i.request(&mut FixedRng(&bytes(&vector["asks_draws"]))).unwrap();
        assert_eq!(request, bytes(&vector["request"]));
        let draws = bytes(&vector["answers_draws"]);
        let answer = rekey_r.handle_request(&mut FixedRng(&draws), &request).unwrap().unwrap();
        assert_eq!(answer.response, bytes(&vector["response"]));
        let keys = answer.keys.unwrap();
        opener_r.install(keys.opening).unwrap();
        sealer_r.install(keys.sealing).unwrap();
        let keys = rekey_i.handle_response(&answer.response).unwrap().unwrap();
        opener_i.install(keys.opening).unwrap();
        sealer_i.install(keys.sealing).unwrap();

        let packet = support::seal(&mut sealer_i, PathNumber(0), b"from I", &[]).unwrap();
        assert_eq!(packet, whole(aead, &vector["initiators_packet"]));
        let (_, committed) = support::open(&mut opener_r, &packet).unwrap();
        sealer_r.follow(committed.generation.unwrap());
        let packet = support::seal(&mut sealer_r, PathNumber(0), b"from R", &[]).unwrap();
        assert_eq!(packet, whole(aead, &vector["responders_packet"]));
        support::open(&mut opener_i, &packet).unwrap();
    }
}
