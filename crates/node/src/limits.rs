//! What a node is ready to spend, on whom, for how long.

use std::time::Duration;

use endpoint::{GuardConfig, Rate};

use crate::frames;

/// Limits and deadlines of a node. Every field has a default and can be set:
///
/// ```
/// let mut limits = node::Limits::default();
/// limits.idle_close = std::time::Duration::from_secs(60);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a [call without a name](crate::Node::call_anonymously) waits for its reply, once there is a session. 30 s.
    pub anonymous_call_timeout: Duration,
    /// From the opening of a connection to the end of its handshake, whatever happens between. 10 s.
    pub handshake_timeout: Duration,
    /// A session that nobody uses for so long is closed by the side that was dialed. 20 s.
    pub idle_close: Duration,
    /// And by the side that dialed. 25 s.
    pub idle_close_initiator: Duration,
    /// A peer that owes an answer and from which nothing was heard for so long is given up. It is asked for a sign of
    /// life at half of it. 15 s.
    pub silence_timeout: Duration,
    /// How long a ping waits for its answer, once there is a session. 10 s.
    pub ping_timeout: Duration,
    /// How long [`Node::shutdown`](crate::Node::shutdown) waits for messages that were accepted to leave. 5 s.
    pub flush_timeout: Duration,
    /// Connections whose peer has not finished its handshake. When there are so many, the one that waits longest makes
    /// room for the next. 512.
    pub max_strangers: usize,
    /// The same, for one address. 32.
    pub max_strangers_per_source: usize,
    /// Connections that one host may open: an IPv4 address, or an IPv6 /64 network. 256 a second, 1,024 at once.
    pub host_rate: Rate,
    /// The same, for the network around it: an IPv4 /24, or an IPv6 /48. 1,024 a second, 4,096 at once.
    pub network_rate: Rate,
    /// Handshakes of one member that are answered. 8 a second, 64 at once.
    pub member_rate: Rate,
    /// What the handshakes of others may take of one core. What goes beyond it waits. 50 %.
    pub handshake_budget_percent: u32,
    /// Sessions that a member has opened and not yet confirmed. 256.
    pub max_unconfirmed_sessions: usize,
    /// The largest message, in either direction. 1 GiB.
    pub max_message_bytes: u64,
    /// Messages of one session that were received and not taken, in bytes. 6 MiB.
    pub session_window_bytes: u64,
    /// The same, for each stream. 4 MiB.
    pub stream_window_bytes: u64,
    /// Streams that a peer may open. 1,024.
    pub max_streams: usize,
    /// Messages of this node that may wait for the credit of one session. 65,536.
    pub max_waiting: usize,
    /// What large messages of all peers together may occupy while they are out of order. 256 MiB.
    pub reassembly_bytes: usize,
    /// What is kept for actors of other nodes: [`actor_proxy::Limits`].
    pub actors: actor_proxy::Limits,
    /// What waits in the kernel without having been sent, in bytes: an urgent message cannot overtake it. 128 KiB.
    pub kernel_send_queue_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let control = endpoint::Config::default();
        let guard = GuardConfig::default();
        let data = link::Limits::default();
        Self {
            anonymous_call_timeout: Duration::from_secs(30),
            handshake_timeout: control.handshake_timeout,
            idle_close: control.idle_timeout,
            idle_close_initiator: control.initiator_idle_timeout,
            silence_timeout: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(5),
            max_strangers: 512,
            max_strangers_per_source: 32,
            host_rate: guard.host_rate,
            network_rate: guard.network_rate,
            member_rate: control.member_rate,
            handshake_budget_percent: guard.budget_percent,
            max_unconfirmed_sessions: control.max_unconfirmed_sessions,
            max_message_bytes: data.max_message_bytes,
            session_window_bytes: data.session_window_bytes,
            stream_window_bytes: data.stream_window_bytes,
            max_streams: data.max_streams,
            max_waiting: data.max_waiting,
            reassembly_bytes: 256 * 1024 * 1024,
            actors: actor_proxy::Limits::default(),
            kernel_send_queue_bytes: 128 * 1024,
        }
    }
}

impl Limits {
    /// For the control plane.
    pub(crate) fn control(&self) -> endpoint::Config {
        endpoint::Config {
            handshake_timeout: self.handshake_timeout,
            idle_timeout: self.idle_close,
            initiator_idle_timeout: self.idle_close_initiator,
            // The gate decides who makes room: it knows where connections come from.
            max_inbound_handshakes: self.max_strangers.saturating_add(1),
            max_unconfirmed_sessions: self.max_unconfirmed_sessions,
            member_rate: self.member_rate,
            ..endpoint::Config::default()
        }
    }

    /// For the guard in front of it.
    pub(crate) fn guard(&self) -> GuardConfig {
        let mut config = GuardConfig::default();
        config.budget_percent = self.handshake_budget_percent;
        config.host_rate = self.host_rate;
        config.network_rate = self.network_rate;
        config
    }

    /// What a peer may send before it hears of credit, as the handshake says it.
    pub(crate) fn announced(&self) -> x3dh_handshake::Limits {
        let data = self.data();
        // Rounded down: the peer may send less than it could, never more.
        let kib = |bytes: u64| u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        x3dh_handshake::Limits {
            session_window_kib: kib(data.session_window_bytes),
            stream_window_kib: kib(data.stream_window_bytes),
        }
    }

    /// For the actors.
    pub(crate) fn actors(&self) -> actor_proxy::Limits {
        self.actors.clone()
    }

    /// For the data plane of each session.
    pub(crate) fn data(&self) -> link::Limits {
        let mut limits = link::Limits::default();
        limits.session_window_bytes = self.session_window_bytes;
        limits.stream_window_bytes = self.stream_window_bytes;
        limits.max_streams = self.max_streams;
        limits.max_message_bytes = self.max_message_bytes;
        limits.max_waiting = self.max_waiting;
        limits.headroom_bytes = frames::HEADROOM_BYTES;
        limits.tailroom_bytes = frames::TAILROOM_BYTES;
        limits.max_packet_bytes = frames::MAX_PACKET_BYTES;
        limits.sanitized()
    }
}
