//! Addresses of actors at other nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::address::Route;
use crate::body::{Format, Short};
use crate::ended::Ended;
use crate::envelope::Shape;
use crate::error::SendError;
use crate::local::LinePlace;
use crate::node_id::{ActorId, NodeId};
use crate::peer::{Draft, Import, Offered, Peer};
use crate::scope;
use crate::slot::Slot;
use crate::table::Handle;
use crate::written::Written;

/// An actor at another node, as this node holds it. All addresses of it share one.
pub(crate) struct Proxy {
    /// With whom the messages go.
    pub(crate) peer: Arc<Peer>,
    /// Its place in the peer's table, and which of those that stood there.
    pub(crate) import: Handle<Import>,
    pub(crate) incarnation: u32,
    pub(crate) id: ActorId,
    /// Where the actor lives, if not with the peer: then the peer passes on, and can read.
    pub(crate) home: Option<Box<NodeId>>,
    pub(crate) schema: Arc<str>,
    pub(crate) format: Format,
    pub(crate) reach: Reach,
}

/// Whether an actor may be spoken with through others. Only its own node knows.
pub(crate) struct Reach {
    direct_only: AtomicBool,
    /// It is the actor's node that has said so, and not somebody who gave the address.
    is_certain: AtomicBool,
}

impl Reach {
    /// As its node has said, or else as was claimed.
    pub(crate) fn new(said: Option<bool>, claimed: bool) -> Self {
        let direct_only = AtomicBool::new(said.unwrap_or(claimed));
        Self { direct_only, is_certain: AtomicBool::new(said.is_some()) }
    }

    pub(crate) fn is_direct_only(&self) -> bool {
        self.direct_only.load(Ordering::Acquire)
    }

    pub(crate) fn may_pass_on(&self) -> bool {
        self.is_certain.load(Ordering::Acquire) && !self.is_direct_only()
    }

    pub(crate) fn learn(&self, direct_only: bool) {
        self.direct_only.store(direct_only, Ordering::Release);
        self.is_certain.store(true, Ordering::Release);
    }
}

/// What became of a message.
pub(crate) enum Sent {
    /// It was accepted; perhaps it is time to let other tasks have their turn.
    Accepted {
        pause: bool,
    },
    Not(Draft),
    Never(SendError),
}

impl Proxy {
    pub(crate) fn home(&self) -> &NodeId {
        self.home.as_deref().unwrap_or(&self.peer.node)
    }

    /// Whether the actor is what its node says of it, and not what somebody else claimed.
    pub(crate) fn is_true_to(&self, shape: &Shape) -> bool {
        self.format == shape.format && *self.schema == *shape.schema
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.home() == other.home()
    }

    pub(crate) fn route(&self) -> Route {
        match self.home {
            None => Route::Direct(self.peer.node),
            Some(_) => Route::Through(self.peer.node),
        }
    }

    /// Writes a message: without a lock, since it runs the user's code.
    pub(crate) fn write<M: Serialize>(&self, message: &M) -> Result<Draft, SendError> {
        // What the peer takes may be less; that is known when the message is offered, under the lock that this takes anyway.
        let limit = self.peer.core.limits.max_body_bytes;
        let (body, table) = scope::write(self.format, message, limit)?;
        Draft::new(body, table)
    }

    /// Writes a message, and sends it if it can leave at once, as most can.
    #[inline]
    pub(crate) fn send_at_once<M: Serialize>(&self, message: &M) -> Sent {
        let mut short = Short::new();
        let limit = self.peer.core.limits.max_body_bytes;
        let draft = match scope::write_short(self.format, message, &mut short, limit) {
            Ok((None, table)) if table.is_empty() => {
                if let Some(pause) = self.peer.offer_at_once(self, short.as_slice()) {
                    return Sent::Accepted { pause };
                }
                return Sent::Not(Draft::plain(short.as_slice()));
            }
            Ok((Some(long), table)) => Draft::new(long, table),
            Ok((None, table)) => Draft::new(Written::copied(short.as_slice()), table),
            Err(error) => Err(error.into()),
        };
        match draft {
            Ok(draft) => self.offer_draft(draft),
            Err(error) => Sent::Never(error),
        }
    }

    fn offer_draft(&self, draft: Draft) -> Sent {
        match draft.copyable().and_then(|body| self.peer.offer_at_once(self, body)) {
            Some(pause) => Sent::Accepted { pause },
            None => Sent::Not(draft),
        }
    }

    /// Sends what [`send_at_once`](Self::send_at_once) has not, once that is possible. `Ok(true)`: it is time to let other
    /// tasks have their turn.
    pub(crate) async fn send(self: &Arc<Self>, draft: Draft) -> Result<bool, SendError> {
        match self.peer.offer(self, draft)? {
            Offered::Accepted { pause } => Ok(pause),
            Offered::Waiting(slot) => self.wait(slot).await.map(|()| false),
        }
    }

    pub(crate) async fn send_confirmed(self: &Arc<Self>, draft: Draft) -> Result<(), SendError> {
        let slot = self.peer.offer_confirmed(self, draft)?;
        self.wait(slot).await
    }

    pub(crate) fn try_send(self: &Arc<Self>, draft: Draft) -> Result<(), SendError> {
        self.peer.offer_now(self, draft)
    }

    async fn wait(self: &Arc<Self>, slot: LinePlace) -> Result<(), SendError> {
        /// Takes the message out of the line, if it still stands there and nobody waits any more.
        struct Place<'a>(&'a Proxy, LinePlace);
        impl Drop for Place<'_> {
            fn drop(&mut self) {
                if !self.1.is_over() {
                    self.1.close();
                    self.0.peer.cancel(self.0.import, &self.1);
                }
            }
        }
        let place = Place(self, slot);
        std::future::poll_fn(|context| place.1.poll(context)).await
    }

    pub(crate) async fn ended(self: &Arc<Self>) -> Ended {
        /// Counts as use of the session for as long as somebody waits.
        struct Monitor<'a>(&'a Proxy, Arc<Slot<Ended>>);
        impl Drop for Monitor<'_> {
            fn drop(&mut self) {
                self.1.close();
                self.0.peer.unwatch(self.0.import);
            }
        }
        let monitor = match self.peer.watch(self.import) {
            Ok(slot) => Monitor(self, slot),
            Err(ended) => return ended,
        };
        std::future::poll_fn(|context| monitor.1.poll(context)).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.peer.release(self.import, self.incarnation);
    }
}
