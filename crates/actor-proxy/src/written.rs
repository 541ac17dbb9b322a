//! A body as it was written, on its way into an envelope.

use bytes::Bytes;

use crate::limits::MAX_COPIED_BYTES;
use crate::outbox::{Lane, Outbox};
use crate::scope;

/// So much at once is shared with the value that it stands in, where that allows it, and not copied. Of less the layer
/// below, which cuts messages into chunks, would have to copy most to put it behind what stands in front of it.
pub(crate) const MIN_SHARED_BYTES: usize = 64 * 1024;

/// What most heads need.
const HEADROOM_BYTES: usize = 64;

/// A body, behind room for the head of its envelope: a large one is not copied again.
#[derive(Default)]
pub(crate) struct Written {
    /// What was copied, behind [`HEADROOM_BYTES`].
    buffer: Vec<u8>,
    /// What was not, in order.
    shared: Vec<Shared>,
}

/// Bytes that stand in a body and not in its buffer.
pub(crate) struct Shared {
    /// How much of the buffer stands in front of them.
    pub(crate) at: usize,
    pub(crate) bytes: Bytes,
}

impl Written {
    /// A buffer to write a body behind.
    pub(crate) fn buffer() -> Vec<u8> {
        let mut buffer = scope::scratch();
        // One that was used before has it already.
        buffer.resize(HEADROOM_BYTES, 0);
        buffer
    }

    /// What was written into a [`buffer`](Self::buffer), and what was not.
    pub(crate) fn new(buffer: Vec<u8>, shared: Vec<Shared>) -> Self {
        Self { buffer, shared }
    }

    /// A body that was written elsewhere.
    pub(crate) fn copied(body: &[u8]) -> Self {
        let mut buffer = Self::buffer();
        buffer.extend_from_slice(body);
        Self { buffer, shared: Vec::new() }
    }

    /// The same with memory of its own, which is kept if it is worth it.
    pub(crate) fn kept(body: Bytes) -> Self {
        if body.len() < MIN_SHARED_BYTES {
            return Self::copied(&body);
        }
        Self { buffer: Self::buffer(), shared: vec![Shared { at: HEADROOM_BYTES, bytes: body }] }
    }

    /// How many bytes the body has.
    pub(crate) fn len(&self) -> usize {
        let shared = self.shared.iter().map(|shared| shared.bytes.len());
        self.copied_part().len() + shared.sum::<usize>()
    }

    /// The body, if it is small.
    pub(crate) fn copyable(&self) -> Option<&[u8]> {
        Some(self.copied_part()).filter(|body| self.shared.is_empty() && body.len() <= MAX_COPIED_BYTES)
    }

    fn copied_part(&self) -> &[u8] {
        self.buffer.get(HEADROOM_BYTES..).unwrap_or_default()
    }

    /// Puts the body behind its head into the outbox.
    pub(crate) fn push(mut self, outbox: &mut Outbox, lane: Lane, head: &[u8]) {
        match self.copyable() {
            Some(body) => outbox.push(lane, head, body),
            None => outbox.push_own(lane, self.take_pieces(head)),
        };
    }

    /// The body in one piece.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        match self.take_pieces(&[]).as_slice() {
            [one] => one.clone(),
            pieces => pieces.concat().into(),
        }
    }

    /// Everything, in order, with the head in front.
    fn take_pieces(&mut self, head: &[u8]) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(1 + 2 * self.shared.len());
        let mut start = HEADROOM_BYTES;
        match start.checked_sub(head.len()).and_then(|at| Some((at, self.buffer.get_mut(at..start)?))) {
            Some((at, room)) => {
                room.copy_from_slice(head);
                start = at;
            }
            None => pieces.push(Bytes::copy_from_slice(head)),
        }
        let buffer = Bytes::from(std::mem::take(&mut self.buffer));
        for Shared { at, bytes } in self.shared.drain(..) {
            pieces.push(buffer.slice(start.min(at)..at));
            pieces.push(bytes);
            start = at;
        }
        pieces.push(buffer.slice(start.min(buffer.len())..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.truncate(HEADROOM_BYTES);
        scope::recycle(buffer);
    }
}

#[cfg(test)]
mod tests;
