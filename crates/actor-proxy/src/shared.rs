//! What all actors of a node share.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use chacha20::ChaCha20Rng;
use rand_core::Rng;

use crate::actors::{Clock, MaySpeakWith};
use crate::deadlines::{Deadlines, Due, Timer};
use crate::ended::Ended;
use crate::envelope::{Listed, Shape};
use crate::exchange::Former;
use crate::introductions::{Introduced, Introductions, MAX_RUNS_OF_DEVICE};
use crate::limits::Limits;
use crate::local::{AnyMailbox, LocalAddress};
use crate::node_id::{ActorId, NodeId, ServiceName};
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::reply::Expire;
use crate::sync::lock;
use crate::table::trim;

/// What all actors of a node share. Its locks are leaves: nothing else is locked under them.
pub(crate) struct Core {
    pub(crate) me: NodeId,
    pub(crate) limits: Limits,
    pub(crate) deadlines: Deadlines,
    pub(crate) clock: Clock,
    pub(crate) may_speak_with: MaySpeakWith,
    pub(crate) random: Mutex<ChaCha20Rng>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) wanted: Mutex<Wanted>,
}

#[derive(Default)]
pub(crate) struct Registry {
    /// Actors whose name somebody was told.
    pub(crate) named: HashMap<ActorId, Weak<dyn AnyMailbox>>,
    pub(crate) services: BTreeMap<ServiceName, LocalAddress>,
    /// By run. Of one device at most `MAX_RUNS_OF_DEVICE`; a session leaves only the one it is with.
    pub(crate) peers: BTreeMap<NodeId, Arc<Peer>>,
    pub(crate) introductions: Introductions,
    pub(crate) last_number: u64,
    /// No more services: this node is about to shut down.
    pub(crate) is_leaving: bool,
    pub(crate) closed: bool,
}

/// Nodes with which somebody wants a session. Bounded by the peers there are.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) nodes: VecDeque<NodeId>,
    /// The same, to be found.
    pub(crate) queued: HashSet<NodeId>,
    pub(crate) keeper: Option<Waker>,
}

impl Core {
    pub(crate) fn shutdown(&self) {
        let (services, peers) = {
            let mut registry = lock(&self.registry);
            registry.closed = true;
            (std::mem::take(&mut registry.services), std::mem::take(&mut registry.peers))
        };
        for service in services.values() {
            service.mailbox().end(Ended::Shutdown);
        }
        let now = self.now();
        for peer in peers.values() {
            peer.end(&Ended::Shutdown, now);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    pub(crate) fn may_speak_with(&self, node: &NodeId) -> bool {
        (self.may_speak_with)(node)
    }

    pub(crate) fn new_id(&self) -> ActorId {
        let mut bytes = [0; 16];
        lock(&self.random).fill_bytes(&mut bytes);
        ActorId::from_random(bytes)
    }

    /// The key of a table's tags.
    pub(crate) fn new_key(&self) -> [u64; 2] {
        let mut random = lock(&self.random);
        [random.next_u64(), random.next_u64()]
    }

    /// A moment so much later; what lies beyond the end of time is a hundred years later.
    pub(crate) fn after(&self, now: Instant, timeout: Duration) -> Instant {
        now.checked_add(timeout).unwrap_or(now + Duration::from_secs(3_153_600_000))
    }

    /// Sets the deadline of a question.
    pub(crate) fn arm_question(&self, timeout: Duration, question: Weak<dyn Expire>) -> Timer {
        let at = self.after(self.now(), timeout);
        let (timer, keeper) = self.deadlines.arm(at, Due::Question(question));
        keeper.into_iter().for_each(Waker::wake);
        timer
    }

    /// The name of an actor has been told: it can be found by it.
    pub(crate) fn note_actor(&self, id: ActorId, local: &LocalAddress) {
        let mut registry = lock(&self.registry);
        registry.named.entry(id).or_insert_with(|| Arc::downgrade(&local.share()));
        drop(registry);
        // The end of an actor takes its name away, unless it came before.
        if local.mailbox().ended().is_some() {
            self.forget_actor(&id);
        }
    }

    pub(crate) fn forget_actor(&self, id: &ActorId) {
        let gone = {
            let mut registry = lock(&self.registry);
            let gone = registry.named.remove(id);
            trim(&mut registry.named);
            gone
        };
        drop(gone);
    }

    /// Drop what comes as an error without a lock.
    pub(crate) fn find_actor(&self, id: ActorId) -> Result<LocalAddress, Option<Arc<dyn AnyMailbox>>> {
        let mailbox = lock(&self.registry).named.get(&id).cloned().ok_or(None)?;
        LocalAddress::find(&mailbox)
    }

    pub(crate) fn find_service(&self, name: &ServiceName) -> Option<LocalAddress> {
        let service = lock(&self.registry).services.get(name).cloned()?;
        service.mailbox().ended().is_none().then_some(service)
    }

    /// The services that a node may use.
    pub(crate) fn services_for(&self, node: &NodeId) -> Vec<Listed> {
        self.list(|service| service.mailbox().permits(node))
    }

    pub(crate) fn list(&self, wanted: impl Fn(&LocalAddress) -> bool) -> Vec<Listed> {
        let services: Vec<_> = {
            let registry = lock(&self.registry);
            registry.services.iter().map(|(name, service)| (name.clone(), service.clone())).collect()
        };
        let listed =
            services.iter().filter(|(_, service)| service.mailbox().ended().is_none() && wanted(service));
        let listed = listed.map(|(name, service)| {
            let mailbox = service.mailbox();
            let schema = mailbox.schema().as_str().into();
            Listed { name: name.clone(), schema, format: mailbox.format() }
        });
        listed.collect()
    }

    /// The peer of that name, those that were the same machine before, and whether this node has shut down.
    pub(crate) fn peer(self: &Arc<Self>, node: NodeId) -> (Arc<Peer>, Former, bool) {
        let mut registry = lock(&self.registry);
        if registry.closed {
            return (Peer::new(self, node, (0, None)), Former::default(), true);
        }
        let runs = registry.peers.range(node.runs()).map(|(run, _)| *run);
        let older: Vec<NodeId> = runs.filter(|run| *run != node).collect();
        let former = older.iter().filter_map(|older| registry.peers.remove(older)).collect();
        let known = registry.peers.get(&node).cloned();
        (known.unwrap_or_else(|| self.add_peer(&mut registry, node, None)), Former::new(former), false)
    }

    pub(crate) fn add_peer(
        self: &Arc<Self>,
        registry: &mut Registry,
        node: NodeId,
        introduced: Option<Introduced>,
    ) -> Arc<Peer> {
        registry.last_number += 1;
        let peer = Peer::new(self, node, (registry.last_number, introduced));
        registry.peers.insert(node, Arc::clone(&peer));
        peer
    }

    /// Holds an actor of a node that `introducer` told of. Nothing is kept for an unknown node with which this one may not
    /// speak, nor for more than a few that are only said to be.
    pub(crate) fn third(
        self: &Arc<Self>,
        introducer: &NodeId,
        (node, id): (NodeId, ActorId),
        shape: &Shape,
        is_blocked: bool,
    ) -> Option<Arc<Proxy>> {
        let peer = {
            let mut registry = lock(&self.registry);
            match registry.peers.get(&node).cloned() {
                Some(peer) => peer,
                None if is_blocked || registry.closed => return None,
                None => self.add_introduced(&mut registry, introducer, node)?,
            }
        };
        peer.hold(id, shape, is_blocked)
    }

    pub(crate) fn add_introduced(
        self: &Arc<Self>,
        registry: &mut Registry,
        introducer: &NodeId,
        node: NodeId,
    ) -> Option<Arc<Peer>> {
        let runs = registry.peers.range(node.runs()).count();
        if registry.peers.len() >= MAX_PEERS || runs >= MAX_RUNS_OF_DEVICE {
            return None;
        }
        let place = registry.introductions.admit(introducer.member)?;
        Some(self.add_peer(registry, node, Some(place)))
    }

    /// Somebody wants a session. Wake whom it returns.
    pub(crate) fn want(&self, peer: &Arc<Peer>) -> Option<Waker> {
        let mut wanted = lock(&self.wanted);
        if wanted.queued.insert(peer.node) {
            wanted.nodes.push_back(peer.node);
        }
        wanted.keeper.take()
    }

    /// Forgets peers of whom nothing is known.
    pub(crate) fn prune(&self) {
        let unused: Vec<Arc<Peer>> = {
            let registry = lock(&self.registry);
            registry.peers.values().filter(|peer| Arc::strong_count(peer) == 1).cloned().collect()
        };
        unused.iter().for_each(|peer| self.forget_if_blank(peer));
    }

    /// Takes a peer out of the table if nothing is known of it, unless somebody has found it meanwhile.
    pub(crate) fn forget_if_blank(&self, peer: &Arc<Peer>) {
        if !peer.is_blank() {
            return;
        }
        let mut registry = lock(&self.registry);
        let is_known = registry.peers.get(&peer.node).is_some_and(|known| Arc::ptr_eq(known, peer));
        // One for the table, one of the caller.
        if is_known && Arc::strong_count(peer) == 2 {
            registry.peers.remove(&peer.node);
        }
    }
}

/// Nodes that this one may know of, those included that were only told of.
const MAX_PEERS: usize = 65_536;
