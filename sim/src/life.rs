//! One life of a node: from the moment its machine is turned on to the moment it is not any more.

use std::sync::Arc;
use std::time::Duration;

use node::store::Store;
use node::{Allow, DirectoryConfig, Keep, Kept, Node, Receiver, StreamName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::actor::{SERVICE, desk};
use crate::disk::{Disk, Fault};
use crate::machine::Machine;
use crate::workload::message;
use crate::world::{World, lock};

/// The stream on which messages come that are for no actor.
pub(crate) const STREAM: &str = "simulation";
/// Before somebody whose node did not start tries again.
const START_AGAIN: Duration = Duration::from_secs(2);
/// In this time every node ends, whatever its peers do.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// One life of a node.
pub(crate) struct Life {
    pub(crate) node: Node,
    pub(crate) machine: Arc<Machine>,
    pub(crate) store: Store,
    pub(crate) person: Disk,
    pub(crate) other: Disk,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    PowerCut,
    Shutdown,
}

impl World {
    /// Turns a machine on, and starts its node from its disks.
    pub(crate) async fn start(self: &Arc<Self>, number: u8) {
        while !self.has_failed() {
            if self.try_start(number).await {
                return;
            }
            tokio::time::sleep(START_AGAIN).await;
        }
    }

    async fn try_start(self: &Arc<Self>, number: u8) -> bool {
        let member = self.member(number);
        let (images, lives) = {
            let mut state = lock(&member.state);
            state.lives += 1;
            ([state.person.clone(), state.machine.clone()], state.lives)
        };
        let mut rng = StdRng::seed_from_u64(self.draw());
        let machine = Machine::new(
            self.began,
            Arc::clone(&member.skew),
            StdRng::seed_from_u64(rng.random()),
            self.keys.clone(),
        );
        let machine = Arc::new(machine);
        let [person, other] = images.map(|image| Disk::new(image, rng.random()));
        for disk in [&person, &other] {
            let (world, machine) = (Arc::downgrade(self), Arc::downgrade(&machine));
            disk.on_power_cut(move || {
                if let (Some(world), Some(machine)) = (world.upgrade(), machine.upgrade()) {
                    world.trace.note("fault.power-cut-in-write", number);
                    world.take_power(number, &machine);
                }
            });
        }
        self.network.reset_severed(member.host());
        if lives > 1 && rng.random_bool(0.1) && self.is_troubled() {
            person.set_fault(Some(Fault::Power(rng.random_range(1..60))));
        }
        let started = tokio::select! {
            biased;
            () = machine.died() => None,
            started = self.open(number, &machine, &person, &other) => started,
        };
        person.set_fault(None);
        let Some((node, store)) = started else {
            machine.turn_off();
            let mut state = lock(&member.state);
            state.person = person.after_power_cut();
            state.machine = other.after_power_cut();
            self.trace.note("life.failed", number);
            return false;
        };
        let life = Arc::new(Life { node, machine, store, person, other });
        self.furnish(number, &life);
        let mut state = lock(&member.state);
        (state.life, state.busy) = (Some(life), false);
        drop(state);
        self.trace.note("life.begins", number);
        true
    }

    /// Opens the store, which must hold what was promised, and the node on it.
    async fn open(
        self: &Arc<Self>,
        number: u8,
        machine: &Arc<Machine>,
        person: &Disk,
        other: &Disk,
    ) -> Option<(Node, Store)> {
        let member = self.member(number);
        let is_on = || machine.has_power();
        let store = match Store::simulated(person.medium(), other.medium()) {
            Ok(store) => store,
            Err(error) => {
                if is_on() {
                    self.fail("a store opens after whatever happened to it", format!("{number}: {error}"));
                }
                return None;
            }
        };
        let kept = match Kept::load(&store, &member.identity) {
            Ok(kept) => kept,
            Err(error) => {
                if is_on() {
                    self.fail("what a store holds can be read", format!("{number}: {error}"));
                }
                return None;
            }
        };
        self.check_promises(number, &kept);
        lock(&self.promises).start_anew(number);
        let secrets = member.secrets()?;
        let keep = Keep::in_store(&store, member.identity, kept.clone());
        let config = DirectoryConfig { kept, keep: Some(keep), ..DirectoryConfig::new(secrets.identity) };
        let builder = Node::builder().device(secrets.device).door(secrets.door).directory(config);
        let builder = builder.memory(&self.network).listen(member.address()).store(store.clone());
        let simulated = node::simulation::Simulated::new(machine.clone());
        match builder.simulated(simulated).spawn().await {
            Ok(node) => Some((node, store)),
            Err(error) => {
                if is_on() {
                    self.fail("a node starts", format!("{number}: {error}"));
                }
                None
            }
        }
    }

    /// What a node has for others: its desk, and somebody who takes what comes on the stream.
    fn furnish(self: &Arc<Self>, number: u8, life: &Life) {
        let (world, machine) = (Arc::clone(self), Arc::clone(&life.machine));
        let served =
            life.node.serve(SERVICE, Allow::Members, move |inbox| desk(world, machine, number, inbox));
        let receiver = StreamName::new(STREAM).and_then(|name| life.node.receiver(name).ok());
        let (Ok(_), Some(receiver)) = (served, receiver) else {
            self.fail("a new node has room for a service and a receiver", number.to_string());
            return;
        };
        let world = Arc::clone(self);
        life.machine.run(async move { take(world, number, receiver).await });
    }

    /// A machine loses its power now, wherever it is in what it does. What it leaves is cleared away a moment later.
    pub(crate) fn take_power(&self, number: u8, machine: &Machine) {
        machine.turn_off();
        self.network.sever(self.member(number).host());
        lock(&self.ledger).machine_ended(number);
        self.deaths.notify_one();
    }

    /// Ends a life, and keeps what its disks hold then.
    pub(crate) async fn end(self: &Arc<Self>, number: u8, how: End) {
        let member = self.member(number);
        let Some(life) = lock(&member.state).life.clone() else { return };
        if how == End::Shutdown {
            let shutdown = tokio::time::timeout(SHUTDOWN_TIMEOUT, life.node.shutdown());
            tokio::select! {
                biased;
                () = life.machine.died() => {}
                done = shutdown => if done.is_err() {
                    self.fail("a node ends in time", number.to_string());
                },
            }
        }
        let was_on = life.machine.has_power();
        let is_clean = how == End::Shutdown && was_on;
        if was_on {
            self.take_power(number, &life.machine);
        }
        self.trace
            .note("life.ends", format_args!("{number} {}", if is_clean { "shutdown" } else { "power cut" }));
        let mut state = lock(&member.state);
        state.life = None;
        let image = |disk: &Disk| if is_clean { disk.seen() } else { disk.after_power_cut() };
        (state.person, state.machine) = (image(&life.person), image(&life.other));
    }
}

/// Takes what comes on the stream.
async fn take(world: Arc<World>, here: u8, mut receiver: Receiver) {
    while let Some(incoming) = receiver.recv().await {
        let from = *incoming.from.as_bytes();
        // One whose pieces come slowly holds back what stands behind it in its stream, and nobody else.
        let Ok(bytes) = incoming.body.collect(u64::MAX).await else { continue };
        let number = bytes.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        if bytes != message(number, bytes.len()) {
            world.fail("what comes is what was sent", format!("{number} came to {here} with other bytes"));
        }
        world.delivered(number, here, Some(from));
    }
}
