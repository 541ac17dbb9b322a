//! One stream as its receiver sees it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use chunk_proto::MessageId;

use crate::credit::{MESSAGE_COST_BYTES, Window};
use crate::meter::Meter;

/// Messages of one stream that came together, in order. Their bytes share one allocation of exactly their
/// size, so that a message that is kept long does not keep a whole packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    ends: VecDeque<usize>,
    taken: usize,
}

impl Batch {
    /// Messages that are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether all messages are taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What the messages that are left cost; [`Meter::consume`] wants to know when they are taken.
    #[must_use]
    pub fn cost(&self) -> u64 {
        let bytes = u64::try_from(self.bytes.len() - self.taken).unwrap_or(u64::MAX / 4);
        let messages = u64::try_from(self.ends.len()).unwrap_or(u64::MAX / 4);
        bytes + messages.saturating_mul(MESSAGE_COST_BYTES)
    }
}

impl Batch {
    /// The messages that are left as they lie: in one buffer, back to back, each ending where its number says.
    pub fn into_packed(self) -> (Bytes, impl Iterator<Item = usize>) {
        let Self { bytes, ends, taken } = self;
        (bytes.slice(taken..), ends.into_iter().map(move |end| end - taken))
    }
}

impl Iterator for Batch {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let end = self.ends.pop_front()?;
        let message = self.bytes.slice(self.taken..end);
        self.taken = end;
        Some(message)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ends.len(), Some(self.ends.len()))
    }
}

impl Batch {
    /// Copies messages out of a packet into one allocation of exactly their size.
    pub(crate) fn gather(messages: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(messages.iter().map(|message| message.len()).sum());
        let ends = messages.iter().map(|message| {
            bytes.extend_from_slice(message);
            bytes.len()
        });
        let ends = ends.collect();
        Self { bytes: bytes.into(), ends, taken: 0 }
    }
}

/// A stream from the peer.
#[derive(Debug)]
pub(crate) struct InStream {
    pub(crate) window: Window,
    pub(crate) meter: Meter,
    /// The number of the next message to deliver.
    pub(crate) next: u64,
    /// The large message with the number `next` has been announced to the application.
    pub(crate) started: bool,
    /// What is not wholly delivered, by number. Bounded by the stream's window: each costs credit.
    pub(crate) held: BTreeMap<u64, Held>,
    /// Nobody wants this stream: its messages are dropped, their credit returned.
    pub(crate) refused: bool,
    /// The sender ended the stream before the message of this number.
    pub(crate) end: Option<u64>,
}

/// A message that is not its stream's turn yet, or that is delivered in pieces.
#[derive(Debug)]
pub(crate) enum Held {
    Whole {
        message: Bytes,
        acked: bool,
    },
    Chunked(Partial),
    /// Given up by its sender, or here.
    GivenUp,
}

/// A large message under way.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) id: MessageId,
    pub(crate) acked: bool,
    pub(crate) total_bytes: u64,
    /// What the peer paid for it so far, less what was handed out.
    pub(crate) owed: u64,
    /// Pieces in order that were not handed out yet.
    pub(crate) pieces: VecDeque<Bytes>,
    pub(crate) complete: bool,
}

impl InStream {
    pub(crate) fn new(window: Window, meter: Meter) -> Self {
        Self { window, meter, next: 0, started: false, held: BTreeMap::new(), refused: false, end: None }
    }

    /// Whether a message of this number may begin: it is not over, and nothing of it is held.
    pub(crate) fn may_begin(&self, number: u64) -> bool {
        number >= self.next && self.end.is_none_or(|end| number < end) && !self.held.contains_key(&number)
    }
}
