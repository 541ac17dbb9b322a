//! Packets off a carrier and onto it, in frames.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use chunk_proto::Deflater;
use endpoint::PathCause;
use link::{BufferPool, CodingNote, PacketBuffer, SealJob};
use selfsync_codec::{Config, Damage, Decoder, encode_in_place};

use crate::carrier::Carrier;
use crate::pool::Pool;

/// Frames handed to the kernel in one call.
const MAX_SLICES: usize = 16;
/// What a frame wants free in front of a packet and behind it, in bytes.
pub(crate) const HEADROOM_BYTES: usize = selfsync_codec::HEADROOM;
pub(crate) const TAILROOM_BYTES: usize = selfsync_codec::TAILROOM;
/// The largest packet that becomes a frame in its own buffer.
pub(crate) const MAX_PACKET_BYTES: usize = selfsync_codec::MAX_BODY_IN_PLACE;
/// What is held of the bytes of a peer that has proved nothing: a packet of the greatest size before a session, in its
/// frame, and a part of the next.
pub(crate) const UNPROVEN_BYTES: usize = 4 * 1024;
/// Room for less than this is not worth a read.
const MIN_READ_BYTES: usize = 16 * 1024;

/// Splits what a carrier delivers into packets.
///
/// It owns a buffer only while a part of a frame is in it.
pub(crate) struct FrameReader {
    decoder: Decoder,
    input: BytesMut,
    /// `input` is a buffer of the pool, and goes back there; a small one of before the session does not.
    is_lent: bool,
}

impl FrameReader {
    /// For packets of at most `max_packet_bytes`.
    pub(crate) fn new(max_packet_bytes: usize) -> Self {
        let decoder = Decoder::new(Config::reliable(max_packet_bytes));
        Self { decoder, input: BytesMut::new(), is_lent: false }
    }

    /// Reads once, if there is anything to read; 0 is the end of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        carrier: &mut Carrier,
        pool: &Pool,
    ) -> Poll<io::Result<usize>> {
        ready!(carrier.poll_read_ready(context))?;
        self.make_room(pool);
        let read = carrier.poll_read(context, &mut self.input);
        if self.input.is_empty() {
            self.rest(pool);
        }
        read
    }

    /// As [`poll_fill`](Self::poll_fill), but never holds more than `max_held_bytes`, and no buffer of the pool: for a
    /// peer that has proved nothing yet.
    ///
    /// # Errors
    /// Those of the carrier; `InvalidData` when no packet fits into so much.
    pub(crate) fn poll_fill_sparingly(
        &mut self,
        context: &mut Context<'_>,
        carrier: &mut Carrier,
        max_held_bytes: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(carrier.poll_read_ready(context))?;
        let room = max_held_bytes.saturating_sub(self.input.len());
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        self.input.reserve(room);
        // The buffer may have more room than it was asked for.
        carrier.poll_read(context, &mut (&mut self.input).limit(room))
    }

    /// The next packet that is complete.
    ///
    /// # Errors
    /// [`Damage`]: on a reliable path nothing is damaged by accident, and the path has to end.
    pub(crate) fn next_packet(&mut self) -> Result<Option<BytesMut>, Damage> {
        if self.input.is_empty() {
            return Ok(None);
        }
        self.decoder.next_frame(&mut self.input)
    }

    /// Gives the buffer back unless a part of a frame is in it.
    pub(crate) fn rest(&mut self, pool: &Pool) {
        if self.input.is_empty() {
            self.replace(BytesMut::new(), false, pool);
        }
    }

    fn make_room(&mut self, pool: &Pool) {
        if self.input.capacity() - self.input.len() >= MIN_READ_BYTES {
            return;
        }
        let mut buffer = pool.lend();
        buffer.extend_from_slice(&self.input);
        self.replace(buffer, true, pool);
    }

    /// Goes on with another buffer.
    fn replace(&mut self, buffer: BytesMut, is_lent: bool, pool: &Pool) {
        let former = std::mem::replace(&mut self.input, buffer);
        if std::mem::replace(&mut self.is_lent, is_lent) {
            pool.give_back(former);
        }
    }
}

/// Frames on their way to the carrier, in order.
#[derive(Default)]
pub(crate) struct FrameWriter {
    frames: VecDeque<Frame>,
    /// How much of the first frame is written.
    written: usize,
}

struct Frame {
    buffer: PacketBuffer,
    range: Range<usize>,
}

impl FrameWriter {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Seals a packet, puts it into a frame, and queues it. Says how an attempt to compress came out.
    ///
    /// # Errors
    /// [`PathCause::Local`] if a packet is larger than it was agreed to be, or has not the room around it that a frame
    /// needs: the sending half keeps to both.
    pub(crate) fn seal(
        &mut self,
        job: SealJob,
        deflater: &mut Deflater,
    ) -> Result<Option<CodingNote>, PathCause> {
        let mut sealed = job.seal(deflater).map_err(|_| PathCause::Local)?;
        let frame = encode_in_place(sealed.buffer.as_mut_slice(), sealed.range);
        let range = frame.map_err(|_| PathCause::Local)?;
        self.frames.push_back(Frame { buffer: sealed.buffer, range });
        Ok(sealed.coding)
    }

    /// Writes until nothing is left, or the carrier takes no more.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        carrier: &mut Carrier,
        buffers: &BufferPool,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            ready!(carrier.poll_write_ready(context))?;
            match self.write_once(carrier) {
                Ok(written) => self.advance(written, buffers),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn write_once(&self, carrier: &mut Carrier) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut from = self.written;
        let mut used = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame.bytes().get(from..).unwrap_or_default());
            from = 0;
            used += 1;
        }
        carrier.try_write_vectored(slices.get(..used).unwrap_or_default())
    }

    fn advance(&mut self, written: usize, buffers: &BufferPool) {
        self.written += written;
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.range.len() <= self.written) {
            self.written -= frame.range.len();
            buffers.give(frame.buffer);
        }
        if self.frames.is_empty() {
            self.frames.shrink_to(0);
        }
    }
}

impl Frame {
    fn bytes(&self) -> &[u8] {
        self.buffer.as_slice().get(self.range.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
