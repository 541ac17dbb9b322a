//! Packets of any bytes against an opener that holds keys of every standing: only the honest ones open, once, and
//! what does not open leaves the way free for them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{
    Association, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Role, Sealer,
    SessionSecrets, Suite, Tag, TrafficAead, split,
};

fuzz_target!(|input: &[u8]| {
    let Some((selector, input)) = input.split_first() else { return };
    let aead = if selector & 1 == 0 { TrafficAead::Aes256Gcm } else { TrafficAead::ChaCha20Poly1305 };
    let (mut opener, honest) = stage(aead);
    let opened = opener.open(&mut input.to_vec()).map(|(plaintext, _)| plaintext.to_vec());
    assert_eq!(opened.is_ok(), honest.iter().any(|packet| packet == input));
    if opened.is_ok() {
        assert!(opener.open(&mut input.to_vec()).is_err(), "a second time");
    } else {
        for packet in &honest {
            opener.open(&mut packet.clone()).expect("an honest packet");
        }
    }
});

fn end(role: Role, aead: TrafficAead) -> (Sealer, Opener, Rekey) {
    let secrets = SessionSecrets::dangerous_from_bytes(&[7; 128]);
    let (suite, local_tag, remote_tag) = (Suite::X3dh, Tag(0), Tag(0));
    split(Association { secrets, role, suite, aead, local_tag, remote_tag }, Limits::default())
        .expect("a known cipher")
}

/// An opener, and packets that it would take in this order: of the epoch before, the present, the next epoch, and the
/// next generation.
fn stage(aead: TrafficAead) -> (Opener, Vec<Vec<u8>>) {
    let (mut sealer, _, mut asks) = end(Role::Initiator, aead);
    let (_, mut opener, mut answers) = end(Role::Responder, aead);
    let mut rng = StdRng::seed_from_u64(1);
    let mut honest = vec![seal(&mut sealer, 0)];
    for moves in [false, true] {
        if moves {
            sealer.advance_epoch().expect("packets were sealed");
        }
        opener.open(&mut seal(&mut sealer, 0)).expect("an honest packet");
    }
    honest.extend([seal(&mut sealer, 0), seal(&mut sealer, 1)]);
    sealer.advance_epoch().expect("packets were sealed");
    honest.push(seal(&mut sealer, 0));

    let request = asks.request(&mut rng).expect("none is under way");
    let answer = answers.handle_request(&mut rng, &request).expect("an honest request").expect("the first");
    let keys = asks.handle_response(&answer.response).expect("an honest response").expect("the first");
    opener.install(answer.keys.expect("the first").opening).expect("in turn");
    sealer.install(keys.sealing).expect("in turn");
    honest.push(seal(&mut sealer, 0));
    (opener, honest)
}

fn seal(sealer: &mut Sealer, path: u32) -> Vec<u8> {
    let mut packet = vec![b'.'; OVERHEAD_BYTES + 5];
    packet[HEADER_BYTES] = b'<';
    sealer
        .reserve(PathNumber(path))
        .and_then(|ticket| ticket.seal(&mut packet, b">"))
        .expect("numbers are left");
    packet
}
