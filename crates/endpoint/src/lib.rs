//! The control plane of one node: peers, dials, sessions and every deadline.
//!
#![doc = include_str!("../README.md")]

mod action;
mod answered;
mod cause;
mod config;
mod dial;
mod endpoint;
mod error;
mod guard;
mod id;
mod inbound;
mod jitter;
mod keys;
mod now;
mod outbound;
mod path;
mod peer;
mod proof;
mod repeat;
mod session;
mod step;
mod timers;

pub use action::{Action, Admission, Order};
pub use cause::{Cause, DialCause, EndCause, HandshakeCause, Noted, PathCause};
pub use config::*;
pub use endpoint::{Accepted, Admittance, Endpoint, Urgency};
pub use error::{ConnectError, Error, PossibleCause};
pub use guard::*;
pub use id::{AttemptId, PathId, PeerId, SessionId, Target, WaiterId};
pub use inbound::Inbound;
pub use keys::HandshakeKeys;
pub use link::CloseReason;
pub use now::Now;
pub use outbound::{MAX_CHALLENGES, Outbound, PUZZLE_CHUNK};
pub use path::PathFacts;
pub use proof::Proof;
pub use step::Step;
