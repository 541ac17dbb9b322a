//! Packets under construction, and the job of sealing one.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chunk_proto::{Coding, Deflater, Draft, MessageId};
use secure_channel::{HEADER_BYTES, SealTicket, TAG_BYTES};

use crate::record::{Head, MAX_RECORD_HEAD_BYTES};
use crate::stream::StreamId;

/// Buffers that a [`BufferPool`] keeps at the most. A packet has at most 64 KiB, and the vector that grew to hold it at
/// most twice that: 8 MiB in all.
const MAX_POOLED_BUFFERS: usize = 64;

/// The first growth of a buffer: a packet with one small message.
const FIRST_GROWTH_BYTES: usize = 256;

/// The largest chunk whose record still fits into a packet of `max_packet_bytes`.
pub(crate) const fn largest_chunk_bytes(max_packet_bytes: usize) -> usize {
    max_packet_bytes - HEADER_BYTES - TAG_BYTES - MAX_RECORD_HEAD_BYTES
}

/// A buffer that remembers how far it is filled apart from how long it is, so that one which is used
/// again is not cleared again.
#[derive(Default)]
pub struct PacketBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl fmt::Debug for PacketBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands in it may be plaintext.
        f.debug_struct("PacketBuffer").field("filled", &self.filled).finish_non_exhaustive()
    }
}

impl PacketBuffer {
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Moves the end to `filled`, growing the buffer if needed. Bytes that were not written hold whatever
    /// stood there before.
    pub(crate) fn set_filled(&mut self, filled: usize) {
        if self.bytes.len() < filled {
            self.grow(filled);
        }
        self.filled = filled;
    }

    /// The next `bytes` bytes behind what is filled, to write into; [`fill`](Self::fill) says how many of them are.
    #[inline]
    pub(crate) fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.filled + bytes;
        if self.bytes.len() < end {
            self.grow(end);
        }
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Counts the first `bytes` of the [`room`](Self::room) as filled.
    #[inline]
    pub(crate) fn fill(&mut self, bytes: usize) {
        self.filled = self.bytes.len().min(self.filled + bytes);
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        let doubled = self.bytes.len().saturating_mul(2).max(FIRST_GROWTH_BYTES);
        self.bytes.resize(end.max(doubled), 0);
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.fill(bytes.len());
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    pub(crate) fn slice_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.bytes.get_mut(range).unwrap_or_default()
    }

    /// The whole buffer up to its filled end: what [`Sealed::range`] points into.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.slice(0..self.filled)
    }

    /// Likewise, for framing in place.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let filled = self.filled;
        self.slice_mut(0..filled)
    }
}

/// Buffers waiting to be used again, shared by the sessions of a node. Idle sessions hold none.
#[derive(Debug, Clone, Default)]
pub struct BufferPool(Arc<Mutex<Vec<PacketBuffer>>>);

impl BufferPool {
    /// An empty buffer.
    pub(crate) fn take(&self) -> PacketBuffer {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        buffer.filled = 0;
        buffer
    }

    /// Gives a buffer back after its packet was written.
    pub fn give(&self, buffer: PacketBuffer) {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < MAX_POOLED_BUFFERS {
            buffers.push(buffer);
        }
    }

    /// Frees the buffers that it keeps: each has the room of the largest packet that it ever held.
    pub fn clear(&self) {
        drop(std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// A packet that has its number and key and waits to be sealed, outside the session's lock and on any
/// core. Packets may be sealed and written in any order; in the order in which they were handed out is
/// best.
#[derive(Debug)]
pub struct SealJob {
    pub(crate) ticket: SealTicket,
    pub(crate) buffer: PacketBuffer,
    /// Where the packet's header begins: the carrier's headroom stands before it.
    pub(crate) start: usize,
    /// A chunk that follows the records.
    pub(crate) chunk: Option<ChunkJob>,
    pub(crate) tailroom: usize,
}

/// A chunk on its way into a packet: compressed outside the lock too, if at all.
#[derive(Debug)]
pub(crate) struct ChunkJob {
    pub(crate) stream: StreamId,
    pub(crate) number: u64,
    pub(crate) acked: bool,
    pub(crate) message: MessageId,
    pub(crate) draft: Draft,
}

/// A sealed packet in its buffer, with the carrier's headroom in front and tailroom behind.
#[derive(Debug)]
pub struct Sealed {
    /// The buffer; goes back to the [`BufferPool`] after the packet was written.
    pub buffer: PacketBuffer,
    /// Where in the buffer the packet stands.
    pub range: Range<usize>,
    /// How an attempt to compress came out; [`Tx::note`](crate::Tx::note) learns from it.
    pub coding: Option<CodingNote>,
}

/// How an attempt to compress a chunk came out.
#[derive(Debug, Clone, Copy)]
pub struct CodingNote {
    pub(crate) stream: StreamId,
    pub(crate) coding: Coding,
}

impl SealJob {
    /// Whether a chunk is to be compressed on the way: the others leave the deflater alone.
    #[must_use]
    pub fn wants_deflate(&self) -> bool {
        self.chunk.as_ref().is_some_and(|chunk| chunk.draft.wants_deflate())
    }

    /// A hash of the key and nonce that the packet is sealed with: see [`SealTicket::key_fingerprint`].
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn key_fingerprint(&self) -> u128 {
        self.ticket.key_fingerprint()
    }

    /// Compresses the chunk, if it is to be, and encrypts: the records where they stand, the chunk on its
    /// way from the user's bytes into the packet.
    ///
    /// # Errors
    /// Those of [`SealTicket::seal`], which mean that a limit was miscounted here.
    pub fn seal(self, deflater: &mut Deflater) -> Result<Sealed, secure_channel::Error> {
        let Self { ticket, mut buffer, start, chunk, tailroom } = self;
        let mut coding = None;
        let mut payload = Bytes::new();
        if let Some(job) = chunk {
            let tried = job.draft.wants_deflate();
            let chunk = job.draft.finish(deflater);
            let header = chunk.header.of_message(job.message);
            coding = tried.then(|| CodingNote { stream: job.stream, coding: header.coding() });
            payload = chunk.payload;
            let head = Head::chunk(job.stream, job.number, job.acked, &header, payload.len());
            buffer.append(head.as_bytes());
        }
        let end = buffer.filled + payload.len() + TAG_BYTES;
        buffer.set_filled(end + tailroom);
        ticket.seal(buffer.slice_mut(start..end), &payload)?;
        Ok(Sealed { buffer, range: start..end, coding })
    }
}
