//! Taking what agents dial.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use membership::{IdentityKey, MemberId};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::hub::Hub;
use crate::node::Node;
use crate::sync::lock;

/// Gives out the connections of agents that have confirmed. While nobody takes them they wait, a few of them; more are
/// closed.
pub struct Listener {
    hub: Arc<Hub>,
    /// Taken out when the listener is dropped, and only then.
    accepted: Option<mpsc::Receiver<Connection>>,
}

/// A message of an agent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The id under which the agent is a member, by the key that it has proven.
    pub from: MemberId,
    /// The agent.
    pub agent: IdentityKey,
    /// What it says.
    pub body: Vec<u8>,
    /// Whether it said so early: whoever steals this node's key later can read it.
    pub early: bool,
}

impl Node {
    /// Where agents are listened for.
    #[must_use]
    pub fn mychips_address(&self) -> Option<std::net::SocketAddr> {
        self.core().mychips.as_ref().and_then(|hub| hub.address)
    }

    /// The listener; `None` if the node has none, or somebody else has it.
    #[must_use]
    pub fn mychips_listener(&self) -> Option<Listener> {
        let hub = self.core().mychips.as_ref()?;
        let accepted = lock(&hub.listener).take()?;
        Some(Listener { hub: Arc::clone(hub), accepted: Some(accepted) })
    }
}

impl Listener {
    /// The next connection; `None` once the node shuts down. Safe to cancel.
    pub async fn accept(&mut self) -> Option<Connection> {
        let mut closing = self.hub.closing();
        tokio::select! {
            connection = self.accepted.as_mut()?.recv() => connection,
            () = closing.begins() => None,
        }
    }

    /// Answers every message with what `handler` makes of it, if anything, until the node shuts down. Messages of one
    /// connection are handled in order, those of several at once.
    pub async fn serve<H, F>(mut self, handler: H)
    where
        H: Fn(Received) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Vec<u8>>> + Send,
    {
        let handler = Arc::new(handler);
        while let Some(mut connection) = self.accept().await {
            let handler = Arc::clone(&handler);
            tokio::spawn(async move {
                let (from, agent) = (connection.member(), connection.peer());
                let early = connection.early().to_vec();
                let mut next = if early.is_empty() { None } else { Some((early, true)) };
                loop {
                    let (body, early) = match next.take() {
                        Some(first) => first,
                        None => match connection.recv().await {
                            Ok(body) => (body, false),
                            Err(_) => return,
                        },
                    };
                    if let Some(answer) = handler(Received { from, agent, body, early }).await
                        && let Err(error) = connection.send(answer).await
                    {
                        tracing::debug!(%from, %error, "an answer was not sent");
                    }
                }
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        *lock(&self.hub.listener) = self.accepted.take();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.hub.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("from", &self.from)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
