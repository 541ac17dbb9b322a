//! One life of a node: from the moment its machine is turned on to the moment it is not any more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use node::store::Store;
use node::{Allow, AnonymousLimits, DirectoryConfig, Keep, Kept, Limits, Node, Receiver, StreamName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::actor::{SERVICE, desk};
use crate::disk::{Disk, Fault};
use crate::machine::Machine;
use crate::traffic::any_pause;
use crate::workload::number_of;
use crate::world::{World, lock};

/// The stream on which messages come that are for no actor.
pub(crate) const STREAM: &str = "simulation";
/// Between two looks of a receiver whether it may take something again.
const HELD_INTERVAL: Duration = Duration::from_millis(20);
/// What is there for callers without a name.
pub(crate) const ANONYMOUS_SERVICE: &str = "mirror";
/// The least that a window of a stream has here: room for two chunks, and a little more.
const LEAST_WINDOW_KIB: u64 = 130;
/// The most that a small window of a stream has, and the most that the session has beyond it.
const SMALL_WINDOW_KIB: (u64, u64) = (500, 300);
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
    pub(crate) windows: Windows,
}

/// What a node keeps for a peer, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) stream: u64,
    pub(crate) session: u64,
}

impl Windows {
    /// Those that a node has if nothing is said, or small ones, which are used up all the time.
    fn any(rng: &mut StdRng) -> Self {
        if rng.random_bool(0.3) {
            let limits = Limits::default();
            return Self { stream: limits.stream_window_bytes, session: limits.session_window_bytes };
        }
        let stream = rng.random_range(LEAST_WINDOW_KIB..SMALL_WINDOW_KIB.0);
        let session = stream + rng.random_range(0..SMALL_WINDOW_KIB.1);
        Self { stream: stream * 1024, session: session * 1024 }
    }

    fn limits(self) -> Limits {
        let mut limits = Limits::default();
        (limits.stream_window_bytes, limits.session_window_bytes) = (self.stream, self.session);
        limits
    }
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
        let windows = Windows::any(&mut rng);
        let seeds = StdRng::seed_from_u64(rng.random());
        let machine = Arc::new(Machine::new(Arc::clone(&member.clock), seeds, self.keys.clone()));
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
            started = self.open(number, &machine, (&person, &other), windows) => started,
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
        let life = Arc::new(Life { node, machine, store, person, other, windows });
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
        (person, other): (&Disk, &Disk),
        windows: Windows,
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
        let builder = builder.anonymous_door(secrets.anonymous_door).limits(windows.limits());
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
        let mirror =
            |request: Bytes| async move { request.iter().rev().copied().collect::<Vec<u8>>().into() };
        let served_all = life.node.serve_anonymous(ANONYMOUS_SERVICE, AnonymousLimits::default(), mirror);
        let (Ok(_), Ok(()), Some(receiver)) = (served, served_all, receiver) else {
            self.fail("a new node has room for a service and a receiver", number.to_string());
            return;
        };
        let world = Arc::clone(self);
        let mut events = life.node.events();
        life.machine.run(async move {
            while let Some(event) = events.next().await {
                world.check_event(number, &event);
            }
        });
        let world = Arc::clone(self);
        let rng = StdRng::seed_from_u64(self.draw());
        life.machine.run(async move { take(world, number, receiver, rng).await });
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

/// Takes what comes on the stream: mostly at once, sometimes slowly, and sometimes only the beginning of it.
async fn take(world: Arc<World>, here: u8, mut receiver: Receiver, mut rng: StdRng) {
    loop {
        while world.is_held(here) {
            tokio::time::sleep(HELD_INTERVAL).await;
        }
        let Some(mut incoming) = receiver.recv().await else { return };
        let from = *incoming.from.as_bytes();
        let wants_all = !world.is_troubled() || rng.random_bool(0.95);
        // One whose pieces come slowly holds back what stands behind it in its stream, and nobody else.
        let bytes = if wants_all {
            incoming.body.collect(u64::MAX).await.ok()
        } else {
            incoming.body.next().await.and_then(Result::ok)
        };
        let Some(bytes) = bytes else { continue };
        let Some(number) = number_of(&bytes, wants_all) else {
            world.fail(
                "what comes is what was sent",
                format!("{} bytes came to {here} that were not", bytes.len()),
            );
            continue;
        };
        world.delivered(number, here, Some(from));
        if world.is_troubled() {
            if rng.random_bool(0.03)
                && let Some(from) = world.number_of(&from)
            {
                world.cut_between("fault.cut-after-arrival", here, from);
            }
            if rng.random_bool(0.05) {
                world.trace.count("fault.slow-consumer");
                tokio::time::sleep(any_pause(&mut rng)).await;
            }
        }
    }
}
