//! The control plane of one node: peers, dials, sessions and every deadline.

mod action;
mod cause;
mod config;
mod dial;
mod endpoint;
mod error;
mod id;
mod jitter;
mod now;
mod path;
mod peer;
mod proof;
mod seam;
mod session;
mod timers;

pub use action::{Action, Admission, Order};
pub use cause::{Cause, DialCause, EndCause, HandshakeCause, Noted, PathCause};
pub use config::*;
pub use endpoint::{Accepted, Endpoint, Urgency};
pub use error::{ConnectError, Error, PossibleCause};
pub use id::{AttemptId, PathId, PeerId, SessionId, Target, WaiterId};
pub use now::Now;
pub use path::PathFacts;
pub use proof::Proof;
pub use seam::*;
