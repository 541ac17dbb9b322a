//! What one node is ready to keep for another.

use std::time::Duration;

use crate::outbox::Lane;
use crate::peer::MAX_HEAD_BYTES;

/// What a message costs beside the bytes of its body, so that empty ones are not free.
pub const MESSAGE_COST_BYTES: u64 = 64;

/// Messages of the same size class as the layers below pack side by side are copied; larger ones keep their buffer.
pub(crate) const MAX_COPIED_BYTES: usize = 8 * 1024;

/// News for a peer that does not read them: such a peer breaks the protocol (PROTOCOL.md §13.9).
pub(crate) const MAX_CONTROL_BACKLOG_BYTES: usize = 8 * 1024 * 1024;

/// Addresses in one message.
pub(crate) const MAX_ADDRESSES: usize = 4_096;

/// Schemas kept for a peer so that its addresses share them; others are kept with each address.
pub(crate) const MAX_SHARED_SCHEMAS: usize = 256;

/// Limits of a node's actors. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Messages of actors of this node that wait in one mailbox. 1,024.
    pub mailbox_messages: usize,
    /// Bytes of messages, at [`MESSAGE_COST_BYTES`] more each and [`ADDRESS_COST_BYTES`] for each address, that one peer may
    /// leave in one mailbox. 1.5 MiB. The last message may pass it, however large. A peer that knows many actors may leave
    /// as much with each.
    pub mailbox_window_bytes: u64,
    /// The largest body of a message or an answer, in either direction. 2 MiB.
    pub max_body_bytes: usize,
    /// Actors of this node of which one peer may hold addresses. 65,536.
    pub max_exports: usize,
    /// Addresses of one peer's actors that this node may hold. 65,536.
    pub max_imports: usize,
    /// Questions to one peer that may be open. 65,536; and as many of its own.
    pub max_asks: usize,
    /// Messages to one peer that may wait for credit or room, and as many for one mailbox here. 65,536.
    pub max_waiting: usize,
    /// Messages to one peer that were accepted and have not left, in bytes, in each of the four lanes that carry them.
    /// 256 KiB.
    pub outbox_bytes: usize,
    /// Answers to a peer that does not read them, in bytes, beside what messages may take in those lanes: further ones end
    /// as `NoRoom`. What messages leave of theirs, answers may have. 8 MiB.
    pub reply_backlog_bytes: usize,
    /// How long an address that nobody holds or uses any more is kept. 10 s.
    pub lease: Duration,
    /// How long the addresses that a peer holds are kept while there is no session with it. 1 h.
    pub absence: Duration,
    /// How long a question or message of another node, which this one passes on, may wait at the far side, and at most a
    /// quarter more: then it ends without an answer. 60 s.
    pub relay_timeout: Duration,
    /// How long looking up a service may take, once there is a session. 10 s.
    pub lookup_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_messages: 1_024,
            mailbox_window_bytes: 1536 * 1024,
            max_body_bytes: 2 * 1024 * 1024,
            max_exports: 65_536,
            max_imports: 65_536,
            max_asks: 65_536,
            max_waiting: 65_536,
            outbox_bytes: 256 * 1024,
            reply_backlog_bytes: 8 * 1024 * 1024,
            lease: Duration::from_secs(10),
            absence: Duration::from_secs(3_600),
            relay_timeout: Duration::from_secs(60),
            lookup_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// What messages and answers to one peer may take together, but for the last answer. A lane takes messages as long as
    /// it has less than `outbox_bytes`: the last one may pass that.
    pub(crate) fn backlog_bytes(&self) -> usize {
        let last = self.max_body_bytes.saturating_add(MAX_HEAD_BYTES);
        let lane = self.outbox_bytes.saturating_add(last);
        self.reply_backlog_bytes.saturating_add(lane.saturating_mul(Lane::COUNT - 1))
    }
}

/// What an address in a message costs: its entry, and what keeps it at the receiver until the message is read.
pub const ADDRESS_COST_BYTES: u64 = 128;

/// What a message with a body of so many bytes and so many addresses costs.
pub(crate) fn cost(bytes: usize, addresses: usize) -> u64 {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX / 4);
    let addresses = number(addresses).saturating_mul(ADDRESS_COST_BYTES);
    number(bytes).saturating_add(addresses).saturating_add(MESSAGE_COST_BYTES)
}
