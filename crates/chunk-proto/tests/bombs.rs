//! Chunk bombs and deflate bombs against one peer's budget, counted by the allocator. The only test of its binary: the
//! allocator's highest mark cannot be reset.

// Budgets are measured in megabytes, and Miri has an allocator of its own.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::alloc::System;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cap::Cap;
use chunk_proto::{Limits, NodeBudget, PEER_BUDGET_BYTES, Reassembler};
use support::bombs::{Arms, Attack, attacks};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// A packet is this much longer than the payload in it.
const PACKET_EXTRA_BYTES: usize = 3_000;
/// The longest packet, made by concatenation.
const PACKET_BYTES: usize = 65_536 + PACKET_EXTRA_BYTES;
/// What the test's own machinery allocates besides, in bytes.
const NOISE_BYTES: usize = 16 << 10;

/// Every attack, against a caller that polls the events and against one that forgets to.
#[test]
fn bombs_stay_within_the_budget_of_a_peer() {
    let arms = Arms::new();
    let baseline = ALLOCATOR.allocated();
    for (name, attack) in attacks() {
        for forgetful in [false, true] {
            let refused = endure(name, attack, &arms, forgetful);
            assert!(ALLOCATOR.allocated() <= baseline + NOISE_BYTES, "{name} leaks");
            let most = ALLOCATOR.max_allocated() - baseline;
            println!("{name}, forgetful {forgetful}: {refused} refused, {most} bytes at most so far");
            assert!(
                most <= PEER_BUDGET_BYTES + PACKET_BYTES + NOISE_BYTES,
                "{name}, forgetful {forgetful}: {most}"
            );
        }
    }
    let most = ALLOCATOR.max_allocated() - baseline;
    assert!(most > PEER_BUDGET_BYTES / 2, "the attacks do attack");
}

/// Runs one attack to its end and says how many chunks were refused.
fn endure(name: &str, attack: Attack, arms: &Arms, forgetful: bool) -> usize {
    let now = Instant::now();
    let node = NodeBudget::default();
    let mut reassembler = Reassembler::new(Limits::default(), node.clone());
    let mut refused = 0;
    for (header, payload) in (0..).map_while(|step| attack(arms, step)) {
        // Each payload comes in a packet buffer of its own, longer than itself, as from a socket.
        let mut packet = Vec::with_capacity(payload.len() + PACKET_EXTRA_BYTES);
        packet.extend_from_slice(&payload);
        let packet = Bytes::from(packet).slice(..payload.len());
        refused += usize::from(reassembler.accept(now, header, packet).is_err());
        if !forgetful {
            while reassembler.poll_event().is_some() {}
        }
    }
    // When all of it is over nothing is left.
    reassembler.handle_timeout(now + Duration::from_secs(100_000_000));
    while reassembler.poll_event().is_some() {}
    assert_eq!((reassembler.used_bytes(), reassembler.open_messages()), (0, 0), "{name}");
    drop(reassembler);
    assert_eq!(node.used_bytes(), 0);
    refused
}
