//! Chunks from a chunker through a reassembler.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{
    Accepted, ChunkOptions, Chunker, Compression, Deflater, Event, Limits, MessageId, NodeBudget, Reassembler,
};

fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| (i / 7 % 251) as u8).collect::<Vec<_>>().into()
}

#[test]
fn in_order_reversed_and_twice() {
    let now = Instant::now();
    for compression in [Compression::Never, Compression::Always, Compression::Auto] {
        for length in [0, 1, 63_999, 64_000, 64_001, 500_000] {
            for reversed in [false, true] {
                let message = pattern(length);
                let options = ChunkOptions { compression, ..ChunkOptions::default() };
                let mut chunker = Chunker::whole(MessageId(5), message.clone(), &options).unwrap();
                let mut deflater = Deflater::default();
                let mut chunks: Vec<_> = std::iter::from_fn(|| chunker.next_chunk(&mut deflater)).collect();
                if reversed {
                    chunks.reverse();
                }
                let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
                let mut got = Vec::new();
                let mut complete = 0;
                for chunk in chunks {
                    let accepted = reassembler.accept(now, chunk.header, chunk.payload.clone()).unwrap();
                    assert_eq!(accepted, Accepted::New);
                    let again = reassembler.accept(now, chunk.header, chunk.payload).unwrap();
                    assert_ne!(again, Accepted::New);
                    while let Some(event) = reassembler.poll_event() {
                        match event {
                            Event::Piece { offset, bytes, .. } => {
                                assert_eq!(offset, got.len() as u64);
                                got.extend_from_slice(&bytes);
                            }
                            Event::Complete { .. } => complete += 1,
                            _ => {}
                        }
                    }
                }
                assert_eq!(got, message);
                assert_eq!(complete, 1);
                assert_eq!(reassembler.used_bytes(), 0);
                assert_eq!(reassembler.open_messages(), 0);
            }
        }
    }
}
