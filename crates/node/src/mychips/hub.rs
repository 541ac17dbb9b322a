//! What all connections of the profile share, and the loop that accepts them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use endpoint::{Guard, PeerId};
use membership::IdentityKey;
use tokio::sync::{mpsc, watch};
use x3dh_handshake::mychips::{AgentSecret, Limits};

use super::book::Book;
use super::connection::Connection;
use super::driver::welcome;
use crate::accept::accept;
use crate::clock;
use crate::core::Core;
use crate::counter::Counter;
use crate::gate::{Gate, source};
use crate::transport::Listener as Sockets;

/// Connections that count and that nobody has taken.
const MAX_UNTAKEN_CONNECTIONS: usize = 64;

/// Who speaks the profile for a node, and within which limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The key of this node's agent: one of its own, and not that of the identity.
    pub agent: AgentSecret,
    /// What each connection keeps to.
    pub limits: Limits,
}

impl Config {
    /// With the limits of the specification.
    #[must_use]
    pub fn new(agent: AgentSecret) -> Self {
        Self { agent, limits: Limits::default() }
    }
}

/// The shared part.
pub(crate) struct Hub {
    pub(super) agent: AgentSecret,
    pub(super) limits: Limits,
    pub(super) address: Option<SocketAddr>,
    pub(super) counter: Counter,
    pub(super) book: Arc<Book>,
    gate: Arc<Gate>,
    /// Of its own: what strangers do here is of no account to whoever comes by the node's own handshakes.
    pub(super) guard: Mutex<Guard>,
    pub(super) accepted: mpsc::Sender<Connection>,
    pub(super) listener: Mutex<Option<mpsc::Receiver<Connection>>>,
    closing: watch::Sender<bool>,
    /// Each task holds one end: when the last is dropped, all are over.
    pub(super) running: Mutex<Option<mpsc::Sender<()>>>,
    finished: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// What a hub is made of beside its configuration.
pub(crate) struct Surroundings {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) counter: Counter,
    pub(crate) confirmed: Vec<(PeerId, u64)>,
    pub(crate) guard: Guard,
    pub(crate) max_strangers: usize,
    pub(crate) max_strangers_per_source: usize,
}

impl Hub {
    pub(crate) fn new(config: Config, surroundings: Surroundings) -> Arc<Self> {
        let (accepted, listener) = mpsc::channel(MAX_UNTAKEN_CONNECTIONS);
        let (running, finished) = mpsc::channel(1);
        Arc::new(Self {
            agent: config.agent,
            limits: config.limits,
            address: surroundings.address,
            counter: surroundings.counter,
            book: Book::new(surroundings.confirmed),
            gate: Gate::new(surroundings.max_strangers, surroundings.max_strangers_per_source),
            guard: Mutex::new(surroundings.guard),
            accepted,
            listener: Mutex::new(surroundings.address.map(|_| listener)),
            closing: watch::Sender::new(false),
            running: Mutex::new(Some(running)),
            finished: tokio::sync::Mutex::new(finished),
        })
    }

    pub(super) fn own_id(&self) -> IdentityKey {
        self.agent.id()
    }

    pub(super) fn closing(&self) -> Closing {
        Closing(self.closing.subscribe())
    }

    /// Ends the listener, and all connections with a word of farewell.
    pub(crate) fn close(&self) {
        crate::sync::lock(&self.running).take();
        self.closing.send_replace(true);
    }

    /// Resolves when all connections are over, after [`close`](Self::close).
    pub(crate) async fn finished(&self) {
        self.finished.lock().await.recv().await;
    }
}

/// Tells when the node shuts down.
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) async fn begins(&mut self) {
        // The sender lives as long as the hub, which every holder of this has.
        self.0.wait_for(|closing| *closing).await.ok();
    }
}

/// Accepts connections until the node shuts down.
pub(crate) fn listen(core: &Arc<Core>, hub: &Arc<Hub>, sockets: Sockets) {
    let (node, accepting) = (Arc::clone(core), Arc::clone(hub));
    let accepting = accept(sockets, move |mut carrier, address| {
        let source = source(address.ip());
        let welcome_here = crate::sync::lock(&accepting.guard).enter(clock::now(), &source).is_ok();
        match welcome_here.then(|| accepting.gate.enter(&source)).flatten() {
            Some(pass) => {
                let (node, hub) = (Arc::clone(&node), Arc::clone(&accepting));
                drop(node.machine.clone().spawn(welcome(node, hub, carrier, address, pass)));
            }
            None => carrier.abort(),
        }
    });
    let mut closing = hub.closing();
    core.machine.spawn(async move {
        tokio::select! {
            () = accepting => {}
            () = closing.begins() => {}
        }
    });
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("address", &self.address).finish_non_exhaustive()
    }
}
