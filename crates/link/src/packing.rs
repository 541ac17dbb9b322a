//! Packing: records of many small messages side by side in one packet.

use std::collections::VecDeque;

use crate::packet::{BufferPool, PacketBuffer};
use crate::record::Message;

/// Where records begin and end in a packet's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The first byte of the first record: behind the carrier's headroom and the packet's header.
    pub(crate) first: usize,
    /// The end that no record may pass: the packet's tag still has to follow within the limit.
    pub(crate) end: usize,
}

/// One packet that is being filled, and those before it that are full.
#[derive(Debug, Default)]
pub(crate) struct Packing {
    open: Option<PacketBuffer>,
    full: VecDeque<PacketBuffer>,
}

impl Packing {
    /// Whether nothing waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_none() && self.full.is_empty()
    }

    /// Full packets that wait.
    pub(crate) fn full_packets(&self) -> usize {
        self.full.len()
    }

    /// Puts a message into the open packet, or into a new one if it might not fit.
    #[inline]
    pub(crate) fn append(&mut self, message: &Message<'_>, layout: Layout, pool: &BufferPool) {
        let bytes = Message::max_record_bytes(message.payload.len());
        match &mut self.open {
            Some(open) if open.filled() + bytes <= layout.end => message.append_to(open),
            _ => self.append_to_next(message, layout, pool),
        }
    }

    fn append_to_next(&mut self, message: &Message<'_>, layout: Layout, pool: &BufferPool) {
        self.full.extend(self.open.take());
        let mut buffer = pool.take();
        buffer.set_filled(layout.first);
        message.append_to(&mut buffer);
        self.open = Some(buffer);
    }

    /// Takes the packet that has to go next.
    pub(crate) fn pop(&mut self) -> Option<PacketBuffer> {
        self.full.pop_front().or_else(|| self.open.take())
    }

    /// Takes the open packet if it is the only one and holds at most `bytes` of records, so that they
    /// can travel in another packet.
    pub(crate) fn pop_small(&mut self, bytes: usize, layout: Layout) -> Option<PacketBuffer> {
        if !self.full.is_empty() {
            return None;
        }
        self.open.take_if(|open| open.filled() - layout.first <= bytes)
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        self.open = None;
        self.full.clear();
    }
}
