//! What was accepted for a peer and has not left.

use std::collections::{VecDeque, vec_deque};

use bytes::Bytes;

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
const MAX_KEPT_ENVELOPES: usize = 4_096;
/// So much of what has left may stand in front of what has not.
const MAX_GONE_BYTES: usize = 64 * 1024;

/// Envelopes in their lanes.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Each once it is used: most sessions use one or two.
    lanes: [Option<Box<Queue>>; Lane::COUNT],
    bytes: usize,
}

#[derive(Default)]
struct Queue {
    /// Small envelopes, back to back, from `start` on.
    packed: Vec<u8>,
    start: usize,
    /// How long they are, in the order of all; [`OWN`] stands for one of `own`.
    lengths: VecDeque<u16>,
    /// Large envelopes, each with memory of its own, in pieces.
    own: VecDeque<Vec<Bytes>>,
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
    /// One that has memory of its own, in one or more pieces.
    Large(&'a [Bytes]),
}

impl Next<'_> {
    /// The envelope with memory of its own.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        match self {
            Self::Small(envelope) => Bytes::copy_from_slice(envelope),
            Self::Large([envelope]) => envelope.clone(),
            Self::Large(pieces) => pieces.concat().into(),
        }
    }
}

/// The small envelopes at the front of a lane, in order: up to the first large one.
#[derive(Debug, Clone, Default)]
pub struct Small<'a> {
    packed: &'a [u8],
    lengths: vec_deque::Iter<'a, u16>,
}

impl<'a> Iterator for Small<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let length = *self.lengths.next()?;
        if length == OWN {
            *self = Self::default();
            return None;
        }
        let (envelope, rest) = self.packed.split_at_checked(usize::from(length))?;
        self.packed = rest;
        Some(envelope)
    }
}

/// No small envelope is so long.
const OWN: u16 = u16::MAX;
const _: () = assert!(MAX_COPIED_BYTES < 65_535);

impl Outbox {
    /// Appends an envelope of two parts, copied. For a large one that has memory of its own: [`push_own`](Self::push_own).
    pub(crate) fn push(&mut self, lane: Lane, head: &[u8], body: &[u8]) -> Place {
        let length = head.len() + body.len();
        match u16::try_from(length) {
            Ok(short) if length <= MAX_COPIED_BYTES => {
                let queue = self.queue(lane);
                queue.packed.reserve(length);
                queue.packed.extend_from_slice(head);
                queue.packed.extend_from_slice(body);
                self.count(lane, short, length)
            }
            _ => {
                let mut own = Vec::with_capacity(length);
                own.extend_from_slice(head);
                own.extend_from_slice(body);
                self.push_own(lane, vec![own.into()])
            }
        }
    }

    /// Appends an envelope that has memory of its own.
    pub(crate) fn push_own(&mut self, lane: Lane, pieces: Vec<Bytes>) -> Place {
        let length = pieces.iter().map(Bytes::len).sum();
        self.queue(lane).own.push_back(pieces);
        self.count(lane, OWN, length)
    }

    fn count(&mut self, lane: Lane, mark: u16, length: usize) -> Place {
        self.bytes += length;
        let queue = self.queue(lane);
        queue.lengths.push_back(mark);
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
        Some(match *queue.lengths.front()? {
            OWN => Next::Large(queue.own.front()?),
            length => {
                let end = queue.start + usize::from(length);
                Next::Small(queue.packed.get(queue.start..end).unwrap_or_default())
            }
        })
    }

    /// The small envelopes at the front of a lane.
    pub(crate) fn small(&self, lane: Lane) -> Small<'_> {
        match self.used(lane) {
            Some(queue) => Small {
                packed: queue.packed.get(queue.start..).unwrap_or_default(),
                lengths: queue.lengths.iter(),
            },
            None => Small::default(),
        }
    }

    /// The first `count` of the [`small`](Self::small) ones have left.
    pub(crate) fn advance_small(&mut self, lane: Lane, count: usize) {
        let queue = self.queue(lane);
        let mut gone = 0;
        for _ in 0..count {
            let Some(length) = queue.lengths.pop_front_if(|length| *length != OWN) else { break };
            gone += usize::from(length);
            queue.taken += 1;
        }
        queue.start += gone;
        queue.bytes -= gone;
        queue.tidy();
        self.bytes -= gone;
    }

    /// The envelope that was looked at has left. Returns the memory that it had of its own, which may be its user's.
    pub(crate) fn advance(&mut self, lane: Lane) -> Vec<Bytes> {
        let queue = self.queue(lane);
        let mut own = Vec::new();
        let length = match queue.lengths.pop_front() {
            Some(OWN) => {
                own = queue.own.pop_front().unwrap_or_default();
                own.iter().map(Bytes::len).sum()
            }
            Some(length) => {
                queue.start += usize::from(length);
                usize::from(length)
            }
            None => return own,
        };
        queue.taken += 1;
        queue.bytes -= length;
        queue.tidy();
        self.bytes -= length;
        own
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

    pub(crate) fn bytes_of(&self, lane: Lane) -> usize {
        self.used(lane).map_or(0, |queue| queue.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes out what is in it; the places go on. Returns what has memory of its own, which may be its users'.
    pub(crate) fn clear(&mut self) -> Vec<Vec<Bytes>> {
        self.bytes = 0;
        let mut own = Vec::new();
        for queue in self.lanes.iter_mut().flatten() {
            let gone = Queue {
                pushed: queue.pushed,
                taken: queue.pushed,
                written: queue.pushed,
                ..Queue::default()
            };
            own.extend(std::mem::replace(&mut **queue, gone).own);
        }
        own
    }
}

impl Queue {
    /// Takes what has left out of the buffer, once that is all of it or more than what is left.
    fn tidy(&mut self) {
        if self.start == self.packed.len() {
            self.packed.clear();
            self.start = 0;
            if self.lengths.is_empty() && self.lengths.capacity() > MAX_KEPT_ENVELOPES {
                (self.lengths, self.packed) = Default::default();
            }
        } else if self.start >= MAX_GONE_BYTES && self.start > self.packed.len() / 2 {
            self.packed.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests;
