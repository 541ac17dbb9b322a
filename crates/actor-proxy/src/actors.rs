//! The actors of one node, and the nodes that they speak with.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::address::Address;
use crate::deadlines::{Deadlines, Due};
use crate::ended::{Ended, Unreachable};
use crate::error::{ServeError, ServiceError};
use crate::exchange::{Exchange, Former};
use crate::inbox::Inbox;
use crate::limits::Limits;
use crate::local::LocalAddress;
use crate::mailbox::{Mailbox, Terms};
use crate::node_id::{NodeId, ServiceName};
use crate::parcel::Passenger;
use crate::schema::Message;
use crate::service::{ServiceInfo, ServiceOptions};
use crate::shared::Core;
use crate::sync::lock;

/// The time, as whoever runs the actors tells it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Whether this node may open sessions with another one.
pub type MaySpeakWith = Arc<dyn Fn(&NodeId) -> bool + Send + Sync>;

/// What the layers around the actors give them.
pub struct Surroundings {
    /// Who this node is, in this run.
    pub me: NodeId,
    /// 32 bytes that nobody can guess, new in each run: names of actors and the order of tags come of it.
    pub seed: [u8; 32],
    /// The time.
    pub clock: Clock,
    /// Whom this node may speak with directly.
    pub may_speak_with: MaySpeakWith,
    /// What to keep for whom.
    pub limits: Limits,
}

/// All actors of one node. Cheap to clone. With the last clone they [shut down](Self::shutdown).
///
/// The four method families, in any order, from any thread:
///
/// * commands: [`mailbox`](Self::mailbox), [`serve`](Self::serve), [`withdraw`](Self::withdraw),
///   [`farewell`](Self::farewell), [`shutdown`](Self::shutdown);
/// * inputs: [`connected`](Self::connected), [`handle_unreachable`](Self::handle_unreachable),
///   [`handle_gone`](Self::handle_gone), [`handle_timeout`](Self::handle_timeout); those of a session are at its [`Exchange`];
/// * outputs: [`poll_wanted`](Self::poll_wanted), [`poll_timeout`](Self::poll_timeout);
/// * getters.
#[derive(Clone)]
pub struct Actors {
    pub(crate) core: Arc<Core>,
    _last: Arc<Last>,
}

/// Shuts down with the last clone of the actors: what they share and their peers hold each other until then.
struct Last(Arc<Core>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl Actors {
    /// No actors yet.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings { me, seed, clock, may_speak_with, limits } = surroundings;
        let core = Core {
            me,
            limits,
            deadlines: Deadlines::default(),
            clock,
            may_speak_with,
            random: Mutex::new(ChaCha20Rng::from_seed(seed)),
            registry: Mutex::default(),
            wanted: Mutex::default(),
        };
        let core = Arc::new(core);
        Self { _last: Arc::new(Last(Arc::clone(&core))), core }
    }

    /// Who this node is, in this run.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.core.me
    }

    /// The largest message that a pipe may deliver.
    #[must_use]
    pub fn max_message_bytes(&self) -> usize {
        self.core.limits.max_body_bytes.saturating_add(crate::peer::MAX_HEAD_BYTES)
    }

    /// A new actor: its address, and where it reads. Any task can be one.
    #[must_use]
    pub fn mailbox<M: Message>(&self) -> (Address<M>, Inbox<M>) {
        self.mailbox_with(ServiceOptions::default())
    }

    /// As [`mailbox`](Self::mailbox), with other terms.
    #[must_use]
    pub fn mailbox_with<M: Message>(&self, options: ServiceOptions) -> (Address<M>, Inbox<M>) {
        let mailbox = Mailbox::<M>::new(Arc::clone(&self.core), self.terms(options, None));
        (Address::local(Arc::clone(&mailbox)), Inbox::new(mailbox))
    }

    /// Offers a new actor to others under a name, until it ends or is [withdrawn](Self::withdraw).
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn serve<M: Message>(
        &self,
        name: &str,
        allow: crate::Allow,
        options: ServiceOptions,
    ) -> Result<(Address<M>, Inbox<M>), ServeError> {
        let name = ServiceName::new(name).ok_or(ServeError::BadName)?;
        let mailbox = Mailbox::<M>::new(Arc::clone(&self.core), self.terms(options, Some(allow)));
        let service = LocalAddress::of(&mailbox);
        let before = {
            let mut registry = lock(&self.core.registry);
            if registry.closed || registry.is_leaving {
                return Err(ServeError::Shutdown);
            }
            let live = registry.services.get(&name).is_some_and(|known| known.mailbox().ended().is_none());
            if live {
                return Err(ServeError::NameTaken);
            }
            registry.services.insert(name, service)
        };
        drop(before);
        Ok((Address::local(Arc::clone(&mailbox)), Inbox::new(mailbox)))
    }

    /// Ends the service of that name: its actor hears `None` after what is in its mailbox, its addresses end. `false`:
    /// there is none.
    pub fn withdraw(&self, name: &str) -> bool {
        let Some(name) = ServiceName::new(name) else { return false };
        let service = lock(&self.core.registry).services.remove(&name);
        if let Some(service) = &service {
            service.mailbox().end(Ended::Withdrawn);
        }
        service.is_some()
    }

    /// The address of a service of this node.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn service<M: Message>(&self, name: &str) -> Result<Address<M>, ServiceError> {
        let name = ServiceName::new(name).ok_or(ServiceError::BadName)?;
        let local = self.core.find_service(&name).ok_or(ServiceError::NoSuchService)?;
        let found = local.mailbox().schema().as_str().into();
        Address::from_passenger(Passenger::Local(local))
            .map_err(|_| ServiceError::WrongSchema { expected: M::SCHEMA.as_str().into(), found })
    }

    /// The services of this node.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceInfo> {
        self.core.list(|_| true).into_iter().map(ServiceInfo::from).collect()
    }

    /// Whether something is known of that machine, in this run of it or a former one. If not, its session needs no
    /// [exchange](Self::connected) until it speaks, or somebody [wants](Self::poll_wanted) it.
    #[must_use]
    pub fn has_heard_of(&self, node: &NodeId) -> bool {
        lock(&self.core.registry).peers.range(node.runs()).next().is_some()
    }

    /// A session with that node is there. What its pipe carries goes through the exchange, for as long as it lives.
    #[must_use]
    pub fn connected(&self, node: NodeId) -> Exchange {
        let (exchange, former) = self.connected_anew(node);
        drop(former);
        exchange
    }

    /// As [`connected`](Self::connected), and leaves the end of the machine's former runs for later: it takes the longer the
    /// more addresses of theirs there are.
    pub fn connected_anew(&self, node: NodeId) -> (Exchange, Former) {
        let now = self.core.now();
        let (peer, former, closed) = self.core.peer(node);
        if closed {
            peer.end(&Ended::Shutdown, now);
        }
        let epoch = peer.connected(now);
        (Exchange::new(peer, epoch), former)
    }

    /// The next node with which somebody wants a session: make one, or report
    /// [`handle_unreachable`](Self::handle_unreachable).
    pub fn poll_wanted(&self, context: &mut Context<'_>) -> Poll<NodeId> {
        let mut wanted = lock(&self.core.wanted);
        if let Some(node) = wanted.nodes.pop_front() {
            wanted.queued.remove(&node);
            return Poll::Ready(node);
        }
        match &mut wanted.keeper {
            Some(keeper) => keeper.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// No session with that node can be had now: whoever waits for it is told.
    pub fn handle_unreachable(&self, node: &NodeId, why: &Unreachable) {
        let peer = lock(&self.core.registry).peers.get(node).cloned();
        if let Some(peer) = peer {
            peer.unreachable(why);
            self.core.forget_if_blank(&peer);
        }
    }

    /// That run of a node is over: [`Ended::Shutdown`] if it said so, [`Ended::Restarted`] if another one answers in its
    /// place.
    pub fn handle_gone(&self, node: &NodeId, why: &Ended) {
        let peer = lock(&self.core.registry).peers.remove(node);
        if let Some(peer) = peer {
            peer.end(why, self.core.now());
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next; `None` is never. With a context, its task
    /// is woken when that becomes earlier.
    pub fn poll_timeout(&self, context: Option<&Context<'_>>) -> Option<Instant> {
        self.core.deadlines.first(context.map(Context::waker))
    }

    /// Lets deadlines pass: questions without an answer, addresses that nobody holds.
    pub fn handle_timeout(&self, now: Instant) {
        for due in self.core.deadlines.take_due(now) {
            match due {
                Due::Question(question) => {
                    let waker = question.upgrade().and_then(|question| question.expire());
                    waker.into_iter().for_each(Waker::wake);
                }
                Due::Peer(peer) => {
                    if let Some(peer) = peer.upgrade() {
                        peer.handle_timeout(now);
                    }
                }
            }
        }
        self.core.prune();
    }

    /// Ends every service, and tells every peer that the actors of this node that it knows have ended, while there is
    /// still a session to say it in. What was accepted for peers can leave until [`shutdown`](Self::shutdown).
    pub fn farewell(&self) {
        let (services, peers): (_, Vec<_>) = {
            let mut registry = lock(&self.core.registry);
            registry.is_leaving = true;
            (std::mem::take(&mut registry.services), registry.peers.values().cloned().collect())
        };
        for service in services.values() {
            service.mailbox().end(Ended::Shutdown);
        }
        for peer in peers {
            peer.end_exports(&Ended::Shutdown);
        }
    }

    /// Ends every service and forgets every peer: nothing is sent or received any more.
    pub fn shutdown(&self) {
        self.core.shutdown();
    }

    /// How many entries the tables of all peers hold: our actors that they know, theirs that we know, open questions.
    #[must_use]
    pub fn table_sizes(&self) -> (usize, usize, usize) {
        let peers: Vec<_> = lock(&self.core.registry).peers.values().cloned().collect();
        let sum = |(a, b, c): (usize, usize, usize), (x, y, z)| (a + x, b + y, c + z);
        peers.iter().map(|peer| peer.counts()).fold((0, 0, 0), sum)
    }

    /// How many other nodes are known, and how many actors of this one can be found by their names.
    #[must_use]
    pub fn registry_sizes(&self) -> (usize, usize) {
        let registry = lock(&self.core.registry);
        (registry.peers.len(), registry.named.len())
    }

    fn terms(&self, options: ServiceOptions, allow: Option<crate::Allow>) -> Terms {
        let capacity = options.mailbox_messages.unwrap_or(self.core.limits.mailbox_messages).max(1);
        Terms { format: options.format, direct_only: options.direct_only, allow, capacity }
    }
}

impl fmt::Debug for Actors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actors").field("me", &self.core.me).finish_non_exhaustive()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("me", &self.me).finish_non_exhaustive()
    }
}
