//! Callers without a name: services that a node opens to whoever was given its anonymous door, and calls of its own.
//!
//! ```text
//!   Node::connect_anonymously ── NK ──▶ Inbound ─▶ Step::Called ─▶ Desk: a place? ─▶ Host ─▶ one service's handler
//!   AnonymousSession::call ── request ─────────────────────────────────────────────▶ │
//!                          ◀── reply ─────────────────────────────────────────────── │
//! ```
//! Both ends drive a [`Channel`](channel::Channel), which is in no table: no member, actor, receiver, directory or news
//! can be named through it, since nothing of the kind is within its reach.

mod caller;
mod channel;
mod desk;
mod host;
mod wire;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actor_proxy::ServiceName;
use bytes::Bytes;
use membership::{Door, IdentityKey, NetAddress, StaticKey};

pub use caller::AnonymousSession;
pub use wire::AnonymousRefusal;

pub(crate) use desk::{Desk, Visit};
pub(crate) use host::Host;

use crate::core::Core;
use crate::error::AnonymousServeError;
use crate::node::Node;

/// How a node is reached by those who have no name there: what its operator hands to the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousContact {
    /// Whom a caller means to reach.
    pub identity: IdentityKey,
    /// The key of the device.
    pub device: StaticKey,
    /// The door for callers without a name, and no other.
    pub door: Door,
    /// Where.
    pub address: NetAddress,
}

/// What one service spends on callers without a name. Every field has a default and can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnonymousLimits {
    /// Callers at a time; those beyond are told so, or get silence where there is no place at any service. 16.
    pub callers: usize,
    /// Calls of one caller, one after the other. 16.
    pub calls_per_caller: u32,
    /// The longest request. 16 KiB.
    pub max_request_bytes: usize,
    /// The longest reply. 64 KiB.
    pub max_reply_bytes: usize,
    /// From the acceptance of a caller's connection to its end, whatever happens between. 30 s.
    pub session: Duration,
}

impl Default for AnonymousLimits {
    fn default() -> Self {
        Self {
            callers: 16,
            calls_per_caller: 16,
            max_request_bytes: 16 * 1024,
            max_reply_bytes: 64 * 1024,
            session: Duration::from_secs(30),
        }
    }
}

/// How callers without a name have used a node since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AnonymousReport {
    /// Those who have a place now.
    pub present: usize,
    /// Those who have had one and have shown that they have the keys.
    pub callers: u64,
    /// Requests that were handed to a service.
    pub calls: u64,
    /// Requests that were refused, and callers for whom there was no place.
    pub refused: u64,
    /// Sessions that were ended because something came in them that does not belong there.
    pub violations: u64,
}

impl Node {
    /// Offers a service to callers without a name: one request, one reply. `handler` is called in a task of the caller's
    /// session; when that ends, it is dropped where it waits. A panic in it ends that session and nothing else.
    ///
    /// Nothing else of this node is reachable for such callers, and a service of members with the same name is another.
    ///
    /// # Errors
    /// [`AnonymousServeError`].
    pub fn serve_anonymous<F>(
        &self,
        name: &str,
        limits: AnonymousLimits,
        handler: impl Fn(Bytes) -> F + Send + Sync + 'static,
    ) -> Result<(), AnonymousServeError>
    where
        F: Future<Output = Bytes> + Send + 'static,
    {
        let core = self.core();
        if core.keys.load().responder.anonymous_door.is_none() {
            return Err(AnonymousServeError::NoDoor);
        }
        let name = ServiceName::new(name).ok_or(AnonymousServeError::InvalidName)?;
        let handler = Arc::new(move |request| -> desk::Replying { Box::pin(handler(request)) });
        core.desk.open(name, limits, handler)
    }

    /// Ends a service for callers without a name, for calls that begin from now on. Whether there was one.
    pub fn withdraw_anonymous(&self, name: &str) -> bool {
        ServiceName::new(name).is_some_and(|name| self.core().desk.close_service(&name))
    }

    /// What to hand to the public, if this node was given a [door](crate::Builder::anonymous_door) for it. `address` is
    /// where they shall find it.
    #[must_use]
    pub fn anonymous_contact(&self, address: NetAddress) -> Option<AnonymousContact> {
        let core: &Core = self.core();
        let door = core.keys.load().responder.anonymous_door.clone()?;
        let (identity, device) = (core.local.identity, core.local.device);
        Some(AnonymousContact { identity, device, door, address })
    }

    /// How callers without a name have used this node.
    #[must_use]
    pub fn anonymous_callers(&self) -> AnonymousReport {
        self.core().desk.report()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("report", &self.report()).finish_non_exhaustive()
    }
}
