//! Callers without a name, of services that a node opens to anybody who was given its anonymous door (PROTOCOL §5.4).
//!
//! ```text
//!   Caller::start ──▶ M1 ──▶ AnonymousKnock::check ── open ──▶ Call ── reply
//!                                                                        │
//!   Caller::read_reply ◀── M2 ◀──────────────────────────────────────────┤
//!            │                                                           │
//!   AnonymousEstablished                                     AnonymousEstablished
//! ```
//!
//! The caller knows whom it reached. The node knows nobody: in no packet is there an identity, a device, a credential, a
//! counter, a ticket or a boot id. So nothing here is of a type that the handshakes of members have: what takes an
//! [`Established`](crate::Established) or a [`Proven`](crate::Proven) cannot be given an anonymous one.
//!
//! Such callers have a door of their own, [`ResponderKeys::anonymous_door`], so that what is handed out to the public lets
//! nobody try at the members' door. As with members, the session is *unconfirmed* for the node until a sealed packet of
//! the caller opens; a replayed first packet gets a reply, and nothing else.

mod call;
mod caller;

pub use call::{AnonymousKnock, Call};
pub use caller::{Caller, CallerConfig};

#[cfg(doc)]
use crate::ResponderKeys;
use crate::{
    keys::{BootId, Tag},
    session::{Role, SessionSecrets},
    suite::{Capabilities, Limits, Suite, TrafficAead},
};

/// A finished anonymous handshake: a channel's secrets, and no peer.
#[derive(Debug)]
#[non_exhaustive]
pub struct AnonymousEstablished {
    /// The secrets, for `secure-channel`.
    pub secrets: SessionSecrets,
    /// Which end this is.
    pub role: Role,
    /// Always [`Suite::NoiseNk`]; a channel wants to know it.
    pub suite: Suite,
    /// The AEAD of the session's packets, chosen by the node among what both can.
    pub aead: TrafficAead,
    /// The tag that packets to us carry.
    pub local_tag: Tag,
    /// The tag that packets to the other end carry.
    pub remote_tag: Tag,
    /// The node's boot id, at the caller; a caller shows none.
    pub boot: Option<BootId>,
    /// What the other end can do.
    pub capabilities: Capabilities,
    /// What the other end is ready to receive.
    pub limits: Limits,
    /// The hash of everything both ends said; equal at both ends and at no others.
    pub transcript: [u8; 32],
}
