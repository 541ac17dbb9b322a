//! What a peer can make us allocate, counted by the allocator.

// Budgets are measured in megabytes, and Miri has an allocator of its own.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use cap::Cap;
use chunk_proto::{
    Accepted, ChunkOptions, Chunker, Coding, Compression, Deflater, Error, Event, Limits, MAX_MESSAGE_BYTES,
    MAX_OPEN_MESSAGES, MessageId, NodeBudget, PEER_FLOOR_BYTES, Reassembler, WORKING_BYTES,
};
use support::bombs::{Arms, attacks};
use support::{content, header};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Tests that count allocations must not run beside each other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the test's own machinery may allocate at the same time, in bytes.
const NOISE_BYTES: usize = 16 << 10;

fn drain(reassembler: &mut Reassembler) {
    while reassembler.poll_event().is_some() {}
}

#[test]
fn bombs_of_many_peers_stay_within_the_budget_of_the_node() {
    let _alone = alone();
    const NODE_BYTES: usize = 16 << 20;
    const PEERS: usize = 20;
    let arms = Arms::new();
    for (name, attack) in attacks().into_iter().take(4) {
        let now = Instant::now();
        let baseline = ALLOCATOR.allocated();
        let node = NodeBudget::new(NODE_BYTES);
        let mut peers: Vec<_> =
            (0..PEERS).map(|_| Reassembler::new(Limits::default(), node.clone())).collect();
        let mut refused_by_node = false;
        for step in 0..2_000 {
            let Some((header, payload)) = attack(&arms, step) else { break };
            for peer in &mut peers {
                let result = peer.accept(now, header, payload.clone());
                refused_by_node |= matches!(result, Err(Error::NodeBudget { .. }));
                drain(peer);
            }
        }
        let held = ALLOCATOR.allocated() - baseline;
        let most = NODE_BYTES + PEERS * (PEER_FLOOR_BYTES + WORKING_BYTES);
        assert!(held <= most, "{name}: {held} of {most} bytes");
        assert!(node.used_bytes() <= NODE_BYTES);
        assert!(refused_by_node || held < NODE_BYTES, "{name}");
        drop(peers);
        assert_eq!(node.used_bytes(), 0);
    }
}

/// A gibibyte goes through, supplied in pieces and given out in pieces, and neither side ever holds much of it.
#[test]
fn a_gibibyte_passes_through_little_memory() {
    let _alone = alone();
    let piece = Bytes::from(content(1, 640_000));
    let now = Instant::now();
    let baseline = ALLOCATOR.allocated();
    let mut peak = 0;
    let mut deflater = Deflater::default();
    let mut chunker = Chunker::new(MessageId(1), MAX_MESSAGE_BYTES, &ChunkOptions::default()).unwrap();
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    let mut received = 0;
    while !chunker.is_done() {
        let length = piece.len().min(usize::try_from(chunker.unsupplied_bytes()).unwrap());
        chunker.supply(piece.slice(..length)).unwrap();
        while let Some(chunk) = chunker.next_chunk(&mut deflater) {
            assert_eq!(reassembler.accept(now, chunk.header, chunk.payload), Ok(Accepted::New));
            while let Some(event) = reassembler.poll_event() {
                if let Event::Piece { bytes, .. } = event {
                    received += bytes.len() as u64;
                }
            }
            peak = peak.max(ALLOCATOR.allocated().saturating_sub(baseline));
        }
    }
    assert_eq!(received, MAX_MESSAGE_BYTES);
    assert!(peak <= NOISE_BYTES, "{peak} bytes");
}

/// On the steady path nothing is allocated per chunk: raw nothing at all, deflated only the output.
#[test]
fn the_steady_path_does_not_allocate() {
    let _alone = alone();
    let now = Instant::now();
    let message = Bytes::from(content(1, 64_000 * 300));
    for (compression, output_bytes) in [(Compression::Never, 0), (Compression::Auto, 1)] {
        let options = ChunkOptions { compression, ..ChunkOptions::default() };
        let mut deflater = Deflater::default();
        let mut chunker = Chunker::whole(MessageId(1), message.clone(), &options).unwrap();
        let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
        let mut allowance = 0;
        let mut before = ALLOCATOR.total_allocated();
        for turn in 0..300 {
            if turn == 2 {
                (before, allowance) = (ALLOCATOR.total_allocated(), 0); // warm
            }
            let chunk = chunker.next_chunk(&mut deflater).unwrap();
            // Payload out of the compressor, bytes out of the decompressor, and what makes each of them shareable.
            allowance += output_bytes * (chunk.payload.len() + chunk.header.covered_bytes() + 128);
            reassembler.accept(now, chunk.header, chunk.payload).unwrap();
            drain(&mut reassembler);
        }
        let allocated = ALLOCATOR.total_allocated() - before;
        assert!(allocated <= allowance, "{compression:?}: {allocated} of {allowance} bytes");
    }
}

/// What an idle session keeps, whatever it did before.
#[test]
fn an_idle_reassembler_is_light() {
    let _alone = alone();
    let arms = Arms::new();
    let kept = || {
        let baseline = ALLOCATOR.allocated();
        let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
        for id in 0..MAX_OPEN_MESSAGES as u64 {
            for index in (0..3).rev() {
                let chunk = header(id, index, 192_000, 64_000, Coding::Deflate);
                reassembler.accept(Instant::now(), chunk, arms.bomb.clone()).unwrap();
            }
            drain(&mut reassembler);
        }
        let broken = header(u64::MAX, 0, 64_000, 64_000, Coding::Deflate);
        reassembler.accept(Instant::now(), broken, arms.lies[2].clone()).unwrap_err();
        size_of::<Reassembler>() + ALLOCATOR.allocated().saturating_sub(baseline)
    };
    // The test harness allocates now and then, too.
    let kept = (0..10).map(|_| kept()).min().unwrap();
    println!("{kept} bytes, {} of them the struct", size_of::<Reassembler>());
    assert!(kept <= 1_024, "{kept} bytes");
}

/// A sender pays for a compressor only while it uses one.
#[test]
fn a_released_deflater_is_light() {
    let _alone = alone();
    let message = content(1, 200_000);
    let options = ChunkOptions { compression: Compression::Always, ..ChunkOptions::default() };
    let baseline = ALLOCATOR.allocated();
    let mut deflater = Deflater::default();
    drop(support::chunks(1, &message, &options, &mut deflater));
    let used = ALLOCATOR.allocated() - baseline;
    println!("{used} bytes in use");
    assert!((200_000..600_000).contains(&used), "{used} bytes");
    deflater.release();
    assert!(ALLOCATOR.allocated() <= baseline + NOISE_BYTES);
}
