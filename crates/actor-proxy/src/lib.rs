//! Typed actor addresses that travel inside messages, over any pipe that carries messages.
//!
//! [`Actors`] is what one node has: mailboxes, services, and the nodes that it knows. An [`Address`] leads to an actor here
//! or there, and can stand anywhere inside a message. One [`Exchange`] for each session is fed with what its pipe carries.
//!
//! ```text
//!  Address::send ─▶ (body written, no lock) ─▶ Peer: credit, tags ─▶ Outbox ──outgoing()──▶ pipe
//!  Inbox::recv  ◀─ (body read by the actor) ◀─ Mailbox ◀─ Peer ◀──handle_messages()──────── pipe
//!       └── the cost of what was taken ─▶ credit for its sender
//! ```
//!
//! Everything is sans-IO: no clock, no socket, no randomness, no executor of its own.
//!
#![doc = include_str!("../README.md")]

mod account;
mod actors;
mod address;
mod allow;
mod ask;
mod blob;
mod body;
#[cfg(feature = "tower")]
mod caller;
mod deadlines;
mod ended;
mod envelope;
mod error;
mod exchange;
mod inbox;
mod introductions;
mod limits;
mod local;
mod mailbox;
mod node_id;
mod outbox;
mod outgoing;
mod parcel;
mod peer;
mod proxy;
mod reply;
mod request;
mod run;
mod schema;
mod scope;
mod service;
mod shared;
mod slot;
mod sync;
mod table;
mod untyped;
mod written;

pub use actors::{Actors, Clock, MaySpeakWith, Surroundings};
pub use address::{Address, Route};
pub use allow::Allow;
pub use blob::Blob;
pub use body::{DecodeError, EncodeError, Format};
#[cfg(feature = "tower")]
pub use caller::Caller;
pub use ended::{Ended, Unreachable};
pub use error::{AskError, PeerFault, SendError, ServeError, ServiceError, Table};
pub use exchange::{Exchange, Former};
pub use inbox::{Ender, Inbox, Origin};
pub use limits::{ADDRESS_COST_BYTES, Limits, MESSAGE_COST_BYTES};
pub use node_id::{ActorId, NodeId, ServiceName};
pub use outbox::{Lane, Next, Small};
pub use outgoing::Outgoing;
pub use peer::Wakes;
pub use reply::ReplyTo;
pub use request::Request;
pub use schema::{Message, Payload, Schema};
pub use service::{ServiceInfo, ServiceOptions};
pub use untyped::Untyped;
