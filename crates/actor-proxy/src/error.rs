//! What can go wrong, and whether trying again is safe.

use thiserror::Error;

use crate::body::{DecodeError, EncodeError};
use crate::ended::{Ended, Unreachable};
use crate::limits::MAX_ADDRESSES;
use crate::scope::WriteError;

/// Why a message was not sent, or is not known to have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The actor is gone. Nothing was sent, unless the far side said so after it came.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// No room at the moment: only `try_send` says this. Nothing was sent.
    #[error("no room at the moment")]
    Full,
    /// The message cannot be written. Nothing was sent.
    #[error("the message cannot be written")]
    Encode(#[from] EncodeError),
    /// More addresses in one message than it may carry. Nothing was sent.
    #[error("more than {limit} addresses in one message")]
    TooManyAddresses {
        /// The limit.
        limit: usize,
    },
    /// The peer holds as many addresses, or is asked as many questions, as this node allows. Nothing was sent.
    #[error("the table of {what} is full at {limit}")]
    TableFull {
        /// Which.
        what: Table,
        /// The limit.
        limit: usize,
    },
    /// Too many messages wait already, for that peer or for that mailbox of this node. Nothing was sent.
    #[error("{limit} messages wait already")]
    TooManyWaiting {
        /// The limit.
        limit: usize,
    },
    /// There is no session with the actor's node, and none could be made. Nothing was sent.
    #[error("no session with the actor's node")]
    Unreachable(#[source] Unreachable),
    /// This node may not use the service. It was not taken.
    #[error("not allowed")]
    NotAllowed,
    /// The actor's service wants no introducer in between, and there is no direct way. Nothing was sent.
    #[error("the service may only be spoken with directly, and there is no direct way")]
    NoRoute,
    /// A one-time address in the message was used already. Nothing was sent.
    #[error("a one-time address was used already")]
    ReplyUsed,
    /// The session ended before the outcome was known.
    #[error("the session was lost; {}", if *.maybe_delivered { "the message may have arrived" } else { "nothing had left" })]
    Lost {
        /// Whether it may have arrived. If not, sending it again is safe.
        maybe_delivered: bool,
    },
    /// The far side has no room for it.
    #[error("the far side has no room")]
    NoRoom,
    /// The far side could not read it.
    #[error("the far side could not read the message")]
    Malformed,
}

impl From<WriteError> for SendError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Encode(error) => Self::Encode(error),
            WriteError::TooManyAddresses => Self::TooManyAddresses { limit: MAX_ADDRESSES },
        }
    }
}

impl SendError {
    /// Whether sending the same again may succeed without anybody changing anything. It may then arrive twice if it
    /// was [`Lost`](Self::Lost) with `maybe_delivered`.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full
            | Self::TooManyWaiting { .. }
            | Self::TableFull { .. }
            | Self::Lost { .. }
            | Self::NoRoom => true,
            Self::Ended(ended) => ended.is_retryable(),
            Self::Unreachable(unreachable) => unreachable.is_retryable(),
            _ => false,
        }
    }
}

/// A table that can be full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Table {
    /// Actors of this node that the peer holds addresses of.
    Exports,
    /// Addresses of the peer's actors.
    Imports,
    /// Open questions.
    Asks,
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Exports => "actors known to the peer",
            Self::Imports => "actors of the peer",
            Self::Asks => "open questions",
        })
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AskError {
    /// It was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The deadline passed. The actor may have seen it, and may still act on it.
    #[error("no answer in time")]
    TimedOut,
    /// Whoever had to answer let go of the question.
    #[error("the question was dropped without an answer")]
    NoReply,
    /// The actor ended before it took the question.
    #[error(transparent)]
    Ended(Ended),
    /// The session ended before the answer came.
    #[error("the session was lost; {}", if *.maybe_delivered { "the question may have arrived" } else { "nothing had left" })]
    Lost {
        /// Whether the actor may have seen the question. If not, asking again is safe.
        maybe_delivered: bool,
    },
    /// This node may not use the service.
    #[error("not allowed")]
    NotAllowed,
    /// The far side could not read the question.
    #[error("the far side could not read the question")]
    Malformed,
    /// The answer is not of the type that was asked for.
    #[error("the answer cannot be read")]
    BadReply(#[source] DecodeError),
    /// The answer cannot be written, or is larger than this node takes.
    #[error("the far side could not send its answer")]
    ReplyFailed,
    /// The far side has no room for the question or its answer.
    #[error("the far side has no room")]
    NoRoom,
}

impl AskError {
    /// Whether asking again may succeed. The actor may then see the question twice if [`maybe_delivered`](Self::maybe_delivered).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Send(error) => error.is_retryable(),
            Self::TimedOut | Self::Lost { .. } | Self::NoRoom => true,
            Self::Ended(ended) => ended.is_retryable(),
            _ => false,
        }
    }

    /// Whether the actor may have seen the question.
    #[must_use]
    pub fn maybe_delivered(&self) -> bool {
        !matches!(
            self,
            Self::Send(_) | Self::Ended(_) | Self::NotAllowed | Self::Lost { maybe_delivered: false }
        )
    }
}

/// Why there is no address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// That is no name of a service.
    #[error("a service's name has 1 to 64 bytes and no control characters")]
    BadName,
    /// The node offers nothing of that name.
    #[error("there is no such service")]
    NoSuchService,
    /// The service is there, and not for this node.
    #[error("not allowed")]
    NotAllowed,
    /// The service speaks of something else.
    #[error("the service speaks {found:?}, not {expected:?}")]
    WrongSchema {
        /// What was asked for.
        expected: String,
        /// What the service speaks.
        found: String,
    },
    /// Its messages do not describe themselves: only a program with their Rust type can speak with it.
    #[error("the service's messages do not describe themselves")]
    NotSelfDescribing,
    /// The question about it had no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Why a service is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// That is no name of a service.
    #[error("a service's name has 1 to 64 bytes and no control characters")]
    BadName,
    /// There is one of that name.
    #[error("there is a service of that name already")]
    NameTaken,
    /// The node shuts down.
    #[error("the node shuts down")]
    Shutdown,
}

/// How an authenticated peer broke the protocol: its session is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// An envelope that is cut off or of an unknown kind.
    #[error("malformed envelope")]
    Malformed,
    /// More bytes to a mailbox than were granted.
    #[error("more bytes to a mailbox than were granted")]
    CreditExceeded,
    /// It does not read the news that it is told.
    #[error("news are not read")]
    Unread,
}
