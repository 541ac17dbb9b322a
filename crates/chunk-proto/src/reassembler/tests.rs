//! What a reassembler keeps for itself.

use super::*;
use crate::reassembler::partial::OPEN_MESSAGE_BYTES;
use crate::reassembler::store::HELD_CHUNK_BYTES;
use crate::{Coding, Outline};

const CHUNK_BYTES: usize = 100;

fn accept(reassembler: &mut Reassembler, message: u64, index: u32) -> Accepted {
    let outline = Outline::new(10 * 100, 100).unwrap();
    let header = ChunkHeader::new(MessageId(message), index, outline, Coding::Raw).unwrap();
    reassembler.accept(Instant::now(), header, Bytes::from_static(&[7; CHUNK_BYTES])).unwrap()
}

/// However much of it has come since anybody asked.
#[test]
fn a_message_waits_to_be_told_of_once() {
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    for index in [3, 0, 5, 1] {
        for message in [1, 2] {
            assert_eq!(accept(&mut reassembler, message, index), Accepted::New);
        }
    }
    assert_eq!((reassembler.open.len(), reassembler.ready.len()), (2, 2));
    while reassembler.poll_event().is_some() {}
    assert_eq!((reassembler.open.len(), reassembler.ready.len()), (2, 0));
    accept(&mut reassembler, 1, 7);
    assert_eq!(reassembler.ready.len(), 1, "and again when there is more");
}

/// The one byte more is what tells a decompressor's "too long" from "just ended".
#[test]
fn a_held_chunk_is_charged_for_the_longest_buffer_it_can_lie_in() {
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    accept(&mut reassembler, 1, 4);
    while reassembler.poll_event().is_some() {}
    assert_eq!(reassembler.used_bytes(), OPEN_MESSAGE_BYTES + HELD_CHUNK_BYTES + CHUNK_BYTES + 1);
    accept(&mut reassembler, 1, 5);
    assert_eq!(reassembler.used_bytes(), OPEN_MESSAGE_BYTES + 2 * (HELD_CHUNK_BYTES + CHUNK_BYTES + 1));
}
