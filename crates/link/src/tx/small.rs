//! Small messages: copied side by side into the packet that is open.

use super::content::{MAX_PACKED_MESSAGE_BYTES_U64, is_packable};
use super::{Tx, next_operation};
use crate::credit::cost;
use crate::error::{SendError, TrySendError};
use crate::operation::OperationId;
use crate::outbound::Unacked;
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
        let stream = self.streams.get_mut(&id).ok_or(SendError::NoSuchStream)?;
        stream.check_usable()?;
        if !stream.queue.is_empty() {
            return Err(TrySendError::Full);
        }
        if !is_packable(message.len(), stream.options, self.layout) {
            return Ok(Packed::No(stream.options));
        }
        let cost = cost(message.len());
        let packing = match stream.options.priority {
            Priority::Urgent => &mut self.urgent,
            _ => &mut self.normal,
        };
        let credit = stream.allowance.left().min(self.session.left());
        if cost > credit || packing.full_packets() >= self.limits.max_ready_packets {
            return Err(TrySendError::Full);
        }
        let operation = confirm.then(|| next_operation(&mut self.next_operation));
        stream.allowance.spend(cost);
        self.session.spend(cost);
        let number = stream.take_number();
        if let Some(operation) = operation {
            stream.unacked.push_back(Unacked { number, operation });
        }
        let message = Message { stream: id, number, acked: confirm, payload: message };
        packing.append(&message, self.layout, &self.pool);
        Ok(Packed::Yes(operation))
    }
}
