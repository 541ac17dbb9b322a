//! What can go wrong for a user of a node, and whether trying again may help.

use std::io;
use std::net::SocketAddr;

use actor_proxy::AskError;
use link::{CloseReason, Outcome, StopReason, StreamName};
use membership::{IdentityKey, MemberId};
use thiserror::Error;

pub use endpoint::{ConnectError, PossibleCause};

use crate::anonymous::AnonymousRefusal;
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

/// Why the directory did not change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// This node's list of members is written by hand: see [`Builder::directory`](crate::Builder::directory).
    #[error("this node's list of members is written by hand")]
    ByHand,
    /// The identity's own key is not at hand, and nothing can be signed.
    #[error("this node cannot sign: its identity is locked")]
    Locked,
    /// Nobody whose word counts here lets them in.
    #[error("{} is not a member", MemberId::of(.0))]
    NotAMember(IdentityKey),
    /// They have never told this node how they can be reached.
    #[error("{} has not told this node yet how to be reached", MemberId::of(.0))]
    Unannounced(IdentityKey),
    /// Kept out by a member whose word counts here.
    #[error("{} is kept out by {}", MemberId::of(member), MemberId::of(by))]
    Revoked {
        /// Who.
        member: IdentityKey,
        /// By whom.
        by: IdentityKey,
    },
    /// There is no revocation of this node's own to undo.
    #[error("{} is not kept out by this node", MemberId::of(.0))]
    NotRevokedByUs(IdentityKey),
    /// Two names for one, or this node itself.
    #[error("a member and itself, or this node itself")]
    SamePerson,
    /// The ticket is not any more what it was when somebody came by it.
    #[error("the ticket was used up, withdrawn or has expired meanwhile")]
    TicketChanged,
    /// It could not be made durable. Nothing has changed.
    #[error("what this node knows of its members could not be stored")]
    Store(#[source] io::Error),
    /// The statement or the ticket is not one that can be made.
    #[error(transparent)]
    Membership(#[from] membership::Error),
}

/// Why a ticket did not let this node in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// This node has issued it itself.
    #[error("this is a ticket of this node's own")]
    OwnTicket,
    /// It is for somebody else.
    #[error("the ticket is for somebody else")]
    NotForYou,
    /// By this machine's clock it has expired.
    #[error("the ticket has expired")]
    Expired,
    /// Its issuer is kept out by a member whose word counts here.
    #[error("the issuer of the ticket is revoked here")]
    Revoked,
    /// No session with its issuer. For [`ConnectError::NoAnswer`] the ticket may be used up, withdrawn or expired by
    /// its issuer's clock: a ticket that does not open is answered with silence.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session was lost before its issuer had let this node in. Perhaps it could not store that; the ticket is then
    /// as it was.
    #[error("the issuer of the ticket did not confirm that this node is in")]
    Unconfirmed,
    /// The session is there, and this node's directory could not keep it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Why there is no session with somebody unverified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnverifiedError {
    /// The card is this node's own.
    #[error("the card is this node's own")]
    Oneself,
    /// None of the addresses leads to the holder of the key.
    #[error("nobody with that key was reached at any address")]
    Unreachable,
    /// Silence: they do not know this node, perhaps.
    #[error("no answer in time")]
    NoAnswer,
    /// A failure of this machine.
    #[error("a failure of this machine")]
    Local,
}

/// Why a service was not opened to callers without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnonymousServeError {
    /// The node was given no door for them: see [`Builder::anonymous_door`](crate::Builder::anonymous_door).
    #[error("this node has no door for callers without a name")]
    NoDoor,
    /// There is one of that name already.
    #[error("there is a service of that name for callers without a name already")]
    NameTaken,
    /// The name is not one that a service can have.
    #[error("not a name of a service")]
    InvalidName,
}

/// Why a call without a name brought no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnonymousError {
    /// The address cannot be reached.
    #[error("the address cannot be reached")]
    Unreachable,
    /// Silence: another key or door, no place for another caller there, or none for any at all.
    #[error("no answer")]
    NoAnswer,
    /// The node there has refused the call, and says why.
    #[error("refused: {0}")]
    Refused(#[from] AnonymousRefusal),
    /// The name is not one that a service can have.
    #[error("not a name of a service")]
    InvalidName,
    /// The request is longer than any that may be sent. Nothing was sent.
    #[error("the request has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// The node there has closed the session.
    #[error("closed by the far side: {0}")]
    Closed(CloseReason),
    /// The session was lost. The service may have seen the request.
    #[error("the session was lost")]
    Lost,
    /// No reply in time. The service may have seen the request.
    #[error("no reply in time")]
    TimedOut,
    /// A failure of this machine.
    #[error("a failure of this machine")]
    Local,
}

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
