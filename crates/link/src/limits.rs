//! What one side is ready to keep for the other, and what a packet may hold.

use std::sync::Arc;
use std::time::Duration;

/// The largest body of a packet: what one frame carries without moving more than its first 252 bytes
/// (PROTOCOL.md §2).
pub(crate) const DEFAULT_MAX_PACKET_BYTES: usize = 64_259;

/// The smallest packet a path may be limited to: a record of control always fits.
pub(crate) const MIN_PACKET_BYTES: usize = 1_200;

/// Streams that one side may have open towards the other.
pub(crate) const DEFAULT_MAX_STREAMS: usize = 1_024;

/// Limits of one session, for both directions of this side. Every field has a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of unconsumed messages, over all streams, that this side keeps for the peer. 6 MiB.
    pub session_window_bytes: u64,
    /// Bytes of unconsumed messages of one stream that this side keeps for the peer. 4 MiB.
    pub stream_window_bytes: u64,
    /// Streams that the peer may have open towards this side. 1,024.
    pub max_streams: usize,
    /// The largest message in either direction. 1 GiB.
    pub max_message_bytes: u64,
    /// The size on which large messages are cut. Its default was chosen by measurement (`chunk-proto`).
    pub chunk_bytes: u32,
    /// The largest packet, header and tag included. 64,259 bytes.
    pub max_packet_bytes: usize,
    /// Bytes that the carrier wants free in front of each packet in its buffer, for its framing.
    pub headroom_bytes: usize,
    /// Bytes that the carrier wants free behind each packet.
    pub tailroom_bytes: usize,
    /// Full packets of small messages that may wait for the carrier before senders wait. 8.
    pub max_ready_packets: usize,
    /// Messages that may wait for credit, over all streams. 65,536.
    pub max_waiting: usize,
    /// How long the keys of a session serve before fresh ones are agreed on. An hour.
    pub rekey_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_window_bytes: 6 << 20,
            stream_window_bytes: 4 << 20,
            max_streams: DEFAULT_MAX_STREAMS,
            max_message_bytes: 1 << 30,
            chunk_bytes: chunk_proto::DEFAULT_CHUNK_BYTES,
            max_packet_bytes: DEFAULT_MAX_PACKET_BYTES,
            headroom_bytes: 0,
            tailroom_bytes: 0,
            max_ready_packets: 8,
            max_waiting: 65_536,
            rekey_after: secure_channel::REKEY_AFTER,
        }
    }
}

impl Limits {
    /// What the reassembler of a session may hold. The windows bound it already; here it is bounded for
    /// messages whose chunks do not come in order. Nothing expires: credit decides how fast a message comes, one
    /// that waits for its reader must not be given up, and those of a peer that went silent end with the session.
    pub(crate) fn reassembly(&self) -> chunk_proto::Limits {
        chunk_proto::Limits {
            max_message_bytes: self.max_message_bytes,
            max_open_messages: self.max_streams,
            expiry: Duration::MAX,
            min_bytes_per_second: 0,
            ..chunk_proto::Limits::default()
        }
    }

    /// As [`sanitized`](Self::sanitized), and shared with others where nothing had to be changed.
    pub(crate) fn shared(limits: impl Into<Arc<Self>>) -> Arc<Self> {
        let limits = limits.into();
        let sanitized = limits.sanitized();
        if *limits == sanitized { limits } else { Arc::new(sanitized) }
    }

    /// These limits with every field brought into the range in which a session can make progress: a
    /// window holds at least two chunks, a chunk with its header fits into a packet.
    #[must_use]
    pub fn sanitized(mut self) -> Self {
        self.max_packet_bytes = self.max_packet_bytes.clamp(MIN_PACKET_BYTES, DEFAULT_MAX_PACKET_BYTES);
        let largest = crate::packet::largest_chunk_bytes(self.max_packet_bytes);
        let largest = u32::try_from(largest).unwrap_or(u32::MAX);
        self.chunk_bytes = self.chunk_bytes.clamp(chunk_proto::MIN_CHUNK_BYTES, largest);
        let floor = 2 * (u64::from(self.chunk_bytes) + crate::credit::MESSAGE_COST_BYTES);
        self.stream_window_bytes = self.stream_window_bytes.max(floor);
        self.session_window_bytes = self.session_window_bytes.max(self.stream_window_bytes);
        self.max_ready_packets = self.max_ready_packets.max(1);
        self.max_streams = self.max_streams.max(1);
        self
    }
}

/// What the peer announced in its handshake: how much this side may send before it hears of credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerLimits {
    /// Bytes, over all streams.
    pub session_window_bytes: u64,
    /// Bytes, per stream.
    pub stream_window_bytes: u64,
}
