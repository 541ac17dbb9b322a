//! What a connection is given, and for how long (PROTOCOL §14.7).

use std::time::Duration;

/// From the beginning of a connection to its confirmation, whatever comes between.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a T in either direction, at the responder: it decides when an idle connection ends.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// And at the initiator, in case the responder is gone.
pub const INITIATOR_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// For the far end's CLOSE.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Kind and body of a packet while the far end has not shown that it is there now.
pub const MAX_UNPROVEN_PACKET_BYTES: usize = 2_048;
/// Kind and body of a packet after that.
pub const MAX_PACKET_BYTES: usize = 65_536;
/// What the layer above may say in I, K and A.
pub const MAX_EARLY_BYTES: usize = 1_024;
/// A message: what a T has room for.
pub const MAX_MESSAGE_BYTES: usize = 65_518;
/// The shortest and the longest token of a ticket.
pub const MIN_TOKEN_BYTES: usize = 16;
/// See [`MIN_TOKEN_BYTES`].
pub const MAX_TOKEN_BYTES: usize = 64;
/// T packets of one direction.
pub const MAX_SENT_PACKETS: u64 = 1 << 32;
/// Packets that were sealed and not yet taken.
pub const MAX_UNSENT_PACKETS: usize = 64;

/// What one connection keeps to. Every field has a default and can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// [`HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// [`INITIATOR_IDLE_TIMEOUT`].
    pub initiator_idle_timeout: Duration,
    /// [`CLOSE_TIMEOUT`].
    pub close_timeout: Duration,
    /// The longest message that is taken, [`MAX_MESSAGE_BYTES`] at the most. A responder's
    /// [`Admission`](super::Admission) can say less.
    pub max_received_bytes: usize,
    /// And the longest that is sent.
    pub max_sent_bytes: usize,
    /// [`MAX_SENT_PACKETS`].
    pub max_sent_packets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: HANDSHAKE_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            initiator_idle_timeout: INITIATOR_IDLE_TIMEOUT,
            close_timeout: CLOSE_TIMEOUT,
            max_received_bytes: MAX_MESSAGE_BYTES,
            max_sent_bytes: MAX_MESSAGE_BYTES,
            max_sent_packets: MAX_SENT_PACKETS,
        }
    }
}
