//! Actors without a network: what a message costs here, and between two nodes up to the pipe and from it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actor_proxy::{Address, Allow, Inbox, Limits, Message, ReplyTo, Schema, ServiceOptions};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};

#[path = "../../crates/actor-proxy/tests/support/net.rs"]
mod net;

use net::Net;

const BATCH: usize = 1_000;

const PATIENCE: Duration = Duration::from_secs(60);

/// 64 bytes in eight numbers: what serde has something to do with.
type Words = [u64; 8];

const WORDS: Words = [u64::MAX; 8];

#[derive(Serialize, Deserialize)]
enum Task {
    Take(Words),
    Echo(Words, ReplyTo<Words>),
    Hold(Address<Task>),
}

impl Message for Task {
    const SCHEMA: Schema = Schema::new("bench.task/1");
}

/// Node 1 has the address of an actor of node 0.
struct Pair {
    net: Net,
    inbox: Inbox<Task>,
    address: Address<Task>,
}

impl Pair {
    fn new() -> Self {
        let mut net = Net::new(2, &Limits::default(), |_, _| true);
        let (_, inbox) = net.nodes[0].serve("worker", Allow::Members, ServiceOptions::default()).unwrap();
        net.connect(0, 1);
        let looking = net.exchange(1, 0).unwrap().service("worker");
        let address = net.wait(looking).unwrap();
        Self { net, inbox, address }
    }

    fn take(&mut self) -> usize {
        let mut count = 0;
        while let Some((task, _)) = self.inbox.try_recv() {
            match task {
                Task::Take(words) => count += usize::from(words == WORDS),
                Task::Echo(words, reply) => reply.send(words),
                Task::Hold(address) => drop(address),
            }
        }
        count
    }
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn here(c: &mut Criterion) {
    let mut group = c.benchmark_group("actor-proxy, here");
    let net = Net::new(1, &Limits::default(), |_, _| true);
    let (address, mut inbox) = net.nodes[0].mailbox::<Task>();
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap()));
    group.bench_function("send and receive, 1,000 of 64 B", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                let _ = poll(pin!(address.send(Task::Take(WORDS))));
            }
            let received = std::iter::from_fn(|| inbox.try_recv()).count();
            assert_eq!(received, BATCH);
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("ask", |b| {
        b.iter(|| {
            let mut asking = pin!(address.ask(|reply| Task::Echo(WORDS, reply), PATIENCE));
            assert!(poll(asking.as_mut()).is_pending());
            let Some((Task::Echo(words, reply), _)) = inbox.try_recv() else { panic!("no question") };
            reply.send(words);
            assert!(poll(asking).is_ready());
        });
    });
    group.finish();
}

fn between(c: &mut Criterion) {
    let mut group = c.benchmark_group("actor-proxy, between two nodes");
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap()));
    group.bench_function("write, 1,000 of 64 B", |b| {
        // Up to the pipe; what is beyond is not measured.
        let mut pair = Pair::new();
        b.iter_batched(
            || {
                pair.net.flow();
                pair.take();
                pair.net.flow();
                pair.address.clone()
            },
            |address| {
                for _ in 0..BATCH {
                    address.try_send(Task::Take(WORDS)).unwrap();
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("send, deliver, receive, 1,000 of 64 B", |b| {
        let mut pair = Pair::new();
        b.iter(|| {
            for _ in 0..BATCH {
                pair.address.try_send(Task::Take(WORDS)).unwrap();
            }
            pair.net.transmit(usize::MAX);
            pair.net.deliver_all();
            assert_eq!(pair.take(), BATCH);
            // Credit.
            pair.net.transmit(usize::MAX);
            pair.net.deliver(0, usize::MAX);
        });
    });
    group.throughput(Throughput::Elements(1));
    let round = |pair: &mut Pair| {
        pair.net.transmit(usize::MAX);
        pair.net.deliver_all();
    };
    group.bench_function("ask", |b| {
        let mut pair = Pair::new();
        b.iter(|| {
            let address = pair.address.clone();
            let mut asking = pin!(address.ask(|reply| Task::Echo(WORDS, reply), PATIENCE));
            assert!(poll(asking.as_mut()).is_pending());
            round(&mut pair);
            pair.take();
            round(&mut pair);
            assert!(poll(asking).is_ready());
        });
    });
    group.bench_function("an address passed and dropped", |b| {
        let mut pair = Pair::new();
        let (address, _inbox) = pair.net.nodes[1].mailbox::<Task>();
        b.iter(|| {
            pair.address.try_send(Task::Hold(address.clone())).unwrap();
            round(&mut pair);
            pair.take();
            round(&mut pair);
        });
    });
    group.finish();
}

criterion_group!(benches, here, between);
criterion_main!(benches);
