//! Any bytes as a compressed chunk of any length: refused, or exactly what another decompressor makes of them.
#![no_main]

use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{
    ChunkHeader, Coding, Event, Limits, MAX_CHUNK_BYTES, MessageId, NodeBudget, Outline, Reassembler,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [low, high, payload @ ..] = data else { return };
    let total_bytes = u64::from(u16::from_le_bytes([*low, *high]));
    let outline = Outline::new(total_bytes, MAX_CHUNK_BYTES).expect("one chunk");
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    // Twice, so that a decompressor that has failed before is tried again.
    for id in 0..2 {
        let header = ChunkHeader::new(MessageId(id), 0, outline, Coding::Deflate).expect("the only chunk");
        let result = reassembler.accept(Instant::now(), header, Bytes::copy_from_slice(payload));
        let piece = std::iter::from_fn(|| reassembler.poll_event()).find_map(|event| match event {
            Event::Piece { bytes, .. } => Some(bytes),
            _ => None,
        });
        assert_eq!(reassembler.used_bytes(), 0);
        assert_eq!(piece.is_some(), result.is_ok());
        let Some(piece) = piece else { continue };
        assert_eq!(piece.len() as u64, total_bytes);
        assert!(payload.len() < piece.len());
        let other = miniz_oxide::inflate::decompress_to_vec(payload);
        assert_eq!(other.expect("a stream to the other one, too"), piece);
    }
});
