//! Two ends that share the secrets of a handshake.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use secure_channel::{
    ChannelSecrets, Error, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Role, Sealer, Tag, Tags,
    TrafficAead, split,
};

const PATH: PathNumber = PathNumber(0);

fn pair(aead: TrafficAead) -> ((Sealer, Opener), (Sealer, Opener)) {
    let secrets = || ChannelSecrets::from_bytes(&[1; 32], &[2; 32], &[3; 32]);
    let tag = Tag(7);
    let tags = Tags { ours: tag, peers: tag };
    (
        split(secrets(), Role::Initiator, aead, tags, Limits::default()),
        split(secrets(), Role::Responder, aead, tags, Limits::default()),
    )
}

fn seal(sealer: &mut Sealer, records: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; OVERHEAD_BYTES + records.len() + payload.len()];
    packet[HEADER_BYTES..HEADER_BYTES + records.len()].copy_from_slice(records);
    sealer.reserve(PATH).unwrap().seal(&mut packet, payload).unwrap();
    packet
}

#[test]
fn both_directions_open_in_any_order() {
    for aead in [TrafficAead::Aes256Gcm, TrafficAead::ChaCha20Poly1305] {
        let ((mut here, mut opens_here), (mut there, mut opens_there)) = pair(aead);
        for (sealer, opener) in [(&mut here, &mut opens_there), (&mut there, &mut opens_here)] {
            let mut packets: Vec<_> = (0..9_u8).map(|n| seal(sealer, &[n; 24], &vec![n; 1000])).collect();
            packets.reverse();
            for (n, packet) in (0..9_u8).rev().zip(&mut packets) {
                let (plaintext, _) = opener.open(&mut packet.clone()).map(|(p, c)| (p.to_vec(), c)).unwrap();
                assert_eq!(plaintext, [vec![n; 24], vec![n; 1000]].concat());
                assert_eq!(opener.open(packet).unwrap_err(), Error::Replayed);
            }
        }
    }
}

#[test]
fn a_packet_reflected_to_its_sender_never_opens() {
    let ((mut sealer, mut opener), _) = pair(TrafficAead::Aes256Gcm);
    let mut packet = seal(&mut sealer, b"hello", b"");
    assert_eq!(opener.open(&mut packet).unwrap_err(), Error::Unauthentic);
    assert!(!opener.confirmed());
}
