//! One stream as its receiver sees it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::{Buf as _, Bytes};
use chunk_proto::MessageId;

use crate::credit::{Window, cost};
use crate::meter::Meter;
use crate::record::Message;

/// Messages of one stream that came together, in order: at least one at first.
///
/// They share one allocation. It is that of their records, from the first to the last, so that a message that is kept long does
/// not keep what else came in the packet; unless they are most of a packet: then they share the buffer that it was read into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    first: Span,
    /// Empty for a message that came alone, which needs no allocation for it then.
    others: Vec<Span>,
    /// How many were taken, and the cost of those that are left.
    taken: usize,
    cost: u64,
}

/// Where in its buffer a message lies. A packet has less than 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(range: Range<usize>) -> Self {
        let number = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: number(range.start), end: number(range.end) }
    }

    fn range(self) -> Range<usize> {
        let number = |at| usize::try_from(at).unwrap_or(usize::MAX);
        number(self.start)..number(self.end)
    }
}

impl Batch {
    /// Messages that are left.
    #[must_use]
    pub fn len(&self) -> usize {
        1 + self.others.len() - self.taken
    }

    /// Whether all messages are taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the messages that are left cost; [`Meter::consume`] wants to know when they are taken.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The messages that are left, where they lie.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans().map(|span| self.bytes.get(span.range()).unwrap_or_default())
    }

    /// The messages that are left as they lie in one buffer: in order, with gaps between them.
    pub fn into_packed(self) -> (Bytes, impl Iterator<Item = Range<usize>>) {
        let Self { bytes, first, others, taken, .. } = self;
        (bytes, std::iter::once(first).chain(others).skip(taken).map(Span::range))
    }

    /// A message that has a buffer of its own.
    pub(crate) fn one(message: Bytes) -> Self {
        let (cost, first) = (cost(message.len()), Span::new(0..message.len()));
        Self { bytes: message, first, others: Vec::new(), taken: 0, cost }
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        let others = self.others.get(self.taken.saturating_sub(1)..).unwrap_or_default();
        (self.taken == 0).then_some(self.first).into_iter().chain(others.iter().copied())
    }
}

impl Iterator for Batch {
    type Item = Bytes;

    #[inline]
    fn next(&mut self) -> Option<Bytes> {
        let span = match self.taken.checked_sub(1) {
            None => self.first,
            Some(other) => *self.others.get(other)?,
        };
        let range = span.range();
        self.taken += 1;
        self.cost -= cost(range.len());
        if !self.is_empty() {
            return Some(self.bytes.slice(range));
        }
        // The last one takes the buffer along, and most come alone: no other reference is made to be dropped at once.
        let mut message = std::mem::take(&mut self.bytes);
        message.truncate(range.end);
        message.advance(range.start);
        Some(message)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// Consecutive small messages of one stream in one packet, on their way to a [`Batch`].
pub(crate) struct Run<'a> {
    records: &'a Bytes,
    /// Where in them the first message lies.
    first: Option<Range<usize>>,
    /// Where the others do, seen from its beginning.
    others: Vec<Span>,
    end: usize,
    cost: u64,
}

/// Places that are made at once for the messages of a run: as many as have room in a packet, if none is shorter than 64
/// bytes.
const MAX_RESERVED_SPANS: usize = 1_024;

impl<'a> Run<'a> {
    /// An empty run of messages in `records`.
    pub(crate) fn new(records: &'a Bytes) -> Self {
        Self { records, first: None, others: Vec::new(), end: 0, cost: 0 }
    }

    /// Whether there is no message in it yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a message that costs `cost`, with `rest` behind it.
    #[inline]
    pub(crate) fn push(&mut self, message: &Message<'a>, rest: &[u8], cost: u64) {
        let end = self.records.len() - rest.len();
        let start = end - message.payload.len();
        match &self.first {
            None => self.first = Some(start..end),
            Some(first) => {
                if self.others.is_empty() {
                    // Those that follow are likely to be of the same size.
                    let likely = 1 + rest.len() / message.payload.len().max(1);
                    self.others.reserve(likely.min(MAX_RESERVED_SPANS));
                }
                self.others.push(Span::new(start - first.start..end - first.start));
            }
        }
        self.end = end;
        self.cost += cost;
    }

    /// The messages: copied out of the packet together, or where they are if they are most of it.
    pub(crate) fn into_batch(self) -> Option<Batch> {
        let Self { records, first, mut others, end, cost } = self;
        let first = first?;
        if others.capacity() > 2 * others.len() {
            others.shrink_to_fit();
        }
        let bytes = shared_or_copied(records, first.start..end);
        Some(Batch { bytes, first: Span::new(0..first.len()), others, taken: 0, cost })
    }
}

/// Less than this is copied out of its packet: credit counts its own bytes only, not those of the read buffer that a slice
/// would keep alive.
const MIN_SHARED_BYTES: usize = 32 << 10;

/// A part of a packet, without the buffer that it came in unless it is most of a packet itself.
pub(crate) fn shared_or_copied(packet: &Bytes, range: Range<usize>) -> Bytes {
    if range.len() >= MIN_SHARED_BYTES {
        packet.slice(range)
    } else {
        Bytes::copy_from_slice(packet.get(range).unwrap_or_default())
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
