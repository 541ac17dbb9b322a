//! Makes the frozen vectors in `tests/vectors/` anew, as one JSON object of file names and contents.
//!
//! Bytes are hexadecimal, numbers are numbers. The keys beside the packets are derived here a second time, from the
//! equations of section 6 of `docs/PROTOCOL.md` alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/fixed_rng.rs"]
mod fixed_rng;

use fixed_rng::FixedRng;
use secure_channel::{
    Association, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Role, Sealer,
    SessionSecrets, Suite, TAG_BYTES, Tag, TrafficAead, split,
};
use serde_json::{Value, json};
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use x3dh_handshake::rekey;

fn main() {
    println!(
        "{:#}",
        json!({ "schedule.json": schedule(), "packets.json": packets(), "rekey.json": rekeys() })
    );
}

/// `SHAKE256(a | b | ...)[N]`
fn shake<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Shake256::default();
    parts.iter().for_each(|part| hash.update(part));
    let mut output = [0; N];
    hash.finalize_xof().read(&mut output);
    output
}

fn secrets() -> [u8; 128] {
    shake(&[b"secrets of the test vectors"])
}

/// The steps of a chain, and keys of packets around the edges of a block.
fn schedule() -> Value {
    let mut chain = secrets()[32..64].to_vec();
    let mut epochs = Vec::new();
    let mut packet_keys = Vec::new();
    for epoch in 0..3 {
        let step = shake::<64>(&[b"epoch", &chain]);
        let (next_chain, epoch_key) = step.split_at(32);
        epochs.push(json!({
            "epoch": epoch,
            "chain": hex::encode(&chain),
            "next_chain": hex::encode(next_chain),
            "epoch_key": hex::encode(epoch_key),
        }));
        for (path, number) in [(0_u32, 0_u64), (0, 3), (0, 4), (7, 0), (u32::MAX, (1 << 62) - 1)] {
            packet_keys.push(json!({
                "epoch_key": hex::encode(epoch_key),
                "path": path,
                "number": number,
                "key": hex::encode(packet_key(epoch_key, path, number)),
            }));
        }
        chain = next_chain.to_vec();
    }
    json!({ "epochs": epochs, "packet_keys": packet_keys })
}

fn packet_key(epoch_key: &[u8], path: u32, number: u64) -> [u8; 32] {
    let block = shake::<128>(&[b"pkt", epoch_key, &path.to_le_bytes(), &(number >> 2).to_le_bytes()]);
    block.chunks_exact(32).nth(usize::try_from(number & 3).unwrap()).unwrap().try_into().unwrap()
}

fn epoch_key(chain: &[u8], epoch: u8) -> Vec<u8> {
    let step = shake::<64>(&[b"epoch", chain]);
    if epoch == 0 { step[32..].to_vec() } else { epoch_key(&step[..32], epoch - 1) }
}

fn end(role: Role, suite: Suite, aead: TrafficAead) -> (Sealer, Opener, Rekey) {
    let (local_tag, remote_tag) = match role {
        Role::Initiator => (Tag(0x0102_0304), Tag(0xa1a2_a3a4)),
        Role::Responder => (Tag(0xa1a2_a3a4), Tag(0x0102_0304)),
    };
    let secrets = SessionSecrets::dangerous_from_bytes(&secrets());
    split(Association { secrets, role, suite, aead, local_tag, remote_tag }, Limits::default()).unwrap()
}

fn seal(sealer: &mut Sealer, path: u32, plaintext: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; OVERHEAD_BYTES + plaintext.len()];
    packet[HEADER_BYTES..HEADER_BYTES + plaintext.len()].copy_from_slice(plaintext);
    sealer.reserve(PathNumber(path)).unwrap().seal(&mut packet, &[]).unwrap();
    packet
}

/// A packet taken apart, with the key that its chain leads to.
fn described(chain: &[u8], plaintext: &[u8], packet: &[u8]) -> Value {
    let path = u32::from_le_bytes(packet[7..11].try_into().unwrap());
    let number = u64::from_le_bytes(packet[11..19].try_into().unwrap());
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&packet[11..19]);
    json!({
        "generation": packet[1],
        "epoch": packet[2],
        "path": path,
        "number": number,
        "key": hex::encode(packet_key(&epoch_key(chain, packet[2]), path, number)),
        "nonce": hex::encode(nonce),
        "header": hex::encode(&packet[..HEADER_BYTES]),
        "plaintext": hex::encode(plaintext),
        "ciphertext": hex::encode(&packet[HEADER_BYTES..packet.len() - TAG_BYTES]),
        "authentication_tag": hex::encode(&packet[packet.len() - TAG_BYTES..]),
    })
}

/// Packets of both directions and both ciphers, in the order in which they were sealed.
fn packets() -> Value {
    let aeads =
        [("AES-256-GCM", TrafficAead::Aes256Gcm), ("ChaCha20-Poly1305", TrafficAead::ChaCha20Poly1305)];
    let sessions = aeads.map(|(name, aead)| {
        let directions = [Role::Initiator, Role::Responder].map(|role| {
            let chain = match role {
                Role::Initiator => &secrets()[32..64],
                Role::Responder => &secrets()[64..96],
            };
            let mut sealer = end(role, Suite::X3dh, aead).0;
            let mut made = Vec::new();
            for epoch in 0..3_u8 {
                for (path, length) in [(0, 0), (0, 1), (9, 70), (0, 300), (0, 15), (0, 16)] {
                    let plaintext: Vec<u8> = (0..=u8::MAX).cycle().skip(epoch.into()).take(length).collect();
                    let packet = seal(&mut sealer, path, &plaintext);
                    made.push(described(chain, &plaintext, &packet));
                }
                sealer.advance_epoch().unwrap();
            }
            json!({ "sealed_by": format!("{role:?}"), "packets": made })
        });
        json!({ "aead": name, "directions": directions })
    });
    json!({
        "root": hex::encode(&secrets()[..32]),
        "initiator_chain": hex::encode(&secrets()[32..64]),
        "responder_chain": hex::encode(&secrets()[64..96]),
        "initiators_tag": 0x0102_0304_u32,
        "responders_tag": 0xa1a2_a3a4_u32,
        "sessions": sessions,
    })
}

/// For each suite a rekey that the initiator asks for, and the first packets of both ends after it.
fn rekeys() -> Value {
    let suites = [("x3dh-hybrid", Suite::X3dhHybrid), ("x3dh", Suite::X3dh)];
    let made = suites.map(|(name, suite)| {
        let aead = TrafficAead::ChaCha20Poly1305;
        let (mut sealer_i, mut opener_i, mut rekey_i) = end(Role::Initiator, suite, aead);
        let (mut sealer_r, mut opener_r, mut rekey_r) = end(Role::Responder, suite, aead);
        let asks = shake::<96>(&[b"draws of who asks"]);
        let answers = shake::<64>(&[b"draws of who answers"]);
        let (asks, answers) = if suite == Suite::X3dhHybrid {
            (&asks[..], &answers[..])
        } else {
            (&asks[..32], &answers[..32])
        };

        let request = rekey_i.request(&mut FixedRng(asks)).unwrap();
        let answer = rekey_r.handle_request(&mut FixedRng(answers), &request).unwrap().unwrap();
        let keys_r = answer.keys.unwrap();
        opener_r.install(keys_r.opening).unwrap();
        sealer_r.install(keys_r.sealing).unwrap();
        let keys_i = rekey_i.handle_response(&answer.response).unwrap().unwrap();
        opener_i.install(keys_i.opening).unwrap();
        sealer_i.install(keys_i.sealing).unwrap();
        sealer_r.follow(1);

        let fresh =
            rekey::Offer::new(suite, &mut FixedRng(asks)).unwrap().finish(&answer.response[8..]).unwrap();
        let transcript = fresh.transcript();
        let step = shake::<96>(&[b"rekey", &secrets()[..32], fresh.dangerous_secret(), transcript]);
        json!({
            "suite": name,
            "asks_draws": hex::encode(asks),
            "answers_draws": hex::encode(answers),
            "request": hex::encode(&request),
            "response": hex::encode(&answer.response),
            "fresh": hex::encode(fresh.dangerous_secret()),
            "transcript": hex::encode(transcript),
            "next_root": hex::encode(&step[..32]),
            "initiator_chain": hex::encode(&step[32..64]),
            "responder_chain": hex::encode(&step[64..]),
            "initiators_packet": described(&step[32..64], b"from I", &seal(&mut sealer_i, 0, b"from I")),
            "responders_packet": described(&step[64..], b"from R", &seal(&mut sealer_r, 0, b"from R")),
        })
    });
    json!({ "root": hex::encode(&secrets()[..32]), "rekeys": made })
}
