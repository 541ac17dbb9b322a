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
    /// For the peer.
    pub(crate) news: News,
    /// For the sealer.
    pub(crate) install: Option<NextSealing>,
    pub(crate) follow: Option<u64>,
    /// A packet must leave even if there is nothing else to say.
    pub(crate) confirm: bool,
}

/// What the peer is to be told.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// About its streams.
    pub(crate) grant: BTreeMap<StreamId, u64>,
    pub(crate) delivered: BTreeMap<StreamId, u64>,
    pub(crate) refuse: BTreeMap<StreamId, StopReason>,
    pub(crate) ping: Option<u64>,
    pub(crate) pong: Option<u64>,
    /// About fresh keys, once an hour.
    pub(crate) rekey: Option<Box<RekeyNews>>,
}

#[derive(Debug, Default)]
pub(crate) struct RekeyNews {
    pub(crate) request: Option<Vec<u8>>,
    pub(crate) response: Option<Vec<u8>>,
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
            && self.news.is_empty()
            && self.install.is_none()
            && self.follow.is_none()
            && !self.confirm
    }
}

impl News {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.grant.is_empty()
            && self.delivered.is_empty()
            && self.refuse.is_empty()
            && self.ping.is_none()
            && self.pong.is_none()
            && self.rekey.is_none()
    }

    /// Adds later news; nothing of them is left in `later`.
    pub(crate) fn append(&mut self, later: &mut Self) {
        self.grant.append(&mut later.grant);
        self.delivered.append(&mut later.delivered);
        self.refuse.append(&mut later.refuse);
        self.ping = later.ping.take().or(self.ping);
        self.pong = later.pong.take().or(self.pong);
        if let Some(later) = later.rekey.take() {
            let RekeyNews { request, response } = *later;
            let rekey = self.rekey.get_or_insert_default();
            rekey.request = request.or(rekey.request.take());
            rekey.response = response.or(rekey.response.take());
        }
    }

    /// Streams that are spoken of.
    pub(crate) fn len(&self) -> usize {
        self.grant.len() + self.delivered.len() + self.refuse.len()
    }
}
