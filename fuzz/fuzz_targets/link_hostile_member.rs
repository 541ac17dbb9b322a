//! A member that holds the session's keys says anything: the receiving half keeps its budget, and its order, and does
//! not panic.
#![no_main]

use std::time::Instant;

use bytes::BytesMut;
use chunk_proto::NodeBudget;
use libfuzzer_sys::fuzz_target;
use link::{Event, Limits, Rx};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{
    Association, HEADER_BYTES, PathNumber, Role, SessionSecrets, Suite, TAG_BYTES, Tag, TrafficAead, split,
};

const PACKET_BYTES: usize = 512;

fuzz_target!(|plaintext: &[u8]| {
    let end = |role, local, remote| {
        let association = Association {
            secrets: SessionSecrets::dangerous_from_bytes(&[7; 128]),
            role,
            suite: Suite::X3dh,
            aead: TrafficAead::Aes256Gcm,
            local_tag: Tag(local),
            remote_tag: Tag(remote),
        };
        split(association, Default::default()).expect("a known cipher")
    };
    let (mut sealer, _, _) = end(Role::Initiator, 1, 2);
    let (_, opener, rekey) = end(Role::Responder, 2, 1);
    let (now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
    let mut limits = Limits::default();
    limits.session_window_bytes = 1 << 20;
    limits.stream_window_bytes = 1 << 19;
    let budget = NodeBudget::new(8 << 20);
    let mut rx = Rx::new(now, opener, rekey, limits, budget.clone());
    for records in plaintext.chunks(PACKET_BYTES) {
        let mut packet = vec![0; HEADER_BYTES + records.len() + TAG_BYTES];
        let ticket = sealer.reserve(PathNumber(0)).expect("numbers are left");
        ticket.seal(&mut packet, records).expect("the lengths fit");
        if rx.handle_packet(now, &mut rng, BytesMut::from(&packet[..])).is_err() {
            break;
        }
        let mut delivered = 0;
        while let Some(event) = rx.poll_event() {
            match event {
                Event::Messages { batch, .. } => delivered += batch.cost(),
                Event::Piece { bytes, .. } => delivered += bytes.len() as u64,
                _ => {}
            }
        }
        assert!(delivered <= 1 << 20, "more than the window at once");
        rx.handle_consumed();
    }
    drop(rx);
    assert_eq!(budget.used_bytes(), 0, "the budget comes back");
});
