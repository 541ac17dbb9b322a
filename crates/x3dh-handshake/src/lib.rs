#![doc = include_str!("../README.md")]

mod aead;
pub mod cookie;
mod dh;
mod error;
mod hash;
mod initiator;
mod kem;
mod keys;
mod noise;
mod packet;
pub mod rekey;
mod responder;
mod seal;
mod secret;
mod session;
mod suite;
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
