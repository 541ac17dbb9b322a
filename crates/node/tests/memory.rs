//! What an actor takes with its task, counted by the allocator.
#![allow(clippy::unwrap_used, missing_docs)]

use std::alloc::System;

use cap::Cap;
use membership::{Identity, UnixSeconds};
use node::{
    Address, Allow, Device, DeviceKey, Door, Inbox, MemoryNetwork, Message, Node, Record, ReplyTo, Schema,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

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

#[tokio::test]
async fn an_actor_is_light() {
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
