//! A session with somebody who is not a member here: a type of its own that opens nothing else.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use endpoint::{HandshakeCause, Order, PeerId};
use link::{CloseReason, StreamName};
use membership::{Card, IdentityKey, Members, Petname};
use rand::Rng;
use x3dh_handshake::Tag;

use crate::clock;
use crate::core::Core;
use crate::dial::{connect, first_words};
use crate::error::{DirectoryError, UnverifiedError};
use crate::establish::establish;
use crate::greeting::{Failure, Greeting, facts};
use crate::lone::{Lone, LoneEnd};
use crate::node::Node;

/// A session with the holder of a key whom nobody vouches for here.
///
/// The key and the door are proven: it is encrypted, and nobody stands between. Who that is, nothing says. No sender,
/// service or actor of the node takes it: what can be said in it is said by its own methods. It becomes a member only by
/// a decision of this node's owner: [`pin`](Self::pin), a ticket, or a member's voucher.
pub struct Unverified {
    node: Node,
    card: Card,
    lone: Lone,
}

impl Node {
    /// Connects to whoever holds the key of a card, though nobody vouches for them here: who that is has to be verified
    /// by other means. Each use is counted and logged.
    ///
    /// The far side decides by its own directory whether it speaks with this node.
    ///
    /// # Errors
    /// [`UnverifiedError`].
    pub async fn connect_unverified(&self, card: &Card) -> Result<Unverified, UnverifiedError> {
        let core = self.core();
        if card.identity() == self.identity() {
            return Err(UnverifiedError::Oneself);
        }
        core.unverified.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(peer = ?card.identity(), "connecting to somebody whom nobody vouches for");
        let lone = tokio::time::timeout(core.limits.handshake_timeout, dial(core, card));
        let lone = lone.await.map_err(|_| UnverifiedError::NoAnswer)??;
        Ok(Unverified { node: self.clone(), card: card.clone(), lone })
    }

    /// How often this node has connected to somebody unverified.
    #[must_use]
    pub fn unverified_connections(&self) -> u64 {
        self.core().unverified.load(Ordering::Relaxed)
    }
}

impl Unverified {
    /// The key that was proven.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.peer().identity
    }

    /// The key and its device.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.lone.peer()
    }

    /// Measures the time there and back.
    ///
    /// # Errors
    /// [`LoneEnd`].
    pub async fn ping(&mut self) -> Result<Duration, LoneEnd> {
        let start = tokio::time::Instant::now();
        let patience = self.node.core().limits.ping_timeout;
        tokio::time::timeout(patience, self.lone.ping()).await.map_err(|_| LoneEnd::TimedOut)??;
        Ok(start.elapsed())
    }

    /// Sends a message and waits until the far side has taken it: to the receiver of that name, if it has one.
    ///
    /// # Errors
    /// [`LoneEnd`].
    pub async fn send(&mut self, name: &StreamName, message: impl Into<Bytes>) -> Result<(), LoneEnd> {
        self.lone.send(name, message.into()).await
    }

    /// The next message of the far side, and on which stream it came.
    ///
    /// # Errors
    /// [`LoneEnd`].
    pub async fn recv(&mut self) -> Result<(StreamName, Bytes), LoneEnd> {
        self.lone.recv().await
    }

    /// Lets them in: this node's owner has verified whose key it is. Ends this session; an authenticated one follows
    /// with the next use.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn pin(self, name: Option<Petname>) -> Result<(), DirectoryError> {
        let Self { node, card, lone } = self;
        lone.close(CloseReason::Application).await;
        node.vouch_for(card, name).await
    }

    /// Ends it.
    pub async fn close(self) {
        self.lone.close(CloseReason::Application).await;
    }
}

async fn dial(core: &Arc<Core>, card: &Card) -> Result<Lone, UnverifiedError> {
    let record = card.records().first().ok_or(UnverifiedError::Unreachable)?;
    let mut known = Members::new();
    known.add(card).map_err(|_| UnverifiedError::Unreachable)?;
    for address in card.addresses() {
        let Ok(carrier) = connect(core, address).await else { continue };
        let order = Order {
            peer: PeerId { identity: card.identity(), device: record.static_key() },
            counter: core.counter.next(&core.machine).await.map_err(|_| UnverifiedError::Local)?,
            tag: Tag(core.randomness.generator().next_u32()),
            deadline: clock::now() + core.limits.handshake_timeout,
            ticket: None,
        };
        let facts = facts(&carrier, address.clone());
        let mut greeting = Greeting::new(carrier);
        let established = match first_words(core, &facts, &order, &known, &mut greeting).await {
            Ok(established) => established,
            Err(Failure::Handshake(HandshakeCause::Local)) => return Err(UnverifiedError::Local),
            Err(_) => continue,
        };
        let halves = establish(core, *established).map_err(|_| UnverifiedError::Local)?;
        return Ok(Lone::new(Arc::clone(core), halves, greeting.into_parts()));
    }
    Err(UnverifiedError::Unreachable)
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("peer", &self.peer()).finish_non_exhaustive()
    }
}
