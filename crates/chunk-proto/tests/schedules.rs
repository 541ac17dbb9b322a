//! Random-order, duplicated, interleaved schedules reassemble exactly.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{
    Accepted, Chunk, ChunkOptions, Chunker, Compression, Deflater, Error, Limits, MessageId, NodeBudget,
    Reassembler, Secrecy, Supply,
};
use proptest::prelude::*;
use support::{Listener, content, scaled};

#[derive(Debug, Clone)]
struct Sent {
    length: usize,
    options: ChunkOptions,
    /// Lengths of the pieces it is supplied in, used in turn.
    pieces: Vec<usize>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let compression = prop_oneof![
        8 => Just(Compression::Never),
        1 => Just(Compression::Always),
        1 => Just(Compression::Auto),
    ];
    let secrecy = prop_oneof![4 => Just(Secrecy::Ordinary), 1 => Just(Secrecy::Secret)];
    let length = prop_oneof![1 => Just(0usize), 3 => 0..200usize, 6 => 0..scaled(4_000, 1_000)];
    let pieces = prop::collection::vec(1..700usize, 1..4);
    (length, 64..600u32, compression, secrecy, pieces).prop_map(
        |(length, chunk_bytes, compression, secrecy, pieces)| {
            let options = ChunkOptions { chunk_bytes, compression, secrecy };
            Sent { length, options, pieces }
        },
    )
}

/// Supplies the message piece by piece, whenever the chunker starves.
fn cut(message: u64, sent: &Sent, deflater: &mut Deflater) -> Vec<Chunk> {
    let mut rest = Bytes::from(content(message, sent.length));
    let mut pieces = sent.pieces.iter().cycle();
    let mut chunker = Chunker::new(MessageId(message), sent.length as u64, &sent.options).unwrap();
    let mut chunks = Vec::new();
    loop {
        match chunker.state() {
            Supply::Ready => chunks.push(chunker.next_chunk(deflater).unwrap()),
            Supply::Starved { missing_bytes } => {
                assert!(chunker.next_chunk(deflater).is_none());
                assert!((1..=rest.len()).contains(&missing_bytes));
                let length = (*pieces.next().unwrap()).min(rest.len());
                chunker.supply(rest.split_to(length)).unwrap();
            }
            Supply::Done => break,
        }
    }
    assert!(chunker.is_done() && chunker.next_chunk(deflater).is_none());
    assert_eq!((chunker.unsupplied_bytes(), chunker.buffered_bytes()), (0, 0));
    let one_too_many = chunker.supply(Bytes::from_static(b"!"));
    assert_eq!(one_too_many, Err(Error::SupplyBeyondTotal { excess_bytes: 1 }));
    assert_eq!(chunks.len() as u32, chunker.outline().chunks());
    chunks
}

/// Puts chunks into the order that `picks` say, some of them twice.
fn shuffle(mut chunks: Vec<Chunk>, picks: &[u16]) -> Vec<Chunk> {
    let mut schedule = Vec::new();
    for &pick in picks {
        if chunks.is_empty() {
            break;
        }
        let at = usize::from(pick >> 1) % chunks.len();
        schedule.push(if pick & 1 == 0 { chunks.swap_remove(at) } else { chunks[at].clone() });
    }
    schedule.extend(chunks);
    schedule
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 10_000 }))]

    #[test]
    fn ten_thousand_schedules_reassemble_exactly(
        messages in prop::collection::vec(sent(), 1..5),
        picks in prop::collection::vec(any::<u16>(), 0..80),
        lazy in any::<bool>(),
    ) {
        let now = Instant::now();
        let mut deflater = Deflater::default();
        let all = (0u64..).zip(&messages).flat_map(|(id, sent)| cut(id, sent, &mut deflater)).collect();
        let node = NodeBudget::default();
        let mut reassembler = Reassembler::new(Limits::default(), node.clone());
        let mut listener = Listener::default();
        // The model: a set of what came, and of which messages are whole.
        let mut came = BTreeSet::new();
        for (turn, chunk) in shuffle(all, &picks).into_iter().enumerate() {
            let (id, index) = (chunk.header.message().0, chunk.header.index());
            let over = chunk.header.outline().is_single() && came.contains(&(id, 0))
                || listener.standing(id) == Some(support::Standing::Complete);
            let expected = match (over, came.insert((id, index))) {
                (true, _) => Accepted::Ended,
                (false, true) => Accepted::New,
                (false, false) => Accepted::Duplicate,
            };
            prop_assert_eq!(reassembler.accept(now, chunk.header, chunk.payload).unwrap(), expected);
            // A lazy caller lets events wait.
            if !lazy || turn % 3 == 0 {
                listener.drain(&mut reassembler);
            }
        }
        listener.drain(&mut reassembler);
        for (id, sent) in (0u64..).zip(&messages) {
            prop_assert_eq!(listener.complete(id), content(id, sent.length));
        }
        prop_assert_eq!(reassembler.open_messages(), 0);
        prop_assert_eq!((reassembler.used_bytes(), node.used_bytes()), (0, 0));
        prop_assert_eq!(reassembler.poll_timeout(), None);
    }
}
