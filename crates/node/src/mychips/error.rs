//! What can go wrong with a connection of the profile.

use std::io;

use membership::{IdentityKey, MemberId};
use thiserror::Error;
use x3dh_handshake::mychips::End;

/// Why there is no connection with an agent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The node does not speak the profile: see [`Builder::mychips`](crate::Builder::mychips).
    #[error("this node does not speak the MyCHIPs profile")]
    Off,
    /// Misuse: the agent is not a member, and there is no ticket of it.
    #[error("{} is not a member", MemberId::of(.0))]
    NotAMember(IdentityKey),
    /// Misuse: the call is not one that can be made.
    #[error(transparent)]
    Call(#[from] x3dh_handshake::Error),
    /// The counter of this agent's calls could not be stored.
    #[error("the counter of calls could not be stored")]
    Counter(#[source] io::Error),
    /// Nobody listens there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// Silence: the agent does not know this one, or the ticket does not open, or somebody else is there.
    #[error("no answer in time, or one that does not prove the key")]
    NoAnswer,
    /// The node shuts down.
    #[error("the node shuts down")]
    ShuttingDown,
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is longer than what is sent to this agent.
    #[error("a message of more than {limit} bytes")]
    TooLong {
        /// How long it may be.
        limit: usize,
    },
    /// The connection has ended. Whether the far end has the message is not known if it ended while it was sent.
    #[error("the connection has ended")]
    Ended,
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection has ended: {0:?}")]
pub struct Ended(pub End);
