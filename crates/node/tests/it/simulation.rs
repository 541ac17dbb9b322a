//! Whole nodes under paused time: cuts, vanishing hosts, restarts, simultaneous dials and cancellations at random.
//!
//! Every operation has exactly one outcome and none hangs past its deadline; nothing is delivered twice, or out of
//! order, or although it was said not to have left; what was confirmed is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use node::{
    BodyError, ConnectError, Limits, MemoryNetwork, Node, Receiver, SendError, Sender, StreamOptions,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::support::{Person, host, name};

const SEEDS: u64 = 100;
const NODES: u8 = 3;
/// No operation takes longer: a dial may wait a second for its turn, takes ten at most, and a silent peer is given up
/// after fifteen. Twice, as a message that finds its session ended dials again.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is known of one message.
#[derive(Debug, Default, Clone)]
struct Fate {
    outcome: Option<Result<(), SendError>>,
    cancelled: bool,
    confirmed: bool,
    delivered: u32,
}

#[derive(Default)]
struct Ledger {
    fates: BTreeMap<u32, Fate>,
    /// Messages in the order of their delivery, by stream and incarnation of the receiver.
    deliveries: Vec<(u8, u8, u32)>,
}

type Shared = Arc<Mutex<Ledger>>;

fn message(number: u32, length: usize) -> Bytes {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(length.max(4), number as u8);
    bytes.into()
}

/// The nodes of now, by number; none while one restarts.
type Nodes = Arc<Mutex<Vec<Option<Node>>>>;

struct World {
    network: MemoryNetwork,
    people: Vec<Person>,
    nodes: Nodes,
    ledger: Shared,
    receivers: Vec<tokio::task::JoinHandle<()>>,
}

impl World {
    async fn new(rng: &mut StdRng) -> Self {
        let network = MemoryNetwork::new();
        network.set_latency(Duration::from_millis(rng.random_range(0..40)));
        let people = (0..NODES).map(|number| Person::new(u64::from(number))).collect();
        let nodes = Nodes::default();
        let mut world = Self { network, people, nodes, ledger: Shared::default(), receivers: Vec::new() };
        for number in 0..NODES {
            let node = world.start(number).await;
            world.nodes.lock().unwrap().push(Some(node));
        }
        world
    }

    async fn start(&mut self, number: u8) -> Node {
        let knows: Vec<_> = (0..NODES)
            .filter(|other| *other != number)
            .map(|other| (&self.people[usize::from(other)], other))
            .collect();
        let person = &self.people[usize::from(number)];
        let node = person.start(&self.network, host(number), Limits::default(), &knows).await;
        for from in (0..NODES).filter(|from| *from != number) {
            let receiver = node.receiver(name(&format!("from {from}"))).unwrap();
            self.receivers.push(tokio::spawn(receive(receiver, from, number, Arc::clone(&self.ledger))));
        }
        node
    }

    async fn restart(&mut self, number: u8, graceful: bool) {
        let old = self.nodes.lock().unwrap()[usize::from(number)].take().unwrap();
        if graceful {
            old.shutdown().await;
        } else {
            self.network.cut(host(number).ip());
        }
        drop(old);
        // Until the old listener is gone its address is taken.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let node = self.start(number).await;
        self.nodes.lock().unwrap()[usize::from(number)] = Some(node);
    }
}

/// Takes messages and writes down which.
async fn receive(mut receiver: Receiver, from: u8, to: u8, ledger: Shared) {
    while let Some(incoming) = receiver.recv().await {
        let announced = incoming.body.len();
        match incoming.body.collect(u64::MAX).await {
            Ok(bytes) => {
                assert_eq!(bytes.len() as u64, announced);
                let number = u32::from_le_bytes(bytes[..4].try_into().unwrap());
                assert_eq!(bytes, message(number, bytes.len()));
                let mut ledger = ledger.lock().unwrap();
                ledger.fates.get_mut(&number).unwrap().delivered += 1;
                ledger.deliveries.push((from, to, number));
            }
            Err(BodyError::Lost | BodyError::Aborted) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends messages one after the other, gives some up, and writes down how each ended.
async fn send(
    connect: impl Fn() -> Option<Sender>,
    numbers: std::ops::Range<u32>,
    mut rng: StdRng,
    ledger: Shared,
) {
    let mut sender = connect();
    for number in numbers {
        while sender.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender = connect();
        }
        let Some(current) = &sender else { unreachable!() };
        ledger.lock().unwrap().fates.insert(number, Fate::default());
        let length = match rng.random_range(0..10) {
            0 => rng.random_range(100_000..2_000_000),
            1..4 => rng.random_range(1_000..70_000),
            _ => rng.random_range(4..200),
        };
        let confirm = rng.random_bool(0.7);
        let patience =
            if rng.random_bool(0.2) { Duration::from_millis(rng.random_range(0..300)) } else { DEADLINE };
        let start = Instant::now();
        let operation = async {
            if confirm && length > 100_000 && rng.random_bool(0.5) {
                in_pieces(current, message(number, length)).await
            } else if confirm {
                current.send_confirmed(message(number, length)).await
            } else {
                current.send(message(number, length)).await
            }
        };
        let outcome = tokio::time::timeout(patience, operation).await.ok();
        if patience == DEADLINE {
            assert!(outcome.is_some(), "message {number} hangs since {:?}", start.elapsed());
        }
        {
            let mut ledger = ledger.lock().unwrap();
            let fate = ledger.fates.get_mut(&number).unwrap();
            fate.confirmed = confirm && outcome == Some(Ok(()));
            fate.cancelled = outcome.is_none();
            fate.outcome = outcome;
        }
        if outcome == Some(Err(SendError::Connect(ConnectError::ShuttingDown))) {
            sender = None;
        }
        if rng.random_bool(0.6) {
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..900))).await;
        }
    }
}

async fn in_pieces(sender: &Sender, mut bytes: Bytes) -> Result<(), SendError> {
    let mut outgoing = sender.begin(bytes.len() as u64).await?;
    while !bytes.is_empty() {
        outgoing.write(bytes.split_to(bytes.len().min(150_000))).await?;
    }
    outgoing.finish().await
}

/// Breaks things for a while.
async fn disturb(world: &mut World, rng: &mut StdRng) {
    for _ in 0..rng.random_range(10..25) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..800))).await;
        let victim = rng.random_range(0..NODES);
        match rng.random_range(0..10) {
            0..5 => drop(world.network.cut(host(victim).ip())),
            5..7 => {
                world.network.set_reachable(host(victim).ip(), false);
                let away = [1_000, 5_000, 20_000][rng.random_range(0..3)];
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..away))).await;
                world.network.set_reachable(host(victim).ip(), true);
            }
            7 => world.restart(victim, true).await,
            8 => world.restart(victim, false).await,
            _ => {
                let other = (victim + 1) % NODES;
                let other = world.people[usize::from(other)].identity();
                world.nodes.lock().unwrap()[usize::from(victim)].as_ref().unwrap().disconnect(other);
            }
        }
    }
}

async fn run(seed: u64) -> (usize, usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new(&mut rng).await;
    let mut senders = Vec::new();
    let mut numbers = 0;
    for from in 0..NODES {
        for to in (0..NODES).filter(|to| *to != from) {
            let stream = name(&format!("from {from}"));
            let to = world.people[usize::from(to)].identity();
            let nodes = Arc::clone(&world.nodes);
            let connect = move || {
                let node = nodes.lock().unwrap()[usize::from(from)].clone();
                node.map(|node| node.sender(to, stream.clone(), StreamOptions::default()))
            };
            let range = numbers..numbers + 20;
            numbers += 20;
            let rng = StdRng::seed_from_u64(rng.random());
            senders.push(tokio::spawn(send(connect, range, rng, Arc::clone(&world.ledger))));
        }
    }
    disturb(&mut world, &mut rng).await;
    for sender in senders {
        sender.await.unwrap();
    }
    let nodes = std::mem::take(&mut *world.nodes.lock().unwrap());
    for node in nodes.into_iter().flatten() {
        let shutdown = tokio::time::timeout(Duration::from_secs(8), node.shutdown()).await;
        assert!(shutdown.is_ok(), "a node does not end");
    }
    for receiver in world.receivers {
        let ended = tokio::time::timeout(DEADLINE, receiver).await;
        ended.expect("a receiver hangs after the end of its node").unwrap();
    }
    let ledger = world.ledger.lock().unwrap();
    check(&ledger, seed);
    let confirmed = ledger.fates.values().filter(|fate| fate.confirmed).count();
    (confirmed, ledger.fates.len())
}

fn check(ledger: &Ledger, seed: u64) {
    for (number, fate) in &ledger.fates {
        assert!(fate.delivered <= 1, "seed {seed}: message {number} came twice");
        assert!(
            fate.cancelled != fate.outcome.is_some(),
            "seed {seed}: message {number} has no single outcome"
        );
        if fate.confirmed {
            assert_eq!(fate.delivered, 1, "seed {seed}: message {number} was confirmed and did not come");
        }
        if let Some(Err(error)) = &fate.outcome
            && !error.maybe_delivered()
        {
            assert_eq!(fate.delivered, 0, "seed {seed}: message {number} came although {error}");
        }
    }
    // One sender's messages come in the order in which they were sent.
    let mut last = BTreeMap::new();
    for (from, to, number) in &ledger.deliveries {
        let before = last.insert((from, to), number);
        assert!(before.is_none_or(|before| before < number), "seed {seed}: {number} came after {before:?}");
    }
    let known: BTreeSet<_> = ledger.fates.keys().collect();
    assert!(ledger.deliveries.iter().all(|(_, _, number)| known.contains(number)));
}

#[test]
fn a_hundred_seeds_of_trouble() {
    let (mut confirmed, mut all) = (0, 0);
    for seed in 0..SEEDS {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let counts = runtime.block_on(run(seed));
        confirmed += counts.0;
        all += counts.1;
    }
    // The trouble is not so great that nothing gets through, or the checks would say nothing.
    assert!(confirmed * 4 > all, "only {confirmed} of {all} messages were confirmed");
}
