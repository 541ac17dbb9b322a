//! Whole control planes against each other, with real handshakes and real links, on a virtual clock: a thousand seeds
//! each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "simulation/cast.rs"]
mod cast;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/plane.rs"]
mod plane;
#[path = "simulation/pressed.rs"]
mod pressed;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use std::time::Duration;

use endpoint::{ConnectError, Urgency};
use link::Outcome;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use wire::Frame;
use world::{MILLISECOND, World};

const SEEDS: u64 = 1_000;
const SECOND: Duration = Duration::from_secs(1);

fn addresses(lists: &[&[&str]]) -> Vec<Vec<String>> {
    lists.iter().map(|list| list.iter().map(|address| (*address).to_owned()).collect()).collect()
}

/// Everything has ended, and everybody has been told.
fn assert_quiet(world: &World, seed: u64) {
    for (index, node) in world.nodes.iter().enumerate() {
        assert!(node.endpoint.is_quiet(), "seed {seed}: node {index} is not quiet: {:#?}", node.endpoint);
        assert!(node.paths.is_empty() && node.sessions.is_empty() && node.up.is_empty(), "seed {seed}");
        assert!(node.waiting.is_empty(), "seed {seed}: somebody still waits");
    }
}

/// Each message that was sent had exactly one fate, and it was the true one.
fn assert_fates(world: &World, seed: u64) {
    for number in &world.sent {
        let arrived = world.received.contains(number);
        match (world.fates.get(number), world.taken_back.get(number)) {
            (Some(Outcome::Confirmed), None) => assert!(arrived, "seed {seed}: {number} was confirmed"),
            (Some(Outcome::Lost { maybe_delivered }), None) => {
                assert!(*maybe_delivered || !arrived, "seed {seed}: {number} was surely not delivered");
            }
            (None, Some(unsent)) => assert!(!unsent || !arrived, "seed {seed}: {number} was not sent"),
            other => panic!("seed {seed}: message {number} ended as {other:?}"),
        }
    }
    assert_eq!(world.fates.len() + world.taken_back.len(), world.sent.len(), "seed {seed}");
}

/// Addresses of a node that is found at `node:n`, among others that lead nowhere.
fn some_addresses(node: usize, rng: &mut StdRng) -> Vec<String> {
    let mut list = vec![format!("node:{node}")];
    for other in ["silent:x", "refused:x", "nowhere:x"] {
        if rng.random_bool(0.3) {
            list.insert(rng.random_range(0..=list.len()), other.to_owned());
        }
    }
    list
}

#[test]
fn simultaneous_dials_converge_to_one_session_and_lose_nothing() {
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let lists = [some_addresses(0, &mut rng), some_addresses(1, &mut rng)];
        let mut world = World::new(seed, &lists, 1..200);
        if seed % 2 == 1 {
            // Under load each of them is challenged.
            world.demand = pressed::demand(|level| level.challenge(true).is_some());
        }
        world.talkative = true;
        for _ in 0..rng.random_range(2..6) {
            let from = rng.random_range(0..2);
            world.connect(from, 1 - from, Urgency::Prompt);
            let pause = rng.random_range(0..300);
            world.run(pause * MILLISECOND);
        }
        world.run(12 * SECOND);
        assert!(world.outcomes.values().all(Result::is_ok), "seed {seed}: {:?}", world.outcomes);
        let transcript = world.transcript(0, 1);
        assert!(transcript.is_some(), "seed {seed}: no session");
        assert_eq!(transcript, world.transcript(1, 0), "seed {seed}: two sessions");
        assert_eq!(world.downs, [], "seed {seed}: a session was lost on the way");
        world.received.sort_unstable();
        world.sent.sort_unstable();
        assert_eq!(world.received, world.sent, "seed {seed}: a message was lost or came twice");
        assert!(world.fates.values().all(|fate| *fate == Outcome::Confirmed), "seed {seed}");
        world.run(60 * SECOND);
        assert_quiet(&world, seed);
        assert_fates(&world, seed);
    }
}

#[test]
fn whatever_happens_everybody_gets_one_outcome_and_nothing_is_left() {
    let mut resolved = 0;
    let mut restarts = 0;
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let lists: Vec<_> = (0..3).map(|node| some_addresses(node, &mut rng)).collect();
        let slowest = [50, 400, 1_500][rng.random_range(0..3)];
        let mut world = World::new(seed, &lists, 1..slowest);
        world.talkative = true;
        let mut waiters = Vec::new();
        for _ in 0..rng.random_range(5..25) {
            let node = rng.random_range(0..3);
            let other = (node + rng.random_range(1..3)) % 3;
            match rng.random_range(0..100) {
                0..50 => {
                    let urgency = if rng.random_bool(0.8) { Urgency::Prompt } else { Urgency::Patient };
                    waiters.push((node, world.nodes[node].life, world.connect(node, other, urgency)));
                }
                50..65 if !waiters.is_empty() => {
                    let (node, life, waiter) = waiters[rng.random_range(0..waiters.len())];
                    if world.nodes[node].life == life && world.outcomes.contains_key(&waiter) {
                        world.take_back(node, waiter.0);
                    } else if world.nodes[node].life == life {
                        world.cancel(node, waiter);
                    }
                }
                65..80 if !world.wires.is_empty() => {
                    let wire = rng.random_range(0..world.wires.len());
                    let silently = rng.random_bool(0.3);
                    world.break_wire(wire, silently);
                }
                80..88 => {
                    let silently = rng.random_bool(0.3);
                    world.restart(node, silently);
                }
                88..94 => world.disconnect(node, other),
                _ => {}
            }
            let pause = rng.random_range(0..3_000);
            world.run(pause * MILLISECOND);
        }
        world.run(150 * SECOND);
        assert_quiet(&world, seed);
        let asked = waiters.len();
        assert_eq!(world.outcomes.len() + world.cancelled.len(), asked, "seed {seed}: one outcome for each");
        world.received.sort_unstable();
        let before = world.received.len();
        world.received.dedup();
        assert_eq!(world.received.len(), before, "seed {seed}: a message came twice");
        assert_fates(&world, seed);
        resolved += world.outcomes.values().filter(|outcome| outcome.is_ok()).count();
        restarts += world.restarts_noticed;
    }
    // The test would prove little if hardly anything had succeeded.
    assert!(resolved > 2_000, "{resolved}");
    assert!(restarts > 50, "{restarts}");
}

#[test]
fn after_the_troubles_both_sides_have_the_same_session() {
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(seed, &addresses(&[&["node:0"], &["node:1"]]), 1..200);
        for _ in 0..rng.random_range(1..8) {
            let node = rng.random_range(0..2);
            match rng.random_range(0..4) {
                0 | 1 => drop(world.connect(node, 1 - node, Urgency::Prompt)),
                2 if !world.wires.is_empty() => {
                    let wire = rng.random_range(0..world.wires.len());
                    world.break_wire(wire, false);
                }
                _ => world.restart(node, false),
            }
            let pause = rng.random_range(0..400);
            world.run(pause * MILLISECOND);
        }
        world.run(SECOND);
        let before = world.downs.len();
        world.connect(0, 1, Urgency::Prompt);
        let pause = rng.random_range(0..300);
        world.run(pause * MILLISECOND);
        world.connect(1, 0, Urgency::Prompt);
        world.run(13 * SECOND);
        let transcript = world.transcript(0, 1);
        assert!(transcript.is_some(), "seed {seed}: {:?} {:?}", world.outcomes, &world.downs[before..]);
        assert_eq!(transcript, world.transcript(1, 0), "seed {seed}");
        world.run(60 * SECOND);
        assert_quiet(&world, seed);
    }
}

#[test]
fn a_recorded_session_replayed_whole_has_no_effect() {
    for (seed, restarted) in [(1, false), (2, true)] {
        let mut world = World::new(seed, &addresses(&[&["node:0"], &["node:1"]]), 1..50);
        world.talkative = true;
        world.connect(0, 1, Urgency::Prompt);
        world.run(SECOND);
        let recording = world.wires[0].recording.clone();
        assert!(
            recording.len() >= 4,
            "two packets of the handshake, a confirmation, a message: {recording:?}"
        );
        assert_eq!(world.received, world.sent);
        if restarted {
            world.restart(1, false);
            world.run(SECOND);
        }
        let session = world.transcript(1, 0);
        let received = world.received.clone();
        for length in 0..=recording.len() {
            world.replay(1, &recording[..length]);
        }
        world.run(5 * SECOND);
        assert_eq!(world.transcript(1, 0), session, "a replay displaces nothing");
        let unconfirmed = world.nodes[1].sessions.values().filter(|session| !session.confirmed).count();
        assert!(unconfirmed <= 1, "at most one unconfirmed session");
        assert_eq!(world.received, received, "no message is delivered again");
        world.run(60 * SECOND);
        assert_quiet(&world, seed);
    }
}

#[test]
fn a_withheld_first_packet_is_answered_once_and_delays_a_dial_by_a_second_at_most() {
    let mut world = World::new(3, &addresses(&[&["node:0"], &["node:1"]]), 10..11);
    // The first packet of node 0 is recorded, and never arrives.
    world.connect(0, 1, Urgency::Prompt);
    world.run(25 * MILLISECOND);
    world.break_wire(0, false);
    let first: Vec<_> = world.wires[0].recording.iter().take(2).cloned().collect();
    assert!(matches!(first.as_slice(), [Frame::Handshake(_), Frame::Handshake(_)]), "{first:?}");
    world.run(30 * SECOND);
    assert_quiet(&world, 3);
    world.replay(1, &first);
    world.run(100 * MILLISECOND);
    assert_eq!(world.nodes[1].sessions.len(), 1, "answered once");
    assert_eq!(world.nodes[1].endpoint.sessions().count(), 0, "and not counted");
    // However often it comes again, node 1 reaches node 0 in little more than a second.
    let began = world.now.instant;
    let waiter = world.connect(1, 0, Urgency::Prompt);
    while !world.outcomes.contains_key(&waiter) {
        let wire = world.replay(1, &first);
        world.run(10 * MILLISECOND);
        world.break_wire(wire, false);
        assert!(world.nodes[1].sessions.len() <= 1);
    }
    assert!(world.outcomes[&waiter].is_ok());
    assert!(world.now.instant - began <= SECOND + 200 * MILLISECOND);
    world.run(60 * SECOND);
    assert_quiet(&world, 3);
}

#[test]
fn a_stranger_at_the_address_is_silence_with_its_possible_causes() {
    let mut world = World::new(4, &addresses(&[&["node:0"], &["silent:x"]]), 1..50);
    let waiter = world.connect(0, 1, Urgency::Prompt);
    world.run(11 * SECOND);
    assert_eq!(world.outcomes[&waiter], Err(ConnectError::NoAnswer));
    assert!(!ConnectError::NoAnswer.possible_causes().is_empty());
    assert_quiet(&world, 4);
}
