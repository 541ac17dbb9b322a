//! What an actor takes with its task, and what an idle session takes, counted by the allocator.
#![allow(clippy::unwrap_used, missing_docs)]

use std::alloc::System;

use cap::Cap;
use membership::{Card, Identity, Members, NetAddress, UnixSeconds};
use node::{
    Address, Allow, Device, DeviceKey, Door, Inbox, Limits, MemoryNetwork, Message, Node, Record, ReplyTo,
    Schema,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const COUNT: usize = 10_000;

type Words = [u64; 8];

#[derive(Serialize, Deserialize)]
enum Task {
    Take(Words),
    Echo(Words, ReplyTo<Words>),
    Count(ReplyTo<u64>),
}

impl Message for Task {
    const SCHEMA: Schema = Schema::new("tests.task/1");
}

async fn worker(mut inbox: Inbox<Task>) {
    let mut count = 0;
    while let Some(task) = inbox.recv().await {
        match task {
            Task::Take(words) => count += words[0],
            Task::Echo(words, reply) => reply.send(words),
            Task::Count(reply) => reply.send(count),
        }
    }
}

/// One test at a time: they count what the whole process has allocated.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn an_actor_is_light() {
    let _turn = TURN.lock().await;
    let mut rng = StdRng::seed_from_u64(1);
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng).unwrap();
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
    let node = Node::builder().device(Device::new(key, record).unwrap()).door(Door::from_bytes([7; 32]));
    let node = node.memory(&MemoryNetwork::new()).spawn().await.unwrap();
    let settle = async || {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    let before = ALLOCATOR.allocated();
    let names: Vec<String> = (0..COUNT).map(|number| format!("worker {number}")).collect();
    let names_bytes = ALLOCATOR.allocated() - before;
    for name in &names {
        drop(node.serve(name, Allow::Members, worker).unwrap());
    }
    settle().await;
    let served = (ALLOCATOR.allocated() - before - names_bytes) / COUNT;
    let before = ALLOCATOR.allocated();
    let addresses: Vec<Address<Task>> = (0..COUNT).map(|_| node.spawn_actor(worker)).collect();
    settle().await;
    let spawned = (ALLOCATOR.allocated() - before) / COUNT;
    println!("{served} bytes per served actor, {spawned} per actor without a name");
    assert!(served <= 1_024, "{served} bytes per served actor");
    assert!(spawned <= 1_024, "{spawned} bytes per actor");
    drop(addresses);
    node.shutdown().await;
}

/// Nodes that all have a session with each other: enough for their tables to have grown past the first block.
const MESH: usize = 40;
/// One end of an idle session over TCP: its task, its keys and windows, and its share of the tables that a node makes
/// with its first session, which at so few sessions is a third of the whole.
const MAX_IDLE_SESSION_BYTES: usize = 8 * 1024 + 768;
/// What an address, a question and its answer leave there beside it: the far node as actors know it among that.
const MAX_IDLE_ACTORS_BYTES: usize = 4 * 1024;

#[tokio::test]
async fn an_idle_session_is_light() {
    let _turn = TURN.lock().await;
    let mut rng = StdRng::seed_from_u64(2);
    let mut people: Vec<_> = (0..MESH)
        .map(|_| {
            let identity = Identity::generate(&mut rng);
            let key = DeviceKey::generate(&mut rng).unwrap();
            let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
            (Some(Device::new(key, record.clone()).unwrap()), record, Door::generate(&mut rng))
        })
        .collect();
    let mut limits = Limits::default();
    limits.max_strangers_per_source = usize::MAX;
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..MESH {
        let mut members = Members::new();
        for (other, (_, record, door)) in people.iter().enumerate().filter(|(other, _)| *other != at) {
            let addresses = nodes.get(other).map(|node| node.local_addresses()[0].to_string());
            let addresses = addresses.into_iter().map(|address| NetAddress::new(address).unwrap()).collect();
            members.add(&Card::new(vec![record.clone()], door.clone(), addresses, None).unwrap()).unwrap();
        }
        let (device, _, door) = &mut people[at];
        let builder = Node::builder().device(device.take().unwrap()).door(door.clone()).members(members);
        let builder = builder.limits(limits.clone()).listen("127.0.0.1:0".parse().unwrap());
        let node = builder.spawn().await.unwrap();
        node.serve("worker", Allow::Members, worker).unwrap();
        nodes.push(node);
    }
    let before = ALLOCATOR.allocated();
    for (at, node) in nodes.iter().enumerate() {
        for (_, record, _) in &people[..at] {
            node.ping(record.identity()).await.unwrap();
        }
    }
    // What the handshakes have left goes when the last of them have settled.
    while nodes.iter().any(|node| node.sessions().len() != MESH - 1) {
        tokio::task::yield_now().await;
    }
    let ends = MESH * (MESH - 1);
    let each = ALLOCATOR.allocated().saturating_sub(before) / ends;
    println!("{each} bytes per end of an idle session");
    assert!(each <= MAX_IDLE_SESSION_BYTES, "{each} bytes per end of an idle session");
    let before = ALLOCATOR.allocated();
    let mut addresses: Vec<Address<Task>> = Vec::with_capacity(ends);
    for (at, node) in nodes.iter().enumerate() {
        for (_, record, _) in &people[..at] {
            let address = node.service(record.identity(), "worker").await.unwrap();
            let patience = std::time::Duration::from_secs(10);
            let words: Words = address.ask(|reply| Task::Echo([7; 8], reply), patience).await.unwrap();
            assert_eq!(words, [7; 8]);
            addresses.push(address);
        }
    }
    let more = ALLOCATOR.allocated().saturating_sub(before) / ends;
    println!("{more} bytes more with actors");
    assert!(more <= MAX_IDLE_ACTORS_BYTES, "{more} bytes more per end of an idle session with actors");
    for node in &nodes {
        node.shutdown().await;
    }
}
