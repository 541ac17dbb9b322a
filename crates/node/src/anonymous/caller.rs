//! The end that calls.

use std::fmt;
use std::sync::Arc;

use actor_proxy::ServiceName;
use bytes::Bytes;
use endpoint::{HandshakeCause, Outbound, Step};
use link::CloseReason;
use membership::IdentityKey;
use rand::Rng;
use x3dh_handshake::Tag;
use x3dh_handshake::anonymous::CallerConfig;

use super::AnonymousContact;
use super::channel::{Channel, End, Sizes};
use super::wire::{self, MAX_REQUEST_HEADER_BYTES, REPLY_HEADER_BYTES};
use crate::clock;
use crate::core::Core;
use crate::dial::{connect, speak};
use crate::error::AnonymousError;
use crate::greeting::{Failure, Greeting, facts};
use crate::node::Node;

/// The longest request and the longest reply of such a call.
const MAX_BODY_BYTES: usize = 1 << 20;

/// A session in which this node has no name: it knows whom it has reached, who has reached it the far end does not.
///
/// No sender, service or actor takes it, and nothing but [`call`](Self::call) can be done with it.
pub struct AnonymousSession {
    node: Node,
    contact: AnonymousContact,
    channel: Channel,
}

impl Node {
    /// Calls a service of a node without showing a name, once. The far end learns this node's network address, and
    /// nothing else of it.
    ///
    /// # Errors
    /// [`AnonymousError`].
    pub async fn call_anonymously(
        &self,
        contact: &AnonymousContact,
        service: &str,
        body: impl AsRef<[u8]>,
    ) -> Result<Bytes, AnonymousError> {
        let mut session = self.connect_anonymously(contact).await?;
        let reply = session.call(service, body).await?;
        session.close().await;
        Ok(reply)
    }

    /// A session for several calls of one service, without a name.
    ///
    /// # Errors
    /// [`AnonymousError`].
    pub async fn connect_anonymously(
        &self,
        contact: &AnonymousContact,
    ) -> Result<AnonymousSession, AnonymousError> {
        let core = self.core();
        let dialed = tokio::time::timeout(core.limits.handshake_timeout, dial(core, contact)).await;
        let channel = dialed.map_err(|_| AnonymousError::NoAnswer)??;
        Ok(AnonymousSession { node: self.clone(), contact: contact.clone(), channel })
    }
}

impl AnonymousSession {
    /// Who was reached: proven.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.contact.identity
    }

    /// Asks a service, and waits for its reply. All calls of a session are for the service of the first. After an error
    /// the session is over.
    ///
    /// # Errors
    /// [`AnonymousError`].
    pub async fn call(&mut self, service: &str, body: impl AsRef<[u8]>) -> Result<Bytes, AnonymousError> {
        let service = ServiceName::new(service).ok_or(AnonymousError::InvalidName)?;
        let body = body.as_ref();
        if body.len() > MAX_BODY_BYTES {
            return Err(AnonymousError::TooLarge { bytes: body.len(), limit: MAX_BODY_BYTES });
        }
        let request = wire::request(&service, body);
        let patience = self.node.core().limits.anonymous_call_timeout;
        let Self { channel, .. } = self;
        let called = async {
            channel.send(request).await?;
            channel.recv().await
        };
        let reply = tokio::time::timeout(patience, called).await.map_err(|_| AnonymousError::TimedOut)?;
        let reply = reply.map_err(|end| match end {
            End::Closed(reason) => AnonymousError::Closed(reason),
            End::Lost | End::Violation => AnonymousError::Lost,
        })?;
        Ok(wire::read_reply(reply).ok_or(AnonymousError::Lost)??)
    }

    /// Ends it.
    pub async fn close(self) {
        let deadline = clock::now() + self.node.core().limits.flush_timeout;
        self.channel.close(CloseReason::Application, deadline).await;
    }
}

async fn dial(core: &Arc<Core>, contact: &AnonymousContact) -> Result<Channel, AnonymousError> {
    let carrier = connect(core, &contact.address).await.map_err(|_| AnonymousError::Unreachable)?;
    let facts = facts(&carrier, contact.address.clone());
    let mut greeting = Greeting::new(carrier);
    let sizes = Sizes {
        received_bytes: MAX_BODY_BYTES + REPLY_HEADER_BYTES,
        sent_bytes: MAX_BODY_BYTES + MAX_REQUEST_HEADER_BYTES,
        packets: u64::MAX,
    };
    let outbound = {
        let mut rng = core.randomness.generator();
        let config = CallerConfig {
            responder_identity: &contact.identity,
            responder_static: &contact.device,
            door: &contact.door,
            capabilities: core.keys.load().capabilities,
            limits: sizes.announced(core),
            tag: Tag(rng.next_u32()),
        };
        let deadline = clock::now() + core.limits.handshake_timeout;
        Outbound::call(clock::now(), &config, (&facts, deadline), &mut rng)
            .map_err(|_| AnonymousError::Local)?
    };
    match speak(core, Box::new(outbound), &mut greeting).await {
        Ok(Step::CallEstablished(established)) => {
            Channel::new(core, *established, sizes, greeting.into_parts()).map_err(|_| AnonymousError::Local)
        }
        Ok(_) | Err(Failure::Handshake(HandshakeCause::Local)) => Err(AnonymousError::Local),
        Err(_) => Err(AnonymousError::NoAnswer),
    }
}

impl fmt::Debug for AnonymousSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnonymousSession").field("identity", &self.identity()).finish_non_exhaustive()
    }
}
