//! Small messages: copied side by side into the packet that is open.

use super::content::{MAX_PACKED_MESSAGE_BYTES_U64, is_packable};
use super::{Tx, next_operation};
use crate::credit::{Allowance, cost};
use crate::error::{SendError, TrySendError};
use crate::operation::OperationId;
use crate::outbound::{OutStream, Unacked};
use crate::packet::BufferPool;
use crate::packing::{Layout, Packing};
use crate::record::Message;
use crate::stream::{Priority, StreamId, StreamOptions};

/// What came of the attempt to copy a message into a packet.
pub(super) enum Packed {
    /// It is there; with an operation if its arrival is to be confirmed.
    Yes(Option<OperationId>),
    /// It goes chunk by chunk, on a stream with these options.
    No(StreamOptions),
}

impl Tx {
    /// As [`try_send`](Self::try_send) without confirmation, for a message that is copied in any case: of at most 16 KiB,
    /// on a stream that compresses nothing.
    ///
    /// # Errors
    /// As there; [`SendError::TooLarge`] for a message that cannot share a packet.
    pub fn try_send_copied(&mut self, id: StreamId, message: &[u8]) -> Result<(), TrySendError> {
        match self.pack(id, message, false)? {
            Packed::Yes(_) => Ok(()),
            Packed::No(_) => {
                let bytes = u64::try_from(message.len()).unwrap_or(u64::MAX);
                Err(SendError::TooLarge { bytes, limit: MAX_PACKED_MESSAGE_BYTES_U64 }.into())
            }
        }
    }

    /// Copies messages into packets, one behind the other, as long as each can go at once, and says how many it took: it
    /// does what as many calls of [`try_send`](Self::try_send) without confirmation do, with one look at the stream. What
    /// is in the way of the next one that call tells.
    ///
    /// # Errors
    /// [`SendError`]: nothing can be sent on this stream.
    pub fn try_send_run<'m>(
        &mut self,
        id: StreamId,
        messages: impl IntoIterator<Item = &'m [u8]>,
    ) -> Result<usize, SendError> {
        let largest = usize::try_from(self.limits.max_message_bytes).unwrap_or(usize::MAX);
        let mut room = self.room(id)?;
        let mut taken = 0;
        for message in messages {
            if message.len() > largest || !matches!(room.copy(id, message, false), Ok(Copied::Yes(_))) {
                break;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Copies a message into the packet that is open, if it can share one, and credit and room allow it. Most messages go
    /// this way: their stream is looked up once.
    pub(super) fn pack(
        &mut self,
        id: StreamId,
        message: &[u8],
        confirm: bool,
    ) -> Result<Packed, TrySendError> {
        self.check_open()?;
        self.check_size(u64::try_from(message.len()).unwrap_or(u64::MAX))?;
        let number = match self.room(id)?.copy(id, message, confirm)? {
            Copied::Yes(number) => number,
            Copied::No(options) => return Ok(Packed::No(options)),
        };
        if !confirm {
            return Ok(Packed::Yes(None));
        }
        let operation = next_operation(&mut self.next_operation);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.unacked.push_back(Unacked { number, operation });
        }
        Ok(Packed::Yes(Some(operation)))
    }

    /// Where messages of a stream are copied to.
    fn room(&mut self, id: StreamId) -> Result<Room<'_>, SendError> {
        self.check_open()?;
        let stream = self.streams.get_mut(&id).ok_or(SendError::NoSuchStream)?;
        stream.check_usable()?;
        let packing = match stream.options.priority {
            Priority::Urgent => &mut self.urgent,
            _ => &mut self.normal,
        };
        let (session, pool, layout) = (&mut self.session, &self.pool, self.layout);
        Ok(Room { stream, session, packing, pool, layout, max_ready_packets: self.limits.max_ready_packets })
    }
}

/// A stream, its credit, and the packets that it shares with others.
struct Room<'a> {
    stream: &'a mut OutStream,
    session: &'a mut Allowance,
    packing: &'a mut Packing,
    pool: &'a BufferPool,
    layout: Layout,
    max_ready_packets: usize,
}

/// What came of the attempt to copy one message.
enum Copied {
    /// It has this number.
    Yes(u64),
    /// It is too large to be copied, or is to be compressed.
    No(StreamOptions),
}

impl Room<'_> {
    #[inline]
    fn copy(&mut self, id: StreamId, message: &[u8], acked: bool) -> Result<Copied, TrySendError> {
        let Self { stream, session, packing, pool, layout, max_ready_packets } = self;
        if !stream.queue.is_empty() {
            return Err(TrySendError::Full);
        }
        if !is_packable(message.len(), stream.options, *layout) {
            return Ok(Copied::No(stream.options));
        }
        let cost = cost(message.len());
        let credit = stream.allowance.left().min(session.left());
        if cost > credit || packing.full_packets() >= *max_ready_packets {
            return Err(TrySendError::Full);
        }
        stream.allowance.spend(cost);
        session.spend(cost);
        let number = stream.take_number();
        packing.append(&Message { stream: id, number, acked, payload: message }, *layout, pool);
        Ok(Copied::Yes(number))
    }
}
