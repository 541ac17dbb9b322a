//! What can go wrong in the data plane, by whose fault.

use thiserror::Error;

/// Why [`Rx::handle_packet`](crate::Rx::handle_packet) failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The packet did not open: forged, damaged, repeated or too old. Nothing changed. On a reliable path
    /// this ends the path; on others it is ignored.
    #[error("a packet did not open")]
    Rejected,
    /// The packet opened, and what is in it breaks the protocol. The session must be closed with
    /// [`CloseReason::Protocol`].
    #[error("the peer breaks the protocol: {0}")]
    Peer(#[from] PeerFault),
    /// The session is closed.
    #[error("the session is closed")]
    Closed,
}

/// How an authenticated peer broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// A record that is cut off, unknown, or not minimal.
    #[error("malformed record")]
    MalformedRecord,
    /// More bytes than were granted.
    #[error("more bytes than granted")]
    CreditExceeded,
    /// A stream that was not opened, was opened twice, or has ended.
    #[error("a stream out of turn")]
    UnknownStream,
    /// More streams than allowed.
    #[error("more streams than allowed")]
    TooManyStreams,
    /// A message number that was used before in its stream, or a message larger than allowed.
    #[error("a message out of turn")]
    BadMessage,
    /// Chunks that contradict each other or do not decompress.
    #[error("bad chunk: {0}")]
    BadChunk(#[source] chunk_proto::Error),
    /// A rekey message out of turn.
    #[error("rekey out of turn")]
    BadRekey,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is larger than the limit.
    #[error("the message has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Size of the message.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },
    /// Too many messages wait already.
    #[error("{limit} messages wait already")]
    TooManyWaiting {
        /// The limit in force.
        limit: usize,
    },
    /// Too many streams are open.
    #[error("{limit} streams are open already")]
    TooManyStreams {
        /// The limit in force.
        limit: usize,
    },
    /// The far side refuses the stream.
    #[error("the far side refuses the stream: {0}")]
    Stopped(StopReason),
    /// The stream was ended or never opened here.
    #[error("the stream is not open")]
    NoSuchStream,
    /// The session is closed.
    #[error("the session is closed")]
    Closed,
}

/// Why [`Tx::try_send`](crate::Tx::try_send) did not take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError {
    /// Not now: no credit, or others wait before it. [`Tx::enqueue`](crate::Tx::enqueue) waits in line.
    #[error("no room at the moment")]
    Full,
    /// Not at all.
    #[error(transparent)]
    Refused(#[from] SendError),
}

/// Why a receiver refuses a stream. On the wire: PROTOCOL.md §8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StopReason {
    /// Nobody receives messages under this name.
    #[error("nobody receives there")]
    NoReceiver,
    /// The receiver was there and has ended.
    #[error("the receiver has ended")]
    Ended,
    /// The peer may not send there.
    #[error("not allowed")]
    NotAllowed,
    /// The receiver has no memory left for large messages.
    #[error("no room for large messages")]
    NoRoom,
    /// A reason that this version does not know.
    #[error("reason {0}")]
    Other(u8),
}

impl StopReason {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::NoReceiver => 1,
            Self::Ended => 2,
            Self::NotAllowed => 3,
            Self::NoRoom => 4,
            Self::Other(code) => code,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::NoReceiver,
            2 => Self::Ended,
            3 => Self::NotAllowed,
            4 => Self::NoRoom,
            other => Self::Other(other),
        }
    }
}

/// Why a session was closed, told to the peer inside the session. On the wire: PROTOCOL.md §8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Nobody used the session for a while.
    #[error("idle")]
    Idle,
    /// The node shuts down.
    #[error("shutting down")]
    Shutdown,
    /// Another session with the same peer took its place.
    #[error("superseded by another session")]
    Superseded,
    /// The peer is no longer a member here.
    #[error("no longer a member")]
    Removed,
    /// The peer broke the protocol.
    #[error("protocol violation")]
    Protocol,
    /// The application asked for it.
    #[error("closed by the application")]
    Application,
    /// A reason that this version does not know.
    #[error("reason {0}")]
    Other(u16),
}

impl CloseReason {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Idle => 1,
            Self::Shutdown => 2,
            Self::Superseded => 3,
            Self::Removed => 4,
            Self::Protocol => 5,
            Self::Application => 6,
            Self::Other(code) => code,
        }
    }

    pub(crate) fn from_code(code: u16) -> Self {
        match code {
            1 => Self::Idle,
            2 => Self::Shutdown,
            3 => Self::Superseded,
            4 => Self::Removed,
            5 => Self::Protocol,
            6 => Self::Application,
            other => Self::Other(other),
        }
    }
}
