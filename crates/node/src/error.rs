//! What can go wrong for a user of a node, and whether trying again may help.

use std::io;
use std::net::SocketAddr;

use actor_proxy::AskError;
use link::{Outcome, StopReason, StreamName};
use thiserror::Error;

pub use endpoint::{ConnectError, PossibleCause};

use crate::store::StoreError;

/// Why a node could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Misuse: the builder was given no device.
    #[error("a node needs a device")]
    NoDevice,
    /// Misuse: the builder was given no door.
    #[error("a node needs a door")]
    NoDoor,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system has no randomness to give.
    #[error("the operating system has no randomness to give")]
    Randomness(#[source] io::Error),
    /// What the store holds cannot be read.
    #[error("the store cannot be read")]
    Store(#[source] StoreError),
}

/// Why a key and a record do not make a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the record is not about this device's key")]
pub struct DeviceMismatch;

/// Why there is no receiver.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("somebody receives under {name:?} already")]
pub struct StreamTaken {
    /// The name.
    pub name: StreamName,
}

/// Why a message was not sent, or not known to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session with the receiver. Nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The message is larger than this node, or the announced total, allows. Nothing was sent.
    #[error("the message has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },
    /// No room at the moment: only [`Sender::try_send`](crate::Sender::try_send) says this. Nothing was sent.
    #[error("no room at the moment")]
    Full,
    /// Too much of this node's own waits for the same session already. Nothing was sent.
    #[error("too much waits already")]
    TooManyWaiting,
    /// This node has too many streams open to the peer. Nothing was sent.
    #[error("{limit} streams are open already")]
    TooManyStreams {
        /// The limit in force.
        limit: usize,
    },
    /// The far side does not take messages under this name.
    #[error("the far side refuses: {reason}")]
    Refused {
        /// Why.
        reason: StopReason,
        /// Whether the message may have been taken before the refusal.
        maybe_delivered: bool,
    },
    /// The session ended before the outcome was known.
    #[error("the session was lost; {}", if *.maybe_delivered { "the message may have arrived" } else { "nothing had left" })]
    Lost {
        /// Whether a part of the message had left. If not, sending it again is safe.
        maybe_delivered: bool,
    },
    /// A message in pieces was finished before all of it was written.
    #[error("{missing_bytes} announced bytes were not written")]
    Incomplete {
        /// How many bytes are missing.
        missing_bytes: u64,
    },
}

impl SendError {
    /// Whether sending the same again may succeed without anybody changing a configuration. It may then arrive twice
    /// if [`maybe_delivered`](Self::maybe_delivered).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retryable(),
            Self::Full | Self::TooManyWaiting | Self::TooManyStreams { .. } | Self::Lost { .. } => true,
            Self::Refused { reason, .. } => matches!(reason, StopReason::NoReceiver | StopReason::Ended),
            Self::TooLarge { .. } | Self::Incomplete { .. } => false,
        }
    }

    /// Whether the message may have arrived all the same.
    #[must_use]
    pub fn maybe_delivered(&self) -> bool {
        matches!(self, Self::Lost { maybe_delivered: true } | Self::Refused { maybe_delivered: true, .. })
    }

    /// What the outcome of an operation means to the one who waited for it.
    pub(crate) fn of_outcome(outcome: Outcome) -> Result<(), Self> {
        match outcome {
            Outcome::Accepted | Outcome::Confirmed => Ok(()),
            Outcome::Stopped { reason, maybe_delivered } => Err(Self::Refused { reason, maybe_delivered }),
            Outcome::Lost { maybe_delivered } => Err(Self::Lost { maybe_delivered }),
            // Nothing that is not known to be good is good.
            _ => Err(Self::Lost { maybe_delivered: true }),
        }
    }
}

/// Why there is no address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no session with the member.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The member's node has no such service for this node, or did not answer.
    #[error(transparent)]
    Service(#[from] actor_proxy::ServiceError),
}

impl ServiceError {
    /// Whether asking again may succeed without anybody changing a configuration.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retryable(),
            Self::Service(actor_proxy::ServiceError::Ask(error)) => error.is_retryable(),
            Self::Service(_) => false,
        }
    }
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no session with the member. Nothing was asked.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The member has no such service for this node, or not one that can be called without its type. Nothing was asked.
    #[error(transparent)]
    Service(actor_proxy::ServiceError),
    /// The service did not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl CallError {
    /// Whether calling again may succeed without anybody changing a configuration. The service may then see the question
    /// twice if [`maybe_delivered`](Self::maybe_delivered).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retryable(),
            Self::Service(actor_proxy::ServiceError::Ask(error)) | Self::Ask(error) => error.is_retryable(),
            Self::Service(_) => false,
        }
    }

    /// Whether the service may have seen the question.
    #[must_use]
    pub fn maybe_delivered(&self) -> bool {
        matches!(self, Self::Ask(error) if error.maybe_delivered())
    }
}

impl From<ServiceError> for CallError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Connect(error) => Self::Connect(error),
            ServiceError::Service(error) => Self::Service(error),
        }
    }
}

/// Why the rest of a message will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The session was lost while it was under way.
    #[error("the session was lost while the message was under way")]
    Lost,
    /// Its sender gave it up, or this node had no room for it.
    #[error("the message was given up while it was under way")]
    Aborted,
    /// It is larger than the caller allows. Nothing of it was taken.
    #[error("the message has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The caller's limit.
        limit: u64,
    },
}

/// Why a ping has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PingError {
    /// There is no session with the peer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session was lost before the answer came.
    #[error("the session was lost")]
    Lost,
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
}
