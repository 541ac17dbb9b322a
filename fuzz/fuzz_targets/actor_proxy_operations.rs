//! Any sequence of what actors of three nodes, and the pipes between them, may do: nothing arrives twice or out of order,
//! what was confirmed has arrived, each question has one outcome, whoever is held and alive is reached in the end, and
//! tables are empty once nothing is held.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use actor_proxy::{Address, Ended, Inbox, Lane, Limits, Message, ReplyTo, Schema, SendError};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[path = "../../crates/actor-proxy/tests/support/net.rs"]
mod net;

const MAX_OPERATIONS: usize = 300;
const MAX_ACTORS: usize = 16;
const MAX_HELD: usize = 24;

/// Addresses that are on their way for longer may have expired.
const LEASE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
enum Letter {
    Numbered(Stamp),
    /// An address of that actor.
    Here(Stamp, u32, Address<Letter>),
    Ask(Stamp, ReplyTo<u32>),
}

impl Message for Letter {
    const SCHEMA: Schema = Schema::new("fuzz.letter/1");
}

/// Who sends, and the how manieth it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Stamp {
    sender: u32,
    number: u32,
}

fuzz_target!(|input: &[u8]| {
    let Some((first, operations)) = input.split_first() else { return };
    let mut world = World::new(*first);
    for operation in operations.chunks_exact(2).take(MAX_OPERATIONS) {
        world.apply(operation[0], operation[1]);
    }
    world.finish();
});

struct Actor {
    node: usize,
    inbox: Option<Inbox<Letter>>,
    /// What came last of each sender.
    last: BTreeMap<u32, u32>,
    seen: BTreeSet<Stamp>,
}

/// An address that a node has.
struct Held {
    actor: u32,
    address: Address<Letter>,
    stamp: Stamp,
}

#[derive(Default)]
struct Outcomes {
    confirmed: Vec<(u32, Stamp)>,
    asked: usize,
    answered: usize,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct World {
    net: net::Net,
    actors: BTreeMap<u32, Actor>,
    held: [Vec<Held>; 3],
    tasks: Vec<Task>,
    replies: Vec<(u32, ReplyTo<u32>)>,
    outcomes: Arc<Mutex<Outcomes>>,
    senders: u32,
    sent: BTreeSet<Stamp>,
    elapsed: Duration,
    /// Nodes 1 and 2 speak through node 0.
    through: bool,
}

impl World {
    fn new(first: u8) -> Self {
        let mut limits = Limits::default();
        if first & 2 != 0 {
            // Credit and room run out soon.
            limits.mailbox_window_bytes = 300;
            limits.outbox_bytes = 400;
        }
        let through = first & 1 != 0;
        let speak = if through { |one, other| one + other != 3 } else { |_, _| true };
        let mut net = net::Net::new(3, &limits, speak);
        net.connect(0, 1);
        net.connect(0, 2);
        let mut world = Self {
            net,
            actors: BTreeMap::new(),
            held: Default::default(),
            tasks: Vec::new(),
            replies: Vec::new(),
            outcomes: Arc::default(),
            senders: 0,
            sent: BTreeSet::new(),
            elapsed: Duration::ZERO,
            through,
        };
        // Node 0 is everybody's first acquaintance.
        let hub = world.make(0);
        for node in [1, 2] {
            let id = world.introduce(node, hub);
            assert_eq!(id, hub);
        }
        world
    }

    /// A service of node 0 that the other looks up.
    fn introduce(&mut self, node: usize, hub: u32) -> u32 {
        let name = format!("hub {node}");
        let served =
            self.net.nodes[0].serve::<Letter>(&name, actor_proxy::Allow::Members, Default::default());
        let (_, mut door) = served.expect("a fresh name");
        let looking = self.net.exchange(node, 0).expect("a session").service::<Letter>(&name);
        let door_address = self.net.wait(looking).expect("a service");
        let stamp = Stamp { sender: 0, number: 0 };
        let own = self.make(node);
        let gift = self.held[node].last().expect("just made").address.clone();
        door_address.try_send(Letter::Here(stamp, own, gift)).expect("room");
        self.net.flow();
        let Some((Letter::Here(_, own, address), _)) = door.try_recv() else { panic!("nothing came") };
        let to_hub = self.held[0][0].address.clone();
        address.try_send(Letter::Here(stamp, hub, to_hub)).expect("room");
        self.hold(0, own, address);
        self.net.flow();
        self.read(own);
        drop(door_address);
        drop(door);
        assert!(self.net.nodes[0].withdraw(&name));
        hub
    }

    fn apply(&mut self, operation: u8, argument: u8) {
        let (node, which) = (usize::from(argument) % 3, usize::from(argument) / 3);
        match operation % 24 {
            0 => _ = self.make(node),
            1 | 2 => self.give(node, which),
            3 => drop(self.take_held(node, which)),
            4..=6 => self.send(node, which),
            7 | 8 => self.confirm(node, which),
            9 | 10 => self.ask(node, which),
            11 | 12 => self.read_one(which),
            13 => self.answer(which, operation >= 128),
            14 => self.net.disconnect(node, (node + 1) % 3),
            15 if !self.through || node != 1 => self.net.connect(node, (node + 1) % 3),
            16 => self.advance(Duration::from_millis(u64::from(argument) * 20)),
            17 | 18 => _ = self.net.transmit(1 + which % 4),
            19 => _ = self.net.deliver(which % Lane::COUNT, 1 + usize::from(argument & 3)),
            20 => {
                self.net.dials = argument & 1 == 0;
                self.net.serve_wanted();
            }
            21 => self.end(which),
            22 => drop((!self.tasks.is_empty()).then(|| self.tasks.swap_remove(which % self.tasks.len()))),
            _ => self.settle(),
        }
        self.poll();
    }

    fn make(&mut self, node: usize) -> u32 {
        let id = u32::try_from(self.actors.len()).expect("few");
        if self.actors.len() < MAX_ACTORS {
            let (address, inbox) = self.net.nodes[node].mailbox();
            let (last, seen) = (BTreeMap::new(), BTreeSet::new());
            self.actors.insert(id, Actor { node, inbox: Some(inbox), last, seen });
            self.hold(node, id, address);
        }
        id
    }

    fn hold(&mut self, node: usize, actor: u32, address: Address<Letter>) {
        if self.held[node].len() < MAX_HELD {
            self.senders += 1;
            let stamp = Stamp { sender: self.senders, number: 0 };
            self.held[node].push(Held { actor, address, stamp });
        }
    }

    fn take_held(&mut self, node: usize, which: usize) -> Option<Held> {
        let held = &mut self.held[node];
        (!held.is_empty()).then(|| held.swap_remove(which % held.len()))
    }

    /// The next stamp of an address, and a copy of that.
    fn stamp(&mut self, node: usize, which: usize) -> Option<(u32, Stamp, Address<Letter>)> {
        let count = self.held[node].len().max(1);
        let held = self.held[node].get_mut(which % count)?;
        held.stamp.number += 1;
        Some((held.actor, held.stamp, held.address.clone()))
    }

    fn give(&mut self, node: usize, which: usize) {
        let Some((_, stamp, to)) = self.stamp(node, which) else { return };
        let gift = &self.held[node][(which / 5) % self.held[node].len()];
        if to.try_send(Letter::Here(stamp, gift.actor, gift.address.clone())).is_ok() {
            self.sent.insert(stamp);
        }
    }

    fn send(&mut self, node: usize, which: usize) {
        let Some((_, stamp, to)) = self.stamp(node, which) else { return };
        if to.try_send(Letter::Numbered(stamp)).is_ok() {
            self.sent.insert(stamp);
        }
    }

    fn confirm(&mut self, node: usize, which: usize) {
        let Some((actor, stamp, to)) = self.stamp(node, which) else { return };
        let outcomes = Arc::clone(&self.outcomes);
        self.sent.insert(stamp);
        self.run(async move {
            if to.send_confirmed(Letter::Numbered(stamp)).await.is_ok() {
                outcomes.lock().expect("one thread").confirmed.push((actor, stamp));
            }
        });
    }

    fn ask(&mut self, node: usize, which: usize) {
        let Some((_, stamp, to)) = self.stamp(node, which) else { return };
        let outcomes = Arc::clone(&self.outcomes);
        self.sent.insert(stamp);
        self.run(async move {
            outcomes.lock().expect("one thread").asked += 1;
            let answer = to.ask(|reply| Letter::Ask(stamp, reply), Duration::from_secs(5)).await;
            outcomes.lock().expect("one thread").answered += 1;
            assert!(answer.is_err() || answer == Ok(stamp.number), "the answer to another question");
        });
    }

    fn run(&mut self, task: impl Future<Output = ()> + 'static) {
        let mut task: Task = Box::pin(task);
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.tasks.push(task);
        }
    }

    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        self.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    }

    fn read_one(&mut self, which: usize) {
        let count = self.actors.len().max(1);
        let id = self.actors.keys().nth(which % count).copied();
        id.into_iter().for_each(|id| self.read(id));
    }

    fn read(&mut self, id: u32) {
        let mut gifts = Vec::new();
        let Some(actor) = self.actors.get_mut(&id) else { return };
        let node = actor.node;
        while let Some((letter, _)) = actor.inbox.as_mut().and_then(Inbox::try_recv) {
            let stamp = match letter {
                Letter::Numbered(stamp) => stamp,
                Letter::Here(stamp, whose, address) => {
                    gifts.push((whose, address));
                    stamp
                }
                Letter::Ask(stamp, reply) => {
                    self.replies.push((stamp.number, reply));
                    stamp
                }
            };
            if stamp.sender == 0 {
                continue;
            }
            assert!(self.sent.contains(&stamp), "{stamp:?} was not sent");
            let last = actor.last.insert(stamp.sender, stamp.number);
            assert!(last < Some(stamp.number), "{stamp:?} comes behind {last:?}");
            actor.seen.insert(stamp);
        }
        let unreadable = actor.inbox.as_ref().map_or(0, Inbox::unreadable);
        assert!(unreadable == 0, "{unreadable} messages cannot be read");
        for (whose, address) in gifts {
            self.hold(node, whose, address);
        }
    }

    fn read_all(&mut self) {
        for id in self.actors.keys().copied().collect::<Vec<_>>() {
            self.read(id);
        }
    }

    fn answer(&mut self, which: usize, drops: bool) {
        if !self.replies.is_empty() {
            let (number, reply) = self.replies.swap_remove(which % self.replies.len());
            if drops { drop(reply) } else { reply.send(number) }
        }
    }

    fn end(&mut self, which: usize) {
        let count = self.actors.len().max(1);
        if let Some(actor) = self.actors.values_mut().nth(which % count) {
            actor.inbox = None;
        }
    }

    fn advance(&mut self, time: Duration) {
        self.elapsed += time;
        self.net.advance(time);
    }

    fn settle(&mut self) {
        for _ in 0..3 {
            self.net.flow();
            self.poll();
            self.read_all();
        }
    }

    fn finish(mut self) {
        self.net.dials = true;
        self.net.connect(0, 1);
        self.net.connect(0, 2);
        if !self.through {
            // Without a session, what was held in the one before is kept for an hour.
            self.net.connect(1, 2);
        }
        self.come_to_rest();
        self.everybody_is_reached();
        // Whoever still waits for somebody who is gone, or for room, hears of it in time.
        for _ in 0..8 {
            self.advance(Duration::from_secs(3));
            self.settle();
            self.replies.clear();
        }
        assert!(self.tasks.is_empty(), "{} operations have no outcome", self.tasks.len());
        let outcomes = std::mem::take(&mut *self.outcomes.lock().expect("one thread"));
        assert!(outcomes.answered <= outcomes.asked);
        for (actor, stamp) in outcomes.confirmed {
            let actor = &self.actors[&actor];
            assert!(actor.inbox.is_none() || actor.seen.contains(&stamp), "confirmed, and not there");
        }
        self.held = Default::default();
        for _ in 0..4 {
            self.net.flow();
            self.net.advance(LEASE + Duration::from_secs(1));
        }
        self.net.flow();
        for (number, node) in self.net.nodes.iter().enumerate() {
            assert_eq!(node.table_sizes(), (0, 0, 0), "something is left at node {number}");
        }
    }

    /// Credit lets some through at a time: until nobody hears anything more.
    fn come_to_rest(&mut self) {
        let heard = |world: &Self| world.actors.values().map(|actor| actor.seen.len()).sum::<usize>();
        let mut before = None;
        while before != Some(heard(self)) {
            before = Some(heard(self));
            self.settle();
            self.replies.clear();
            self.settle();
        }
    }

    fn everybody_is_reached(&mut self) {
        for node in 0..3 {
            for which in 0..self.held[node].len() {
                let Some((actor, stamp, to)) = self.stamp(node, which) else { continue };
                self.sent.insert(stamp);
                let result = self.net.wait(to.send_confirmed(Letter::Numbered(stamp)));
                self.read(actor);
                let lives = self.actors[&actor].inbox.is_some();
                let may_have_expired = self.elapsed >= LEASE;
                match result {
                    Ok(()) => assert!(
                        !lives || self.actors[&actor].seen.contains(&stamp),
                        "confirmed, and not there"
                    ),
                    Err(SendError::Ended(Ended::Expired)) if may_have_expired => {}
                    Err(error) => {
                        assert!(!lives, "actor {actor}, alive, is not reached from {node}: {error:?}")
                    }
                }
            }
        }
    }
}
