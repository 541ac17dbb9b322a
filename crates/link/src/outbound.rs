//! One stream as its sender sees it.

use std::collections::VecDeque;

use bytes::Bytes;
use chunk_proto::{Chunker, MessageId};

use crate::credit::Allowance;
use crate::error::{SendError, StopReason};
use crate::operation::OperationId;
use crate::stream::{StreamName, StreamOptions};

/// A stream towards the peer.
#[derive(Debug)]
pub(crate) struct OutStream {
    pub(crate) name: StreamName,
    pub(crate) options: StreamOptions,
    pub(crate) allowance: Allowance,
    /// The number of the next message that begins to leave.
    pub(crate) next_number: u64,
    /// Messages that wait for their turn, room or credit, in order.
    pub(crate) queue: VecDeque<Waiting>,
    /// Messages that left and whose delivery somebody wants to know, in order.
    pub(crate) unacked: VecDeque<Unacked>,
    pub(crate) stopped: Option<StopReason>,
    pub(crate) place: Place,
    /// No further messages; the stream ends when the queue is empty.
    pub(crate) ending: bool,
    /// The end was sent.
    pub(crate) ended: bool,
}

/// Where a stream with a non-empty queue waits. A stream waits in exactly one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing to send.
    Idle,
    /// In the rotation: a chunk can go.
    Rotation,
    /// In the line for room or session credit.
    Parked,
    /// Its own credit is used up.
    NoCredit,
    /// The message in front waits for its next piece.
    Hungry,
}

/// A message that has not left, or not wholly.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Nobody waits for the outcome of a message without an operation.
    pub(crate) operation: Option<OperationId>,
    pub(crate) confirm: bool,
    pub(crate) content: Content,
}

/// What is left of a message to send.
#[derive(Debug)]
pub(crate) enum Content {
    /// Goes into a packet as a whole.
    Whole(Bytes),
    /// Goes chunk by chunk. `begun` once its first chunk has left.
    Chunked {
        chunker: Box<Chunker>,
        /// The number in the stream and the id for the chunks.
        begun: Option<(u64, MessageId)>,
    },
}

/// A message whose delivery was not acknowledged yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unacked {
    pub(crate) number: u64,
    pub(crate) operation: OperationId,
}

impl OutStream {
    pub(crate) fn new(name: StreamName, options: StreamOptions, window: u64) -> Self {
        Self {
            name,
            options,
            allowance: Allowance::new(window),
            next_number: 0,
            queue: VecDeque::new(),
            unacked: VecDeque::new(),
            stopped: None,
            place: Place::Idle,
            ending: false,
            ended: false,
        }
    }

    /// Whether messages may still go there.
    pub(crate) fn check_usable(&self) -> Result<(), SendError> {
        match self.stopped {
            Some(reason) => Err(SendError::Stopped(reason)),
            None if self.ending => Err(SendError::NoSuchStream),
            None => Ok(()),
        }
    }

    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Where in the queue an operation waits. Operations stand in the order of their ids, except that
    /// those without an id may stand between them.
    pub(crate) fn position(&self, operation: OperationId) -> Option<usize> {
        self.queue.iter().position(|waiting| waiting.operation == Some(operation))
    }

    /// Takes the operations whose messages all arrived below `next`.
    pub(crate) fn acknowledge(&mut self, next: u64) -> Vec<OperationId> {
        let count = self.unacked.partition_point(|unacked| unacked.number < next);
        self.unacked.drain(..count).map(|unacked| unacked.operation).collect()
    }
}

impl Waiting {
    /// Whether a part of the message has left.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(self.content, Content::Chunked { begun: Some(_), .. })
    }
}
