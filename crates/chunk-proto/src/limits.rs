//! What a peer may ask of us.

use std::time::Duration;

/// Longest message accepted unless configured otherwise, in bytes: 1 GiB.
pub const MAX_MESSAGE_BYTES: u64 = 1 << 30;
/// Messages of several chunks that one peer may have open at a time, unless configured otherwise.
pub const MAX_OPEN_MESSAGES: usize = 256;
/// What one peer may make us hold unless configured otherwise, in bytes: 8 MiB.
pub const PEER_BUDGET_BYTES: usize = 8 << 20;
/// What all peers of a node together may make it hold unless configured otherwise, in bytes: 256 MiB.
pub const NODE_BUDGET_BYTES: usize = 256 << 20;
/// What each peer may hold without drawing on the node's budget, in bytes: some thirty open messages.
pub const PEER_FLOOR_BYTES: usize = 16 << 10;
/// Part of a peer's budget set aside for work, in bytes: the decompressor and one decompressed chunk. Chunks out of
/// order cannot use it, so that the chunk which closes a gap is never refused for want of room.
pub const WORKING_BYTES: usize = 160 << 10;
/// How long an incomplete message lives after its last progress unless configured otherwise.
pub const EXPIRY: Duration = Duration::from_secs(60);
/// Pace that an incomplete message must keep on average unless configured otherwise, in bytes per second.
pub const MIN_BYTES_PER_SECOND: u64 = 1024;

/// What a [`Reassembler`](crate::Reassembler) accepts from its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes.
    pub max_message_bytes: u64,
    /// Messages of several chunks open at a time.
    pub max_open_messages: usize,
    /// Everything held for the peer, in bytes: chunks out of order, records of open messages, and
    /// [`WORKING_BYTES`] set aside.
    pub peer_bytes: usize,
    /// An incomplete message expires this long after its last progress.
    pub expiry: Duration,
    /// An incomplete message expires also when this long plus `expiry` ago it should have had all that it has, at
    /// this many bytes per second: a peer that trickles cannot keep it open for ever. 0 switches the rule off.
    pub min_bytes_per_second: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: MAX_MESSAGE_BYTES,
            max_open_messages: MAX_OPEN_MESSAGES,
            peer_bytes: PEER_BUDGET_BYTES,
            expiry: EXPIRY,
            min_bytes_per_second: MIN_BYTES_PER_SECOND,
        }
    }
}
