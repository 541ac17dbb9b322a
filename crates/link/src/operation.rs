//! Operations whose outcome comes later, and their outcomes.

use crate::error::StopReason;

/// Names one operation of a [`Tx`](crate::Tx) until its outcome was taken from
/// [`Tx::poll_event`](crate::Tx::poll_event). Never reused within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(crate) u64);

/// How an operation ended. Each operation has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The message was accepted under flow control and will be sent.
    Accepted,
    /// The message is in the far side's queue (only for messages sent with `confirm`).
    Confirmed,
    /// The far side refuses the stream.
    Stopped {
        /// Why.
        reason: StopReason,
        /// Whether the message may have been delivered before.
        maybe_delivered: bool,
    },
    /// The session ended before the outcome was known.
    Lost {
        /// Whether a part of the message had left. If not, sending it again is safe.
        maybe_delivered: bool,
    },
}

/// What a [`Tx`](crate::Tx) has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxEvent {
    /// An operation ended.
    Done {
        /// The operation.
        operation: OperationId,
        /// Its outcome.
        outcome: Outcome,
    },
    /// A message that is supplied in pieces has room for more.
    Hungry {
        /// The operation.
        operation: OperationId,
    },
    /// The peer answered a ping.
    Pong {
        /// The number that [`Tx::ping`](crate::Tx::ping) was given.
        number: u64,
    },
}
