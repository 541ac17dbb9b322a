//! What a reassembler says.

use bytes::Bytes;

use crate::MessageId;

/// What became of a chunk that was no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It was new.
    New,
    /// It had come before.
    Duplicate,
    /// Its message is over (complete, expired, abandoned, doomed) or so old that it can only be.
    Ended,
}

/// What happened to the messages of a peer.
///
/// The events of one message come in this order: `Started`, then `Piece` and `Progress` in any mixture, then exactly
/// one of `Complete`, `Expired` and `Doomed` (none if the caller abandons it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first chunk of a message was accepted.
    Started {
        /// The message.
        message: MessageId,
        /// Its length.
        total_bytes: u64,
    },
    /// The next bytes of a message, in order and without gap: `offset` is the sum of the pieces before.
    Piece {
        /// The message.
        message: MessageId,
        /// Where in the message the bytes start.
        offset: u64,
        /// The bytes; never empty. They may share memory with the payload they came in.
        bytes: Bytes,
    },
    /// How much of a message of several chunks has come, in any order. Only accepted chunks count.
    Progress {
        /// The message.
        message: MessageId,
        /// What has come, in bytes.
        received_bytes: u64,
        /// The message's length.
        total_bytes: u64,
    },
    /// All of a message was given out.
    Complete {
        /// The message.
        message: MessageId,
        /// Its length.
        total_bytes: u64,
    },
    /// The rest of a message did not come in time. What was held of it is gone.
    Expired {
        /// The message.
        message: MessageId,
        /// What had come, in bytes.
        received_bytes: u64,
        /// The message's length.
        total_bytes: u64,
    },
    /// A chunk contradicted the message; `accept` said how. What was held of it is gone.
    Doomed {
        /// The message.
        message: MessageId,
        /// What had come, in bytes.
        received_bytes: u64,
        /// The message's length.
        total_bytes: u64,
    },
}
