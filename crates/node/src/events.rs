//! What a node tells whoever watches it.

use std::fmt;

use endpoint::{EndCause, PeerId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use x3dh_handshake::{BootId, Role};

/// Events kept for a watcher that does not keep up; older ones are lost, and counted.
const CAPACITY: usize = 256;

/// A change that concerns a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer can be spoken with.
    PeerUp {
        /// Who.
        peer: PeerId,
        /// Which end of the session this node is.
        role: Role,
    },
    /// A session ended; what was under way in it is lost.
    PeerDown {
        /// Who.
        peer: PeerId,
        /// Why.
        cause: EndCause,
    },
    /// A peer's node was restarted since it was last spoken with.
    PeerRestarted {
        /// Who.
        peer: PeerId,
        /// The boot id that it has now.
        boot: BootId,
    },
    /// A peer has confirmed a session with this counter. Whoever stores it and gives it to
    /// [`Builder::confirmed_counter`](crate::Builder::confirmed_counter) after a restart spares the work on replayed
    /// packets. A node with a [store](crate::Builder::store) does so by itself.
    CounterConfirmed {
        /// Whose.
        peer: PeerId,
        /// The highest one so far.
        counter: u64,
    },
}

/// Where a node's events go out.
pub(crate) struct Herald(broadcast::Sender<Event>);

impl Herald {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody need be watching.
        self.0.send(event).ok();
    }

    pub(crate) fn watch(&self) -> Events {
        Events { receiver: self.0.subscribe(), missed: 0 }
    }
}

/// The events of a node from the moment it was asked for them. Bounded: who does not keep up misses the oldest.
pub struct Events {
    receiver: broadcast::Receiver<Event>,
    missed: u64,
}

impl Events {
    /// The next event; `None` when the node is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were lost because they were not taken in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed).finish_non_exhaustive()
    }
}
