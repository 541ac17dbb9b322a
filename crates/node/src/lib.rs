//! A node of a conclave: sockets, tasks and clocks around the protocol crates.

mod accept;
mod actors;
mod anonymous;
mod body;
mod builder;
mod call;
mod carrier;
mod census;
mod clock;
mod control;
mod core;
mod counter;
mod device;
mod dial;
mod directory;
mod echo;
mod error;
mod establish;
mod events;
mod frames;
mod gate;
mod greeting;
mod inbox;
mod lanes;
mod limits;
mod lone;
mod machine;
mod mailbox;
pub mod mychips;
mod node;
mod outgoing;
mod pool;
mod randomness;
mod receivers;
mod recorder;
mod sender;
mod serving;
mod session;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod stalk;
pub mod store;
mod sync;
mod timers;
mod transport;
mod unverified;
mod watch;
mod welcome;

pub use anonymous::{AnonymousContact, AnonymousLimits, AnonymousRefusal, AnonymousReport, AnonymousSession};
pub use body::Body;
pub use builder::Builder;
pub use carrier::memory::{MemoryListener, MemoryNetwork, MemoryStream, Recording, Wire};
pub use census::Census;
pub use counter::Counter;
pub use device::Device;
pub use directory::{DirectoryConfig, Invitation, Keep, Kept, STATEMENT_SECONDS};
pub use echo::Echo;
pub use error::{
    AnonymousError, AnonymousServeError, BodyError, CallError, ConnectError, DeviceMismatch, DirectoryError,
    JoinError, PingError, PossibleCause, SendError, ServiceError, StartError, StreamTaken, UnverifiedError,
};
pub use events::{Event, Events};
pub use limits::Limits;
pub use lone::LoneEnd;
pub use node::{Node, SessionInfo};
pub use outgoing::Outgoing;
pub use receivers::{Incoming, Receiver, Run, SmallMessages};
pub use recorder::Explained;
pub use sender::Sender;
pub use unverified::Unverified;
pub use watch::Penalty;

// What stands in this crate's signatures.
pub use actor_proxy::{
    Address, Allow, AskError, Blob, Ended, Format, Inbox, Message, NodeId, Origin, Payload, ReplyTo, Request,
    Route, Schema, SendError as ActorSendError, ServeError, ServiceError as LookupError, ServiceInfo,
    ServiceName, ServiceOptions, Unreachable, Untyped,
};
pub use chunk_proto::{Compression, Secrecy};
pub use endpoint::{
    Cause, DialCause, EndCause, GuardReport, HandshakeCause, Level, Noted, PathCause, PeerId, Rate, Refused,
};
pub use link::{CloseReason, Priority, StopReason, StreamName, StreamOptions};
pub use membership::{
    Added, Card, DeviceKey, Door, Identity, IdentityKey, Member, Members, NetAddress, Policy, Record,
    Standing, Ticket,
};
pub use serde_json::Value as JsonValue;
pub use x3dh_handshake::{BootId, Role, Suite};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
