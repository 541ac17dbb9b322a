//! What can go wrong, and whose fault it is.

use crate::MessageId;

/// Why a header, a chunk or a piece was refused.
///
/// Three kinds: the **peer's fault** (a malformed header, or a chunk that cannot belong to its message), **no room**
/// ([`Error::is_no_room`]: a limit of ours, the same chunk may be accepted later), and the **caller's misuse**
/// (an [`Outline`](crate::Outline) or a [`Chunker`](crate::Chunker) asked for the impossible).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A chunk header ends before its last field. The peer's fault.
    #[error("the chunk header ends before its last field")]
    HeaderTruncated,
    /// A number in a chunk header is not minimal LEB128 or does not fit its field. The peer's fault.
    #[error("a number in the chunk header is not minimal LEB128 or does not fit its field")]
    HeaderNumber,
    /// A chunk header carries flags this version does not know. The peer's fault.
    #[error("the chunk header carries unknown flags {flags:#04x}")]
    HeaderFlags {
        /// The whole flags byte.
        flags: u8,
    },
    /// A chunk header spells a message of one chunk in the form of a message of several. The peer's fault.
    #[error("a message of {total_bytes} bytes is one chunk of {chunk_bytes}, and must be written as such")]
    HeaderForm {
        /// The announced length of the message.
        total_bytes: u64,
        /// The announced length of a chunk.
        chunk_bytes: u32,
    },
    /// The chunk size of a grid is zero or out of range. The fault of whoever made the grid.
    #[error("chunks of {chunk_bytes} bytes are not in the range 64 to 65536")]
    ChunkBytes {
        /// The chunk size asked for.
        chunk_bytes: u64,
    },
    /// A grid would have more chunks than a 32-bit index can count. The fault of whoever made the grid.
    #[error("a message of {total_bytes} bytes has too many chunks of {chunk_bytes}")]
    TooManyChunks {
        /// The length of the message.
        total_bytes: u64,
        /// The length of a chunk.
        chunk_bytes: u32,
    },
    /// A chunk's index lies outside its message's grid. The fault of whoever made the header.
    #[error("chunk {index} lies outside a message of {chunks} chunks")]
    IndexOutOfRange {
        /// The index.
        index: u32,
        /// How many chunks the message has.
        chunks: u32,
    },
    /// A message is longer than we accept. The peer's fault; nothing was opened.
    #[error("{message} of {total_bytes} bytes is longer than the {limit_bytes} bytes we accept")]
    MessageTooLarge {
        /// The message.
        message: MessageId,
        /// Its announced length.
        total_bytes: u64,
        /// Ours.
        limit_bytes: u64,
    },
    /// A chunk contradicts the outline its message was opened with. The peer's fault; the message is doomed.
    #[error("a chunk of {message} contradicts the outline the message was opened with")]
    OutlineConflict {
        /// The message.
        message: MessageId,
    },
    /// A payload's length is impossible for its place in the grid. The peer's fault; an open message is doomed.
    #[error(
        "chunk {index} of {message} has a payload of {payload_bytes} bytes where {chunk_bytes} are covered"
    )]
    PayloadLength {
        /// The message.
        message: MessageId,
        /// The chunk.
        index: u32,
        /// Length of the payload that came.
        payload_bytes: usize,
        /// Length of what the chunk covers.
        chunk_bytes: usize,
    },
    /// A payload is not one deflate stream of exactly the covered length. The peer's fault; an open message is doomed.
    #[error("chunk {index} of {message} does not inflate to what it covers: {flaw}")]
    Deflate {
        /// The message.
        message: MessageId,
        /// The chunk.
        index: u32,
        /// What is wrong with the stream.
        #[source]
        flaw: DeflateFlaw,
    },
    /// The peer has as many messages open as we allow. No room.
    #[error("{limit} messages of this peer are open already")]
    TooManyOpenMessages {
        /// Our limit.
        limit: usize,
    },
    /// Holding this would exceed what one peer may make us hold. No room.
    #[error("{needed_bytes} bytes more would exceed the peer's budget of {limit_bytes} bytes")]
    PeerBudget {
        /// What would have been needed.
        needed_bytes: usize,
        /// The budget.
        limit_bytes: usize,
    },
    /// Holding this would exceed what all peers together may make us hold. No room.
    #[error("{needed_bytes} bytes more would exceed the node's budget of {limit_bytes} bytes")]
    NodeBudget {
        /// What would have been needed.
        needed_bytes: usize,
        /// The budget.
        limit_bytes: usize,
    },
    /// More was supplied than the message is long. The caller's misuse; nothing was taken.
    #[error("{excess_bytes} bytes more were supplied than the message is long")]
    SupplyBeyondTotal {
        /// By how much.
        excess_bytes: u64,
    },
}

impl Error {
    /// Whether a limit of ours refused the chunk: nothing changed, and the same chunk may be accepted later.
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::TooManyOpenMessages { .. } | Self::PeerBudget { .. } | Self::NodeBudget { .. })
    }
}

/// What is wrong with a deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeflateFlaw {
    /// It is no deflate stream.
    #[error("broken stream")]
    Broken,
    /// It ends before its final block does.
    #[error("unfinished stream")]
    Unfinished,
    /// It gives fewer bytes than the chunk covers.
    #[error("too short")]
    TooShort,
    /// It gives more bytes than the chunk covers; inflating stopped one byte beyond.
    #[error("too long")]
    TooLong,
    /// Bytes follow the end of the stream.
    #[error("bytes after the end of the stream")]
    TrailingBytes,
}
