//! What the receiving half learned that the sending half must know.

use std::collections::BTreeMap;

use secure_channel::NextSealing;

use crate::error::{CloseReason, StopReason};
use crate::stream::StreamId;

/// Filled by [`Rx`](crate::Rx), drained by [`Tx::apply`](crate::Tx::apply). Every table in it is bounded by
/// the number of streams: later news replace earlier ones.
#[derive(Debug, Default)]
pub struct Feedback {
    /// From the peer, about our streams.
    pub(crate) credits: BTreeMap<StreamId, u64>,
    pub(crate) acks: BTreeMap<StreamId, u64>,
    pub(crate) stops: BTreeMap<StreamId, StopReason>,
    pub(crate) pong: Option<u64>,
    pub(crate) closed: Option<CloseReason>,
    /// For the peer, about its streams.
    pub(crate) grant: BTreeMap<StreamId, u64>,
    pub(crate) delivered: BTreeMap<StreamId, u64>,
    pub(crate) refuse: BTreeMap<StreamId, StopReason>,
    pub(crate) ping: Option<u64>,
    pub(crate) rekey_request: Option<Vec<u8>>,
    pub(crate) rekey_response: Option<Vec<u8>>,
    /// For the sealer.
    pub(crate) install: Option<NextSealing>,
    pub(crate) follow: Option<u64>,
    /// A packet must leave even if there is nothing else to say.
    pub(crate) confirm: bool,
}

impl Feedback {
    /// Whether there is nothing to apply, so that the session's lock need not be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.credits.is_empty()
            && self.acks.is_empty()
            && self.stops.is_empty()
            && self.pong.is_none()
            && self.closed.is_none()
            && self.grant.is_empty()
            && self.delivered.is_empty()
            && self.refuse.is_empty()
            && self.ping.is_none()
            && self.rekey_request.is_none()
            && self.rekey_response.is_none()
            && self.install.is_none()
            && self.follow.is_none()
            && !self.confirm
    }
}
