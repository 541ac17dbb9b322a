//! Authenticated key agreement of two devices: hybrid X3DH, X3DH, Noise IK and IKpsk2 behind the same types, sans-IO.
//!
//! The end that dials is an [`Initiator`]; the end that is dialed goes through stages, each of which consumes the one
//! before it and costs one Diffie-Hellman more. Both end in an [`Established`].
//!
//! ```text
//!   Initiator::start ──▶ M1a, M1b ──▶ Knock::check ─ claim ─ prove ─ accept ─ key_share ─ reply
//!                                                                                          │
//!   Initiator::read_reply ◀── M2 ◀──────────────────────────────────────────────────────────┤
//!            │                                                                             │
//!       Established                                                                   Established
//! ```
//!
//! For the responder the session stays *unconfirmed* until a sealed packet of the initiator opens. [`cookie`] is for
//! times of load and for paths whose source addresses can be forged, [`rekey`] for fresh keys inside a session,
//! [`anonymous`] for callers without a name (Noise NK), [`mychips`] for another protocol altogether (§14). The packets and the equations are §4 and §5 of
//! `docs/PROTOCOL.md`, and the README has a whole handshake.

mod aead;
pub mod anonymous;
mod code;
pub mod cookie;
mod dh;
mod error;
mod hash;
mod initiator;
mod kem;
mod keys;
pub mod mychips;
mod noise;
mod packet;
pub mod rekey;
mod responder;
mod secret;
mod session;
mod suite;
#[cfg(test)]
mod testing;
mod transcript;
mod x3dh;

pub use error::{Error, Rejected};
pub use hash::derive;
pub use initiator::{FirstFlight, Initiator, InitiatorConfig};
pub use keys::{BootId, CREDENTIAL_BYTES, Credential, IdentityKey, StaticKey, StaticSecret, Tag, TicketId};
pub use packet::{Kind, MAX_PACKET_BYTES, PROTOCOL_VERSION};
pub use responder::{Accepted, Claim, Knock, Proven, ReplyConfig, ResponderKeys};
pub use secret::{ChainSecret, CookieSecret, Door, ExporterSecret, Psk, RootSecret};
pub use session::{Established, Peer, Role, SessionParts, SessionSecrets};
pub use suite::{Capabilities, Limits, Suite, TrafficAead};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
