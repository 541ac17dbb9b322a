//! Connections that carry messages, in the shape of the library *stalk*: [`listen`](Stalk::listen),
//! [`connect`](Stalk::connect), [`send`](Connection::send), [`flush`](Connection::flush).
//!
//! A thin layer over [`Node`] and its actors, for programs that think in connections. Everybody is authenticated: whoever
//! connects names the identity that must answer, and both ends are members of each other. (The mode without an identity,
//! open to a man in the middle, waits for the layer of membership that can tell it apart by type.)
//!
//! What arrives is what was sent, in order and without a gap, up to the moment at which [`recv`](Connection::recv) says why
//! nothing more will come. A connection may outlive a session: should messages have been lost with it, the next one that
//! comes, or the end, tells so.

mod connection;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use actor_proxy::{Actors, Allow, AskError, Inbox, Message, Origin, ServiceOptions};
use membership::{Card, IdentityKey, NetAddress};
use tokio::sync::Semaphore;

use crate::builder::Builder;
use crate::error::{CallError, StartError};
use crate::node::Node;

pub use connection::{Closed, Connection, Speaker};
use wire::{Item, Open};

/// The service under which a listener is found.
const SERVICE: &str = "stalk";

/// Connections that one listener accepts at a time. Callers beyond it hear that there is no room.
const MAX_ACCEPTED_CONNECTIONS: usize = 16_384;

/// One end of connections: an identity that listens, connects, or both.
#[derive(Clone)]
pub struct Stalk {
    node: Node,
}

impl Stalk {
    /// Listens for connections, and hands each to `handler`, which must not block: it [pulls](Connection::recv) in a task of
    /// its own, or registers a [callback](Connection::on_message). Nothing that arrives before that is lost.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn listen<M: Message>(
        builder: Builder,
        address: SocketAddr,
        handler: impl FnMut(Connection<M>) + Send + 'static,
    ) -> Result<Self, StartError> {
        let stalk = Self { node: builder.listen(address).spawn().await? };
        // Whoever is given the address of the listener speaks with it directly: who calls is who the session proves.
        let options = ServiceOptions::default().direct_only();
        let (me, actors) = (stalk.node.identity(), stalk.node.core().actors.clone());
        let actor = move |inbox| accept(me, actors, inbox, handler);
        // The node is new, and nothing has the name.
        stalk.node.serve_with(SERVICE, Allow::Members, options, actor).ok();
        Ok(stalk)
    }

    /// Does not listen: for those who only connect.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(builder: Builder) -> Result<Self, StartError> {
        Ok(Self { node: builder.spawn().await? })
    }

    /// Connects to the listener of `identity`, a member; `address` is tried before those that are known. Nothing of the
    /// program's leaves before the far side has proven to be that member.
    ///
    /// # Errors
    /// [`CallError`]: `Connect` when nobody answers there, or somebody else; `Service` when the member does not listen for
    /// connections; `Ask` when it speaks of other messages or has no room.
    pub async fn connect<M: Message>(
        &self,
        address: &NetAddress,
        identity: IdentityKey,
    ) -> Result<Connection<M>, CallError> {
        self.learn(address, identity);
        let listener = self.node.service::<Open<M>>(identity, SERVICE).await?;
        let (own, inbox) = self.node.mailbox::<Item<M>>();
        let timeout = self.node.core().limits.handshake_timeout;
        let answer = listener.ask(|reply| Open { caller: own, reply }, timeout).await?;
        let far = answer.ok_or(AskError::NoRoom)?;
        Ok(Connection::new(identity, far, inbox, None))
    }

    /// The node under it: who it is, where it listens, its members.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Ends every connection and the listener. What was accepted leaves first.
    pub async fn shutdown(&self) {
        self.node.shutdown().await;
    }

    /// Puts an address before those that are known of a member.
    fn learn(&self, address: &NetAddress, identity: IdentityKey) {
        let members = self.node.members();
        // Whoever is no member is told so by the dial.
        let Some(member) = members.get(&identity).filter(|member| !member.addresses().contains(address))
        else {
            return;
        };
        let known = member.addresses().iter().take(membership::MAX_CARD_ADDRESSES - 1);
        let addresses = std::iter::once(address).chain(known).cloned().collect();
        let records = member.devices().take(membership::MAX_CARD_DEVICES).cloned().collect();
        let Some(door) = member.door() else { return };
        let card = Card::new(records, door.clone(), addresses, None);
        if let Some(error) = card.and_then(|card| self.node.add_member(&card)).err() {
            tracing::warn!(%address, %error, "the address of a member cannot be noted");
        }
    }
}

impl fmt::Debug for Stalk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stalk").field("node", &self.node).finish()
    }
}

async fn accept<M: Message>(
    me: IdentityKey,
    actors: Actors,
    mut inbox: Inbox<Open<M>>,
    mut handler: impl FnMut(Connection<M>) + Send,
) {
    let places = Arc::new(Semaphore::new(MAX_ACCEPTED_CONNECTIONS));
    while let Some((Open { caller, reply }, origin)) = inbox.recv_from().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            reply.send(None);
            continue;
        };
        let peer = match origin {
            Origin::Node(node) => IdentityKey(node.member),
            _ => me,
        };
        let (own, inbox) = actors.mailbox::<Item<M>>();
        reply.send(Some(own));
        handler(Connection::new(peer, caller, inbox, Some(place)));
    }
}
