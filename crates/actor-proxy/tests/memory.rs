//! What actors and addresses take, counted by the allocator.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

#[path = "support/net.rs"]
mod net;
#[path = "support/raw.rs"]
mod raw;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actor_proxy::{Address, Allow, Inbox, Limits, Message, Schema, ServiceOptions};
use cap::Cap;
use net::Net;
use raw::Raw;
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Tests that count allocations must not run beside each other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const COUNT: usize = 10_000;

/// In one message: 4,096 is the most.
const AT_ONCE: usize = 1_000;

/// What the test's own machinery may allocate at the same time, in bytes.
const NOISE_BYTES: usize = 16 << 10;

#[derive(Serialize, Deserialize)]
struct Bell(u64);

impl Message for Bell {
    const SCHEMA: Schema = Schema::new("tests.bell/1");
}

#[derive(Serialize, Deserialize)]
struct Bells(Vec<Address<Bell>>);

impl Message for Bells {
    const SCHEMA: Schema = Schema::new("tests.bells/1");
}

/// The ringer at node 0, who gets bells of node 1.
struct Tower {
    net: Net,
    ringer: Inbox<Bells>,
    to_ringer: Address<Bells>,
}

impl Tower {
    fn new() -> Self {
        let mut net = Net::new(2, &Limits::default(), |_, _| true);
        let (_, ringer) = net.nodes[0].serve("ringer", Allow::Members, ServiceOptions::default()).unwrap();
        net.connect(0, 1);
        let looking = net.exchange(1, 0).unwrap().service("ringer");
        let to_ringer = net.wait(looking).unwrap();
        Self { net, ringer, to_ringer }
    }

    /// The bells as the ringer has them.
    fn hand_over(&mut self, bells: &[Address<Bell>]) -> Vec<Address<Bell>> {
        let mut held = Vec::with_capacity(bells.len());
        for some in bells.chunks(AT_ONCE) {
            self.to_ringer.try_send(Bells(some.to_vec())).unwrap();
            self.net.flow();
            held.extend(self.ringer.try_recv().unwrap().0.0);
        }
        held
    }
}

fn per_one(before: usize) -> usize {
    ALLOCATOR.allocated().saturating_sub(before) / COUNT
}

fn bells(tower: &Tower) -> Vec<(Address<Bell>, Inbox<Bell>)> {
    (0..COUNT).map(|_| tower.net.nodes[1].mailbox()).collect()
}

/// One node that gets addresses from somebody who makes them up, so that nobody else is counted.
fn bytes_per_address_held() -> usize {
    let raw = Raw::new(Limits::default());
    let (_, mut ringer) =
        raw.node.serve::<Bells>("ringer", Allow::Members, ServiceOptions::default()).unwrap();
    let tag = raw.look_up("ringer");
    let before = ALLOCATOR.allocated();
    let mut held: Vec<Address<Bell>> = Vec::with_capacity(COUNT);
    for first in (0..COUNT).step_by(AT_ONCE) {
        let mut envelope = vec![3];
        envelope.extend(tag);
        envelope.extend([0; 5]);
        envelope.extend((AT_ONCE as u16).to_le_bytes());
        let mut body = vec![251];
        body.extend((AT_ONCE as u16).to_le_bytes());
        for (index, number) in (first..first + AT_ONCE).enumerate() {
            envelope.extend([1, 0]);
            envelope.extend((number as u128 + 1).to_le_bytes());
            envelope.extend((number as u32).to_le_bytes());
            envelope.extend(262_144u64.to_le_bytes());
            envelope.push(0);
            envelope.push(12);
            envelope.extend(b"tests.bell/1");
            match u8::try_from(index) {
                Ok(small @ ..251) => body.push(small),
                _ => {
                    body.push(251);
                    body.extend((index as u16).to_le_bytes());
                }
            }
        }
        envelope.extend(body);
        raw.hear([envelope.into()]).unwrap();
        held.extend(ringer.try_recv().unwrap().0.0);
        raw.said();
    }
    assert_eq!(raw.node.table_sizes().1, COUNT);
    let each = per_one(before);
    drop(held);
    each
}

#[test]
fn what_is_held_is_light() {
    let _alone = alone();
    let holder = bytes_per_address_held();
    let mut tower = Tower::new();
    tower.net.flow();
    let before = ALLOCATOR.allocated();
    let made = bells(&tower);
    let mailbox = per_one(before);
    let addresses: Vec<_> = made.iter().map(|(address, _)| address.clone()).collect();
    let before = ALLOCATOR.allocated();
    let held = tower.hand_over(&addresses);
    let exported = per_one(before) - holder;
    println!("{mailbox} bytes per mailbox, {holder} per address held, {exported} per actor exported");
    assert_eq!(tower.net.nodes[1].table_sizes().0, COUNT);
    assert!(mailbox <= 1_024 - 400, "{mailbox} bytes per mailbox");
    assert!(holder <= 256, "{holder} bytes per address held");
    assert!(exported <= 512, "{exported} bytes per actor exported");
    drop(held);
}

#[test]
fn memory_comes_back() {
    let _alone = alone();
    let mut tower = Tower::new();
    tower.net.flow();
    for round in 0..3 {
        let before = ALLOCATOR.allocated();
        let made = bells(&tower);
        let addresses: Vec<_> = made.iter().map(|(address, _)| address.clone()).collect();
        let held = tower.hand_over(&addresses);
        drop(addresses);
        let most = ALLOCATOR.allocated() - before;
        drop(held);
        tower.net.flow();
        tower.net.advance(Duration::from_secs(11));
        tower.net.flow();
        assert_eq!(tower.net.nodes[1].table_sizes().0, 0);
        assert_eq!(tower.net.nodes[0].table_sizes().1, 0);
        drop(made);
        let left = ALLOCATOR.allocated().saturating_sub(before);
        println!("round {round}: {left} bytes of {most} are left");
        // The first time a few buffers of fixed size come into being.
        let most_left = if round == 0 { most / 20 } else { NOISE_BYTES };
        assert!(left <= most_left, "{left} of {most} bytes are left");
    }
}
