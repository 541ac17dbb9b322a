//! What a chunker promises besides the right bytes: no copies, compression only where it pays.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use bytes::Bytes;
use chunk_proto::{
    Chunk, ChunkOptions, Chunker, Coding, Compression, Deflater, Error, MIN_GAIN_PERCENT, MessageId, Supply,
};
use support::{chunks, content, noise, scaled};

/// The longest chunk of these tests.
const CHUNK_BYTES: usize = scaled(64_000, 1_600);
/// Several of them, where each is a second of interpreting.
const MANY_BYTES: usize = scaled(3, 1) * CHUNK_BYTES;

fn options(chunk_bytes: u32, compression: Compression) -> ChunkOptions {
    ChunkOptions { chunk_bytes, compression, ..ChunkOptions::default() }
}

fn all(chunker: &mut Chunker) -> Vec<Chunk> {
    let mut deflater = Deflater::default();
    std::iter::from_fn(|| chunker.next_chunk(&mut deflater)).collect()
}

/// Whether a payload lies inside a piece.
fn shares(payload: &Bytes, piece: &Bytes) -> bool {
    piece.as_ptr_range().contains(&payload.as_ptr())
}

#[test]
fn raw_chunks_share_the_message() {
    for compression in [Compression::Never, Compression::Auto] {
        let message = Bytes::from(noise(1, 5 * CHUNK_BYTES - 1));
        let mut chunker =
            Chunker::whole(MessageId(1), message.clone(), &options(CHUNK_BYTES as u32, compression)).unwrap();
        let chunks = all(&mut chunker);
        assert_eq!(chunks.len(), 5);
        for chunk in chunks {
            assert!(shares(&chunk.payload, &message));
        }
    }
}

#[test]
fn only_chunks_that_straddle_pieces_are_gathered() {
    let pieces = [100, 200, 50, 10, 140, 1].map(|length| Bytes::from(noise(length, length as usize)));
    let total: usize = pieces.iter().map(Bytes::len).sum();
    let mut chunker = Chunker::new(MessageId(1), total as u64, &options(100, Compression::Never)).unwrap();
    for piece in &pieces {
        chunker.supply(piece.clone()).unwrap();
    }
    assert_eq!(chunker.buffered_bytes(), total as u64);
    let chunks = all(&mut chunker);
    let inside: Vec<_> =
        chunks.iter().map(|chunk| pieces.iter().any(|piece| shares(&chunk.payload, piece))).collect();
    // 100 | 200 | 50 + 10 + 40 | 100 | 1
    assert_eq!(inside, [true, true, true, false, true, true]);
    assert_eq!(chunks.iter().flat_map(|chunk| chunk.payload.to_vec()).collect::<Vec<_>>(), pieces.concat());
}

#[test]
fn a_starved_chunker_says_what_is_missing() {
    let mut chunker = Chunker::new(MessageId(1), 250, &options(100, Compression::Never)).unwrap();
    assert_eq!(chunker.state(), Supply::Starved { missing_bytes: 100 });
    chunker.supply(Bytes::new()).unwrap();
    chunker.supply(Bytes::from(vec![1; 60])).unwrap();
    assert_eq!(chunker.state(), Supply::Starved { missing_bytes: 40 });
    assert!(chunker.next_draft().is_none());
    chunker.supply(Bytes::from(vec![1; 180])).unwrap();
    assert_eq!((chunker.state(), chunker.unsupplied_bytes()), (Supply::Ready, 10));
    let refused = chunker.supply(Bytes::from(vec![1; 11]));
    assert_eq!(refused, Err(Error::SupplyBeyondTotal { excess_bytes: 1 }));
    assert_eq!((chunker.unsupplied_bytes(), chunker.buffered_bytes()), (10, 240));
    assert_eq!(all(&mut chunker).len(), 2);
    assert_eq!(chunker.state(), Supply::Starved { missing_bytes: 10 });
    chunker.supply(Bytes::from(vec![1; 10])).unwrap();
    assert_eq!(all(&mut chunker).len(), 1);
    assert_eq!(chunker.state(), Supply::Done);
}

#[test]
fn an_empty_message_is_one_empty_chunk() {
    for compression in [Compression::Never, Compression::Always, Compression::Auto] {
        let chunks = chunks(1, &[], &options(64_000, compression), &mut Deflater::default());
        assert_eq!(chunks.len(), 1);
        assert_eq!((chunks[0].header.coding(), chunks[0].payload.len()), (Coding::Raw, 0));
    }
}

#[test]
fn compression_pays_or_is_left_out() {
    let mut deflater = Deflater::default();
    for (kind, message) in [("repetitive", content(1, MANY_BYTES)), ("random", noise(1, MANY_BYTES))] {
        for compression in [Compression::Always, Compression::Auto] {
            for chunk in chunks(1, &message, &options(CHUNK_BYTES as u32, compression), &mut deflater) {
                let expected = if kind == "random" { Coding::Raw } else { Coding::Deflate };
                assert_eq!(chunk.header.coding(), expected, "{kind} {compression:?}");
            }
        }
    }
}

/// A chunk goes compressed exactly if that saves so many per cent.
#[test]
fn a_gain_too_small_is_no_gain() {
    let mut deflater = Deflater::default();
    let (mut raw, mut deflated) = (0, 0);
    for zeros in (0..scaled(9_000, 400)).step_by(scaled(50, 200)) {
        let message = [noise(1, scaled(55_000, 2_000)), vec![0; zeros]].concat();
        let chunk = &chunks(1, &message, &options(65_536, Compression::Always), &mut deflater)[0];
        let covered = chunk.header.covered_bytes();
        match chunk.header.coding() {
            Coding::Raw => raw += 1,
            Coding::Deflate => {
                deflated += 1;
                assert!(chunk.payload.len() * 100 <= covered * (100 - MIN_GAIN_PERCENT));
            }
        }
    }
    let many = scaled(50, 0);
    assert!(raw > many && deflated > many, "{raw} raw, {deflated} deflated");
}

#[test]
fn drafts_finish_to_the_same_chunks() {
    let message = [content(1, MANY_BYTES), noise(1, MANY_BYTES), content(2, MANY_BYTES)].concat();
    for compression in [Compression::Never, Compression::Always, Compression::Auto] {
        let options = options(CHUNK_BYTES as u32, compression);
        let mut deflater = Deflater::default();
        let at_once = chunks(1, &message, &options, &mut deflater);
        deflater.release();
        let mut chunker = Chunker::whole(MessageId(1), message.clone().into(), &options).unwrap();
        let by_drafts: Vec<_> = std::iter::from_fn(|| {
            let draft = chunker.next_draft()?;
            let tried = draft.wants_deflate();
            let chunk = draft.finish(&mut deflater);
            if tried {
                chunker.note(chunk.header.coding());
            }
            Some(chunk)
        })
        .collect();
        assert_eq!(by_drafts, at_once);
    }
}

/// A chunk's payload depends on its own bytes alone: no other chunk or message shows in it.
#[test]
fn every_chunk_is_compressed_alone() {
    let secret = content(1, CHUNK_BYTES - 1);
    let alone =
        chunks(1, &secret, &options(CHUNK_BYTES as u32, Compression::Always), &mut Deflater::default())
            .remove(0);
    let mut deflater = Deflater::default();
    chunks(
        0,
        &[&secret[..], &noise(3, 2 * CHUNK_BYTES)].concat(),
        &options(CHUNK_BYTES as u32, Compression::Always),
        &mut deflater,
    );
    let after_others =
        chunks(1, &secret, &options(CHUNK_BYTES as u32, Compression::Always), &mut deflater).remove(0);
    assert_eq!(alone, after_others);
}
