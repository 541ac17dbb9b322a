//! Whoever holds an address can use it, and what nobody holds is forgotten: checked against a model.

use std::collections::BTreeSet;
use std::time::Duration;

use actor_proxy::{Address, Allow, Inbox, Message, Schema, SendError, ServiceOptions};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::world::World;

const LEASE: Duration = Duration::from_secs(10);
const ABSENCE: Duration = Duration::from_secs(3_600);

/// What passes addresses between the two sides, with the model's name of each.
#[derive(Serialize, Deserialize)]
struct Gift(Name, Address<Item>);

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    side: usize,
    number: u32,
}

#[derive(Serialize, Deserialize)]
struct Item(u64);

impl Message for Gift {
    const SCHEMA: Schema = Schema::new("test.gift/1");
}

impl Message for Item {
    const SCHEMA: Schema = Schema::new("test.item/1");
}

#[derive(Debug, Clone)]
enum Step {
    Make(usize),
    /// Give one of one's own to the other side.
    Give(usize, usize),
    /// Give one that is held there back, or home.
    Return(usize, usize),
    /// Let go of the address of one's own actor: others may still have it.
    Disown(usize, usize),
    Clone(usize, usize),
    Drop(usize, usize),
    Send(usize, usize),
    Transmit(usize),
    Deliver(usize, u64, u8),
    Take,
    Pass(u64),
    Run,
    Disconnect,
    Dial,
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (side, which) = (0..2_usize, any::<prop::sample::Index>());
    let at = (side.clone(), which).prop_map(|(side, which)| (side, which.index(1 << 16)));
    prop_oneof![
        3 => side.clone().prop_map(Step::Make),
        10 => at.clone().prop_map(|(side, at)| Step::Give(side, at)),
        4 => at.clone().prop_map(|(side, at)| Step::Return(side, at)),
        1 => at.clone().prop_map(|(side, at)| Step::Disown(side, at)),
        2 => at.clone().prop_map(|(side, at)| Step::Clone(side, at)),
        10 => at.clone().prop_map(|(side, at)| Step::Drop(side, at)),
        6 => at.prop_map(|(side, at)| Step::Send(side, at)),
        6 => (1..4_usize).prop_map(Step::Transmit),
        8 => (side.clone(), any::<u64>(), any::<u8>())
            .prop_map(|(side, order, lanes)| Step::Deliver(side, order, lanes)),
        4 => Just(Step::Take),
        3 => (0..15_000_u64).prop_map(Step::Pass),
        2 => Just(Step::Run),
        1 => Just(Step::Disconnect),
        2 => Just(Step::Dial),
        1 => side.prop_map(Step::Restart),
    ]
}

struct Actor {
    name: Name,
    own: Option<Address<Item>>,
    inbox: Inbox<Item>,
    seen: BTreeSet<u64>,
}

#[derive(Default)]
struct Side {
    actors: Vec<Actor>,
    held: Vec<(Name, Address<Item>)>,
    hub: Option<Inbox<Gift>>,
    /// The hub of the other side.
    far: Option<Address<Gift>>,
}

struct Model {
    world: World,
    sides: [Side; 2],
    next: u64,
    /// What was sent in this session and must arrive: to whom, what.
    due: Vec<(Name, u64)>,
    /// Since everything was delivered: a pipe whose lanes are apart by a lease forgets what is under way in one of them.
    held_back: Duration,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            world: World::new(2),
            sides: Default::default(),
            next: 0,
            due: Vec::new(),
            held_back: Duration::ZERO,
        };
        model.serve(0);
        model.serve(1);
        model.meet();
        model
    }

    fn serve(&mut self, side: usize) {
        let served = self.world.nodes[side].serve("hub", Allow::Members, ServiceOptions::default());
        self.sides[side].hub = Some(served.unwrap().1);
    }

    fn meet(&mut self) {
        for side in 0..2 {
            self.sides[side].far = Some(self.world.look_up(side, 1 - side, "hub").unwrap());
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Make(side) => {
                let number = u32::try_from(self.number()).unwrap();
                let (own, inbox) = self.world.nodes[side].mailbox();
                let name = Name { side, number };
                self.sides[side].actors.push(Actor { name, own: Some(own), inbox, seen: BTreeSet::new() });
            }
            Step::Give(side, at) => {
                let Side { actors, far, .. } = &self.sides[side];
                let own: Vec<_> = actors.iter().filter(|actor| actor.own.is_some()).collect();
                if let (Some(far), false) = (far, own.is_empty()) {
                    let actor = own[at % own.len()];
                    let _ = far.try_send(Gift(actor.name, actor.own.clone().unwrap()));
                }
            }
            Step::Return(side, at) => {
                let Side { held, far, .. } = &self.sides[side];
                if let (Some(far), false) = (far, held.is_empty()) {
                    let (name, address) = &held[at % held.len()];
                    let _ = far.try_send(Gift(*name, address.clone()));
                }
            }
            Step::Disown(side, at) => {
                let actors = &mut self.sides[side].actors;
                if !actors.is_empty() {
                    let at = at % actors.len();
                    actors[at].own = None;
                }
            }
            Step::Clone(side, at) => {
                let held = &mut self.sides[side].held;
                if !held.is_empty() {
                    held.push(held[at % held.len()].clone());
                }
            }
            Step::Drop(side, at) => {
                let held = &mut self.sides[side].held;
                if !held.is_empty() {
                    held.swap_remove(at % held.len());
                }
            }
            Step::Send(side, at) => self.send(side, at),
            Step::Transmit(most) => drop(self.world.transmit(most)),
            Step::Deliver(side, order, lanes) => {
                self.world.deliver_where(|to, lane| {
                    let wanted = to == side && lanes & (1 << lane) != 0;
                    wanted.then(|| (order >> (8 * lane)) as usize & 0xff)
                });
            }
            Step::Take => self.take(),
            Step::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Step::Run => self.check(),
            Step::Disconnect => self.disconnect(),
            Step::Dial => drop(self.world.serve_wanted()),
            Step::Restart(side) => self.restart(side),
        }
        assert!(self.world.faults.is_empty(), "{:?}", self.world.faults);
    }

    fn pass(&mut self, time: Duration) {
        if self.held_back + time >= LEASE {
            self.check();
        }
        self.held_back += time;
        self.world.pass(time);
    }

    fn send(&mut self, side: usize, at: usize) {
        let number = self.number();
        let Side { held, .. } = &self.sides[side];
        if held.is_empty() {
            return;
        }
        let (name, address) = &held[at % held.len()];
        match address.try_send(Item(number)) {
            Ok(()) => self.due.push((*name, number)),
            Err(SendError::Full) => {}
            Err(error) => panic!("{name:?} is held, and lives: {error}"),
        }
    }

    /// Reads every mailbox.
    fn take(&mut self) {
        for Side { actors, held, hub, .. } in &mut self.sides {
            while let Some((Gift(name, address), _)) = hub.as_mut().and_then(Inbox::try_recv) {
                held.push((name, address));
            }
            for actor in actors {
                while let Some((Item(number), _)) = actor.inbox.try_recv() {
                    assert!(actor.seen.insert(number), "twice");
                }
            }
        }
    }

    /// What was sent in this session to a living actor has come.
    fn check(&mut self) {
        self.held_back = Duration::ZERO;
        self.world.run();
        self.take();
        self.world.run();
        for (name, number) in std::mem::take(&mut self.due) {
            let actor = self.sides[name.side].actors.iter().find(|actor| actor.name == name);
            assert!(actor.unwrap().seen.contains(&number), "{number} to {name:?} did not come");
        }
    }

    fn disconnect(&mut self) {
        self.world.disconnect(0, 1);
        // What was under way is lost.
        self.take();
        self.due.clear();
    }

    fn restart(&mut self, side: usize) {
        self.disconnect();
        self.sides[side] = Side::default();
        self.world.restart(side);
        self.serve(side);
        self.meet();
        // All that is held of its actors is void now.
        let other = &mut self.sides[1 - side];
        for (_, address) in other.held.extract_if(.., |(name, _)| name.side == side) {
            let error = address.try_send(Item(0)).unwrap_err();
            assert_eq!(error, SendError::Ended(actor_proxy::Ended::Restarted));
        }
        self.take();
        self.sides[1 - side].held.retain(|(name, _)| name.side != side);
        self.due.clear();
    }

    /// Everything that is held works; then nothing is held, and all tables become empty.
    fn finish(mut self) {
        self.check();
        for side in 0..2 {
            for at in 0..self.sides[side].held.len() {
                self.send(side, at);
            }
        }
        self.check();
        for side in &mut self.sides {
            side.held.clear();
            side.far = None;
        }
        let absence = if self.world.is_connected(0, 1) { Duration::ZERO } else { ABSENCE };
        self.world.advance(2 * LEASE + absence + Duration::from_secs(1));
        // Addresses that were still in a mailbox.
        self.take();
        self.sides.iter_mut().for_each(|side| side.held.clear());
        self.world.advance(2 * LEASE);
        for node in &self.world.nodes {
            assert_eq!(node.table_sizes(), (0, 0, 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_that_lives_is_forgotten_and_nothing_else_kept(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in &steps {
            model.play(step);
        }
        model.finish();
    }
}

#[test]
fn ten_thousand_addresses_in_both_directions_leave_nothing_behind() {
    let mut model = Model::new();
    for round in 0..100 {
        for side in 0..2 {
            for _ in 0..50 {
                model.play(&Step::Make(side));
            }
            for at in 0..50 {
                model.play(&Step::Give(side, 50 * round + at));
            }
        }
        model.world.transmit(usize::MAX);
        // Releases cross the messages that carry the same addresses again.
        model.play(&Step::Deliver(round % 2, 0x0102_0304_0500, 0xff));
        model.play(&Step::Take);
        for side in 0..2 {
            let held = model.sides[side].held.len();
            for at in 0..held {
                model.play(&Step::Send(side, at));
                if at % 2 == 0 {
                    model.play(&Step::Return(side, at));
                }
            }
            model.sides[side].held.clear();
        }
        if round % 10 == 9 {
            model.play(&Step::Pass(9_000));
        }
        model.play(&Step::Run);
    }
    assert!(model.next > 10_000);
    model.finish();
}
