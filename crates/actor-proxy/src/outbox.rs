//! What was accepted for a peer and has not left.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::limits::MAX_COPIED_BYTES;
use crate::table::Tag;

/// Which messages of the pipe below must stay in order: those of one lane. Lane 0 carries news, the others messages and
/// answers, so that a large one holds up few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u8);

impl Lane {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// News: credit, releases, ends, look-ups.
    pub const CONTROL: Self = Self(0);

    /// All of them, news first.
    pub fn all() -> impl Iterator<Item = Self> {
        [0, 1, 2, 3, 4].into_iter().map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The lane of everything to one actor, or to one asker.
    pub(crate) fn of(tag: Tag) -> Self {
        let [low, ..] = tag.0.to_le_bytes();
        Self(1 + low % 4)
    }
}

/// A place in a lane's order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    lane: Lane,
    number: u64,
}

/// An empty lane that once held more envelopes gives its room back.
const MAX_KEPT_ITEMS: usize = 4_096;

/// Envelopes in their lanes.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Each once it is used: most sessions use one or two.
    lanes: [Option<Box<Queue>>; Lane::COUNT],
    bytes: usize,
}

#[derive(Default)]
struct Queue {
    /// Small envelopes, back to back.
    packed: BytesMut,
    items: VecDeque<Item>,
    bytes: usize,
    pushed: u64,
    taken: u64,
    written: u64,
}

/// An envelope that is to leave.
#[derive(Debug, Clone, Copy)]
pub enum Next<'a> {
    /// One of at most 8 KiB, to be copied side by side with others.
    Small(&'a [u8]),
    /// One that has memory of its own.
    Large(&'a Bytes),
}

impl Next<'_> {
    /// The envelope with memory of its own.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        match self {
            Self::Small(envelope) => Bytes::copy_from_slice(envelope),
            Self::Large(envelope) => envelope.clone(),
        }
    }
}

enum Item {
    Packed(usize),
    Own(Bytes),
}

impl Outbox {
    /// Appends an envelope of two parts, copied. For a large one that has a buffer of its own: [`push_own`](Self::push_own).
    pub(crate) fn push(&mut self, lane: Lane, head: &[u8], body: &[u8]) -> Place {
        let length = head.len() + body.len();
        let queue = self.queue(lane);
        let item = if length <= MAX_COPIED_BYTES {
            queue.packed.extend_from_slice(head);
            queue.packed.extend_from_slice(body);
            Item::Packed(length)
        } else {
            let mut own = Vec::with_capacity(length);
            own.extend_from_slice(head);
            own.extend_from_slice(body);
            Item::Own(own.into())
        };
        self.insert(lane, item, length)
    }

    /// Appends an envelope that has a buffer of its own.
    pub(crate) fn push_own(&mut self, lane: Lane, envelope: Bytes) -> Place {
        let length = envelope.len();
        self.insert(lane, Item::Own(envelope), length)
    }

    fn insert(&mut self, lane: Lane, item: Item, length: usize) -> Place {
        self.bytes += length;
        let queue = self.queue(lane);
        queue.items.push_back(item);
        queue.bytes += length;
        queue.pushed += 1;
        Place { lane, number: queue.pushed }
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue {
        // A lane is below the count by construction; the last one stands in if it were not.
        let last = Lane::COUNT - 1;
        self.lanes[lane.index().min(last)].get_or_insert_default()
    }

    fn used(&self, lane: Lane) -> Option<&Queue> {
        self.lanes.get(lane.index())?.as_deref()
    }

    /// The next envelope of a lane; it stays until [`advance`](Self::advance).
    pub(crate) fn peek(&self, lane: Lane) -> Option<Next<'_>> {
        let queue = self.used(lane)?;
        Some(match queue.items.front()? {
            Item::Packed(length) => Next::Small(queue.packed.get(..*length).unwrap_or_default()),
            Item::Own(envelope) => Next::Large(envelope),
        })
    }

    /// The envelope that was looked at has left.
    pub(crate) fn advance(&mut self, lane: Lane) {
        let queue = self.queue(lane);
        let length = match queue.items.pop_front() {
            Some(Item::Packed(length)) => {
                queue.packed.advance(length);
                length
            }
            Some(Item::Own(envelope)) => envelope.len(),
            None => return,
        };
        queue.taken += 1;
        queue.bytes -= length;
        if queue.items.is_empty() && queue.items.capacity() > MAX_KEPT_ITEMS {
            (queue.items, queue.packed) = Default::default();
        }
        self.bytes -= length;
    }

    /// The place of what is pushed into a lane next.
    pub(crate) fn next_place(&self, lane: Lane) -> Place {
        let pushed = self.used(lane).map_or(0, |queue| queue.pushed);
        Place { lane, number: pushed + 1 }
    }

    pub(crate) fn has_left(&self, place: Place) -> bool {
        self.used(place.lane).is_some_and(|queue| queue.taken >= place.number)
    }

    /// Where everything that was pushed so far ends.
    pub(crate) fn ends(&self) -> [u64; Lane::COUNT] {
        self.lanes.each_ref().map(|queue| queue.as_ref().map_or(0, |queue| queue.pushed))
    }

    pub(crate) fn is_written(&self, ends: &[u64; Lane::COUNT]) -> bool {
        let written = |queue: &Option<Box<Queue>>| queue.as_ref().map_or(0, |queue| queue.written);
        self.lanes.iter().zip(ends).all(|(queue, end)| written(queue) >= *end)
    }

    /// Everything that has left has been written.
    pub(crate) fn note_written(&mut self) {
        self.lanes.iter_mut().flatten().for_each(|queue| queue.written = queue.taken);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn control_bytes(&self) -> usize {
        self.used(Lane::CONTROL).map_or(0, |queue| queue.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Drops what is in it; the places go on.
    pub(crate) fn clear(&mut self) {
        self.bytes = 0;
        for queue in self.lanes.iter_mut().flatten() {
            let gone = Queue {
                pushed: queue.pushed,
                taken: queue.pushed,
                written: queue.pushed,
                ..Queue::default()
            };
            **queue = gone;
        }
    }
}

#[cfg(test)]
mod tests;
