//! One session with a peer, as its driver sees it.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use bytes::Bytes;

use crate::address::Address;
use crate::deadlines::Timer;
use crate::ended::Ended;
use crate::error::{AskError, PeerFault, SendError, ServiceError};
use crate::node_id::{NodeId, ServiceName};
use crate::outgoing::Outgoing;
use crate::parcel::Passenger;
use crate::peer::{Peer, Wakes};
use crate::proxy::Proxy;
use crate::reply::Expire;
use crate::schema::Message;
use crate::service::ServiceInfo;
use crate::slot::Slot;
use crate::table::Tag;

/// A session with a peer: what arrives goes in, what is to leave comes out. Dropping it says that the session is over.
///
/// * inputs: [`handle_messages`](Self::handle_messages), [`handle_packed`](Self::handle_packed),
///   [`refuse_message`](Self::refuse_message), [`handle_taken`](Self::handle_taken),
///   [`handle_written`](Self::handle_written);
/// * outputs: [`outgoing`](Self::outgoing);
/// * commands: [`service`](Self::service), [`untyped_service`](Self::untyped_service), [`services`](Self::services),
///   [`flush`](Self::flush);
/// * getters: [`is_awaited`](Self::is_awaited), [`node`](Self::node).
pub struct Exchange {
    peer: Visit,
    epoch: u64,
}

/// Somebody who looks at a peer for a while. With the last of them goes a peer of whom nothing is known.
struct Visit(Arc<Peer>);

impl Visit {
    fn again(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Deref for Visit {
    type Target = Arc<Peer>;

    fn deref(&self) -> &Arc<Peer> {
        &self.0
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.core.forget_if_blank(&self.0);
    }
}

impl Exchange {
    pub(crate) fn new(peer: Arc<Peer>, epoch: u64) -> Self {
        Self { peer: Visit(peer), epoch }
    }

    /// With whom.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.peer.node
    }

    /// Takes messages of the pipe, in the order of their lanes. Wake when everything that is due is written.
    ///
    /// # Errors
    /// [`PeerFault`]: the session is to be closed, the peer breaks the protocol.
    pub fn handle_messages(
        &self,
        now: Instant,
        messages: impl IntoIterator<Item = Bytes>,
    ) -> (Result<(), PeerFault>, Wakes) {
        self.peer.handle(self.epoch, now, messages.into_iter())
    }

    /// As [`handle_messages`](Self::handle_messages), for messages of one lane that lie in one buffer, where `spans` says.
    ///
    /// # Errors
    /// [`PeerFault`]: the session is to be closed, the peer breaks the protocol.
    pub fn handle_packed(
        &self,
        now: Instant,
        buffer: &Bytes,
        spans: impl IntoIterator<Item = Range<usize>>,
    ) -> (Result<(), PeerFault>, Wakes) {
        self.peer.handle_packed(self.epoch, now, buffer, spans.into_iter())
    }

    /// Refuses a message of the pipe that is larger than [`Actors::max_message_bytes`](crate::Actors::max_message_bytes), of which this is
    /// the beginning: whoever waits for an answer is told.
    ///
    /// # Errors
    /// [`PeerFault`]: the session is to be closed, the peer breaks the protocol.
    pub fn refuse_message(&self, beginning: &Bytes) -> Result<(), PeerFault> {
        self.peer.refuse_message(self.epoch, beginning)
    }

    /// What is to leave. The task of `context` is woken when there is more. `None`: the session is over.
    pub fn outgoing(&self, context: &Context<'_>) -> Option<Outgoing<'_>> {
        self.peer.outgoing(self.epoch, context)
    }

    /// There is room for those who waited, after [`Outgoing::finish`] said so.
    pub fn handle_taken(&self) -> Wakes {
        self.peer.taken()
    }

    /// Everything that was taken has been handed to the carrier.
    pub fn handle_written(&self) -> Wakes {
        self.peer.written(self.epoch)
    }

    /// Resolves when everything that was accepted for the peer so far has been handed to the carrier.
    ///
    /// # Errors
    /// The future's: [`SendError::Lost`] if the session ends before.
    pub fn flush(&self) -> impl Future<Output = Result<(), SendError>> + Send + use<> {
        let peer = self.peer.again();
        async move { peer.flush().await }
    }

    /// Whether somebody waits for the peer: then the session counts as used.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.peer.is_awaited()
    }

    /// The address of one of the peer's services.
    ///
    /// # Errors
    /// The future's: [`ServiceError`].
    pub fn service<M: Message>(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Address<M>, ServiceError>> + Send + use<M> {
        let looking = self.look_up(name);
        async move {
            let proxy = looking.await?;
            let found = String::from(&*proxy.schema);
            Address::from_passenger(Passenger::Remote(proxy))
                .map_err(|_| ServiceError::WrongSchema { expected: M::SCHEMA.as_str().into(), found })
        }
    }

    pub(crate) fn look_up(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Arc<Proxy>, ServiceError>> + Send + use<> {
        let name = ServiceName::new(name);
        let peer = self.peer.again();
        async move {
            let name = name.ok_or(ServiceError::BadName)?;
            Inquiry::begin(peer, |peer, slot| peer.look_up(&name, slot)).outcome().await
        }
    }

    /// The services that this node may use at the peer.
    ///
    /// # Errors
    /// The future's: [`ServiceError`].
    pub fn services(&self) -> impl Future<Output = Result<Vec<ServiceInfo>, ServiceError>> + Send + use<> {
        let peer = self.peer.again();
        async move {
            let listed = Inquiry::begin(peer, |peer, slot| peer.list(slot)).outcome().await?;
            Ok(listed.into_iter().map(ServiceInfo::from).collect())
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.peer.disconnected(self.epoch, self.peer.core.now());
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("node", &self.peer.node).finish_non_exhaustive()
    }
}

/// Runs of a machine that came before the one that answers now. Dropping it ends every address of theirs.
#[derive(Default)]
#[must_use = "dropping it ends addresses"]
pub struct Former {
    peers: Vec<Arc<Peer>>,
}

impl Former {
    pub(crate) fn new(peers: Vec<Arc<Peer>>) -> Self {
        Self { peers }
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        for peer in &self.peers {
            peer.end(&Ended::Restarted, peer.core.now());
        }
    }
}

impl fmt::Debug for Former {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Former").field("runs", &self.peers.len()).finish()
    }
}

/// A question about services under way.
struct Inquiry<T> {
    peer: Visit,
    slot: Arc<Slot<Result<T, ServiceError>>>,
    ask: Option<Tag>,
    timer: Timer,
}

impl<T: Send + 'static> Inquiry<T> {
    fn begin(
        peer: Visit,
        ask: impl FnOnce(&Arc<Peer>, &Arc<Slot<Result<T, ServiceError>>>) -> Option<Tag>,
    ) -> Self {
        let slot = Arc::new(Slot::new());
        let expire = Arc::downgrade(&slot);
        let timer = peer.core.arm_question(peer.core.limits.lookup_timeout, expire);
        let ask = ask(&peer, &slot);
        Self { peer, slot, ask, timer }
    }

    async fn outcome(self) -> Result<T, ServiceError> {
        std::future::poll_fn(|context| self.slot.poll(context)).await
    }
}

impl<T> Drop for Inquiry<T> {
    fn drop(&mut self) {
        self.peer.core.deadlines.disarm(self.timer);
        if let Some(ask) = self.ask {
            self.peer.forget_ask(ask);
        }
    }
}

impl<T: Send> Expire for Slot<Result<T, ServiceError>> {
    fn expire(&self) -> Option<std::task::Waker> {
        self.set(Err(ServiceError::Ask(AskError::TimedOut)))
    }
}
