//! Any message, cut and compressed in any way, arrives as it was, whatever the order of its chunks.
#![no_main]

use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{
    Chunk, ChunkHeader, ChunkOptions, Chunker, Coding, Compression, Deflater, Event, Limits, MIN_CHUNK_BYTES,
    MessageId, NodeBudget, Reassembler, Secrecy, Supply,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [mode, level, size, piece, repeat, message @ ..] = data else { return };
    let options = ChunkOptions {
        chunk_bytes: MIN_CHUNK_BYTES + u32::from(*size) * 250,
        compression: [Compression::Never, Compression::Always, Compression::Auto][usize::from(mode % 3)],
        secrecy: if mode & 0x80 == 0 { Secrecy::Ordinary } else { Secrecy::Secret },
    };
    // Repetition reaches the sizes of real chunks with small inputs.
    let message = message.repeat(usize::from(*repeat) % 16 + 1);
    let mut deflater = Deflater::new((*level).into());
    let chunks = cut(&message, usize::from(*piece) * 40 + 1, &options, &mut deflater);
    let backwards = mode & 0x40 != 0;
    let received = if backwards { reassemble(chunks.iter().rev()) } else { reassemble(chunks.iter()) };
    assert_eq!(received, message);
});

fn cut(message: &[u8], piece_bytes: usize, options: &ChunkOptions, deflater: &mut Deflater) -> Vec<Chunk> {
    let mut chunker = Chunker::new(MessageId(1), message.len() as u64, options).expect("a possible grid");
    let mut pieces = message.chunks(piece_bytes);
    let mut chunks = Vec::new();
    while chunker.state() != Supply::Done {
        match chunker.next_chunk(deflater) {
            Some(chunk) => chunks.push(chunk),
            None => chunker
                .supply(Bytes::copy_from_slice(pieces.next().expect("no more is missing")))
                .expect("fits"),
        }
    }
    for chunk in &chunks {
        match chunk.header.coding() {
            Coding::Raw => assert_eq!(chunk.payload.len(), chunk.header.covered_bytes()),
            Coding::Deflate => {
                assert!(chunk.payload.len() < chunk.header.covered_bytes());
                assert_eq!(options.secrecy, Secrecy::Ordinary);
            }
        }
    }
    chunks
}

fn reassemble<'a>(chunks: impl Iterator<Item = &'a Chunk>) -> Vec<u8> {
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    let mut received = Vec::new();
    let mut complete = false;
    for chunk in chunks {
        let mut wire = Vec::new();
        chunk.header.encode(&mut wire);
        let (header, _) = ChunkHeader::decode(&wire).expect("what was encoded");
        reassembler.accept(Instant::now(), header, chunk.payload.clone()).expect("an honest chunk");
        while let Some(event) = reassembler.poll_event() {
            match event {
                Event::Piece { bytes, .. } => received.extend_from_slice(&bytes),
                Event::Complete { .. } => complete = true,
                _ => {}
            }
        }
    }
    assert!(complete);
    assert_eq!(reassembler.used_bytes(), 0);
    received
}
