//! Putting a node together.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use actor_proxy::NodeId;
use arc_swap::ArcSwap;
use chunk_proto::NodeBudget;
use endpoint::{Cause, Endpoint, Guard, HandshakeKeys, PeerId};
use link::BufferPool;
use membership::{Door, Members};
use rand::{Rng, RngExt};
use tokio::sync::Semaphore;
use x3dh_handshake::{BootId, Capabilities, ResponderKeys, Suite, TrafficAead};

use crate::actors::ActorSurroundings;
use crate::carrier::memory::MemoryNetwork;
use crate::clock;
use crate::control::Control;
use crate::core::{Core, MAX_SPARE_READ_BUFFERS, READ_BYTES};
use crate::counter::Counter;
use crate::device::Device;
use crate::directory::{DirectoryConfig, Keeper};
use crate::error::StartError;
use crate::events::Herald;
use crate::gate::Gate;
use crate::greeting::net_address;
use crate::limits::Limits;
use crate::machine::Machine;
use crate::mychips::{self, Hub, Surroundings};
use crate::node::Node;
use crate::pool::{Deflaters, Pool};
use crate::randomness::Randomness;
use crate::receivers::Receivers;
use crate::recorder::{Explained, Explanation, Recorder, Restored};
use crate::serving::Serving;
#[cfg(feature = "simulation")]
use crate::simulation::Simulated;
use crate::store::Store;
use crate::timers::Timers;
use crate::transport::Transport;
use crate::watch::{OnPenalty, Penalty, Watch};

/// Everything a node is made of.
#[derive(Default)]
pub struct Builder {
    device: Option<Device>,
    door: Option<Door>,
    previous_door: Option<Door>,
    anonymous_door: Option<Door>,
    listen: Vec<SocketAddr>,
    members: Members,
    limits: Limits,
    counter: Option<Counter>,
    confirmed: Vec<(PeerId, u64)>,
    store: Option<Store>,
    explanation: Option<Box<Explanation>>,
    memory: Option<MemoryNetwork>,
    suites: Option<Vec<Suite>>,
    no_echo: bool,
    directory: Option<DirectoryConfig>,
    on_penalty: Option<OnPenalty>,
    mychips: Option<(Option<SocketAddr>, mychips::Config)>,
    #[cfg(feature = "simulation")]
    simulated: Option<Simulated>,
}

impl Builder {
    /// Who the node is. Required.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The secret without which a first packet earns nothing: the one in this node's cards. Required, and of no account
    /// once a [directory](Self::directory) has replaced it: what it has [kept](crate::Kept::doors) counts then.
    #[must_use]
    pub fn door(mut self, door: Door) -> Self {
        self.door = Some(door);
        self
    }

    /// The door before, as long as cards that carry it are about.
    #[must_use]
    pub fn previous_door(mut self, door: Door) -> Self {
        self.previous_door = Some(door);
        self
    }

    /// The door of callers without a name: what is handed to the public, and opens nothing but the services that are
    /// [served to them](Node::serve_anonymous). Without one such callers get silence.
    #[must_use]
    pub fn anonymous_door(mut self, door: Door) -> Self {
        self.anonymous_door = Some(door);
        self
    }

    /// Where to accept connections; any number of times. Port 0 takes a free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Who may come in.
    #[must_use]
    pub fn members(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// What to spend, on whom, for how long.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where to keep what must outlive this process: the counter of this device's handshakes, those that peers have
    /// confirmed, and what went wrong. What was kept before is taken up, the counters of peers of those who are members
    /// from the start. Nothing waits for the disk but a dial whose counter has to be reserved, once in ten minutes at
    /// most.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// How causes are put to people where they are [kept](Self::store). Their own `Display`, and no advice, if nothing is
    /// said.
    #[must_use]
    pub fn explain_causes(
        mut self,
        explanation: impl Fn(&Cause) -> Explained + Send + Sync + 'static,
    ) -> Self {
        self.explanation = Some(Box::new(explanation));
        self
    }

    /// The counter of this device's handshakes, in place of the [store](Self::store)'s. [`Counter::volatile`] if neither
    /// is given.
    #[must_use]
    pub fn counter(mut self, counter: Counter) -> Self {
        self.counter = Some(counter);
        self
    }

    /// What a peer had confirmed before this process began: see
    /// [`Event::CounterConfirmed`](crate::Event::CounterConfirmed).
    #[must_use]
    pub fn confirmed_counter(mut self, peer: PeerId, counter: u64) -> Self {
        self.confirmed.push((peer, counter));
        self
    }

    /// The handshakes that are accepted, best first; dials use the first. Only [`Suite::X3dhHybrid`] if none is given.
    #[must_use]
    pub fn suites(mut self, suites: impl IntoIterator<Item = Suite>) -> Self {
        self.suites = Some(suites.into_iter().collect());
        self
    }

    /// Listens and dials in a network in memory instead of on sockets.
    #[must_use]
    pub fn memory(mut self, network: &MemoryNetwork) -> Self {
        self.memory = Some(network.clone());
        self
    }

    /// Has who may come in follow from vouchers and revocations, instead of a list [written by hand](Self::members).
    #[must_use]
    pub fn directory(mut self, config: DirectoryConfig) -> Self {
        self.directory = Some(config);
        self
    }

    /// Whether all members may use the service `echo`, which answers what it is asked: see [`Echo`](crate::Echo). They may if
    /// nothing is said.
    #[must_use]
    pub fn echo(mut self, echo: bool) -> Self {
        self.no_echo = !echo;
        self
    }

    /// Tells of addresses that misbehave and are not listened to for a while, so that an operator can keep them from
    /// reaching the node at all. The node refuses them by itself, for less cost than a handshake and more than a firewall.
    ///
    /// `hook` must not block. It is called at most 32 times in ten seconds. Everybody behind an address is hit by what it
    /// does: let it last no longer than the penalty.
    #[must_use]
    pub fn on_penalty(mut self, hook: impl Fn(Penalty) + Send + Sync + 'static) -> Self {
        self.on_penalty = Some(Box::new(hook));
        self
    }

    /// Speaks the MyCHIPs profile too: see [`mychips`](crate::mychips). With an address it listens there, and nowhere else,
    /// for foreign agents; without one it only dials them. Off if nothing is said.
    #[must_use]
    pub fn mychips(mut self, address: Option<SocketAddr>, config: mychips::Config) -> Self {
        self.mychips = Some((address, config));
        self
    }

    /// Starts the node on a machine that is made up: see [`simulation`](crate::simulation). It has no secrets.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn simulated(mut self, machine: Simulated) -> Self {
        self.simulated = Some(machine);
        self
    }

    /// Starts the node on the runtime of the caller.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn spawn(self) -> Result<Node, StartError> {
        #[cfg(feature = "simulation")]
        let machine = self.simulated.map_or_else(Machine::current, Machine::simulated);
        #[cfg(not(feature = "simulation"))]
        let machine = Machine::current();
        let device = self.device.ok_or(StartError::NoDevice)?;
        let door = self.door.ok_or(StartError::NoDoor)?;
        let transport = match self.memory {
            Some(network) => Transport::memory(network, &self.listen),
            None => Transport::tcp(self.limits.kernel_send_queue_bytes),
        };
        let mut listeners = Vec::with_capacity(self.listen.len());
        for address in self.listen {
            let listener = transport.listen(address);
            listeners.push(listener.map_err(|source| StartError::Listen { address, source })?);
        }
        let randomness = Randomness::of(&machine).map_err(StartError::Randomness)?;
        let mut rng = randomness.generator();
        let mut boot = [0; 16];
        rng.fill_bytes(&mut boot);
        let local = PeerId { identity: device.identity(), device: device.static_key() };
        let restored = match &self.store {
            Some(store) => Restored::load(&machine, store, local.device).await.map_err(StartError::Store)?,
            None => Restored::nothing(),
        };
        let mut agents = None;
        let mut hub = None;
        if let Some((address, config)) = self.mychips {
            let listening = address.map(|address| {
                let listener = transport.listen(address);
                listener.map_err(|source| StartError::Listen { address, source })
            });
            agents = listening.transpose()?;
            let own = match &self.store {
                Some(store) => Restored::load(&machine, store, config.agent.static_key())
                    .await
                    .map_err(StartError::Store)?,
                None => Restored::nothing(),
            };
            hub = Some(Hub::new(
                config,
                Surroundings {
                    address: agents.as_ref().and_then(|listener| listener.local_address().ok()),
                    counter: own.counter,
                    confirmed: own.confirmed,
                    guard: Guard::new(clock::now(), &self.limits.guard(), &mut rng),
                    max_strangers: self.limits.max_strangers,
                    max_strangers_per_source: self.limits.max_strangers_per_source,
                },
            ));
        }
        let recorder = self.store.map(|store| Recorder::new(store, self.explanation));
        let now = machine.date();
        // Nobody can dial "any address of this machine".
        let certain = |address: &SocketAddr| !address.ip().is_unspecified();
        let listens: Vec<_> = listeners
            .iter()
            .filter_map(|listener| listener.local_address().ok().filter(certain).and_then(net_address))
            .collect();
        let book = self.directory.as_ref().map(|config| config.kept.book());
        let kept_doors = self.directory.as_ref().and_then(|config| config.kept.doors.clone());
        let (door, previous_doors) = match kept_doors {
            Some(doors) => (doors.current.door.clone(), doors.still_open(now).cloned().collect()),
            None => (door, self.previous_door.into_iter().collect()),
        };
        let keeper = self.directory.map(|config| Keeper::new(config, device.record.clone(), &listens, now));
        let known = match &keeper {
            Some(keeper) => keeper.settle(now).members,
            None => Arc::new(self.members),
        };
        let mut endpoint = Endpoint::new(self.limits.control(), local, Arc::clone(&known), &mut rng);
        if let Some(book) = book {
            *endpoint.tickets_mut() = book;
        }
        for (peer, counter) in self.confirmed.into_iter().chain(restored.confirmed) {
            endpoint.restore_counter(peer, counter);
        }
        for member in known.iter() {
            for record in member.devices() {
                let peer = PeerId { identity: member.identity(), device: record.static_key() };
                let found = restored.found.get(&record.static_key()).and_then(|found| found.first());
                if let Some(address) = found {
                    endpoint.restore_address(peer, address.clone());
                }
            }
        }
        let responder = ResponderKeys {
            static_secret: device.key.secret().clone(),
            identity: device.identity(),
            door,
            previous_doors,
            anonymous_door: self.anonymous_door,
        };
        let surroundings = ActorSurroundings {
            me: NodeId { member: *local.identity.as_bytes(), device: *local.device.as_bytes(), boot },
            seed: rng.random(),
            limits: self.limits.actors(),
        };
        let guard = Guard::new(clock::now(), &self.limits.guard(), &mut rng);
        let core = Arc::new_cyclic(|core| Core {
            actors: surroundings.actors(core),
            serving: Serving::new(),
            data_limits: Arc::new(self.limits.data()),
            local,
            keeper,
            keys: ArcSwap::from_pointee(HandshakeKeys {
                responder,
                credential: device.record.to_credential(),
                boot: BootId(boot),
                suites: self.suites.unwrap_or_else(|| vec![Suite::X3dhHybrid]),
                aead: fastest_aead(),
                capabilities: Capabilities::BOTH_AEADS,
                limits: self.limits.announced(),
            }),
            counter: self.counter.unwrap_or(restored.counter),
            randomness,
            transport,
            control: Mutex::new(Control::new(endpoint)),
            timers: Timers::default(),
            watch: Watch::new(guard, self.on_penalty),
            gate: Gate::new(self.limits.max_strangers, self.limits.max_strangers_per_source),
            receivers: Arc::new(Receivers::default()),
            events: Herald::new(),
            recorder,
            read_pool: Pool::new(READ_BYTES, MAX_SPARE_READ_BUFFERS),
            buffers: BufferPool::default(),
            deflaters: Deflaters::default(),
            budget: NodeBudget::new(self.limits.reassembly_bytes),
            desk: Arc::default(),
            puzzles: Arc::new(Semaphore::new(1)),
            unverified: AtomicU64::new(0),
            mychips: hub,
            machine,
            limits: self.limits,
        });
        let node = Node::start(core, listeners);
        if let (Some(hub), Some(listener)) = (&node.core().mychips, agents) {
            mychips::listen(node.core(), hub, listener);
        }
        if let Err(error) = node.core().announce_self().await {
            tracing::debug!(%error, "nothing new to say of this node");
        }
        if !self.no_echo {
            crate::echo::serve(&node);
        }
        Ok(node)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("device", &self.device)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// What this machine seals fastest with.
fn fastest_aead() -> TrafficAead {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let in_hardware =
        std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    let in_hardware = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let in_hardware = false;
    // Without instructions for it AES is slow, and takes care to be constant in time.
    if in_hardware { TrafficAead::Aes256Gcm } else { TrafficAead::ChaCha20Poly1305 }
}
