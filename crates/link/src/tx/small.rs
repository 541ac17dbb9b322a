//! Small messages: copied side by side into the packet that is open.

use super::content::{MAX_PACKED_MESSAGE_BYTES_U64, is_packable};
use super::{Tx, next_operation};
use crate::credit::cost;
use crate::error::{SendError, TrySendError};
use crate::operation::OperationId;
use crate::outbound::Unacked;
use crate::record::Head;
use crate::stream::{Priority, StreamId};

impl Tx {
    /// As [`try_send`](Self::try_send) without confirmation, for a message that is copied in any case: of at most 16 KiB,
    /// on a stream that compresses nothing.
    ///
    /// # Errors
    /// As there; [`SendError::TooLarge`] for a message that cannot share a packet.
    pub fn try_send_copied(&mut self, id: StreamId, message: &[u8]) -> Result<(), TrySendError> {
        self.check_open()?;
        let layout = self.layout;
        let stream = self.streams.get_mut(&id).ok_or(SendError::NoSuchStream)?;
        stream.check_usable()?;
        if !is_packable(message.len(), stream.options, layout) {
            let bytes = u64::try_from(message.len()).unwrap_or(u64::MAX);
            return Err(SendError::TooLarge { bytes, limit: MAX_PACKED_MESSAGE_BYTES_U64 }.into());
        }
        if !stream.queue.is_empty() {
            return Err(TrySendError::Full);
        }
        self.pack(id, message, false).map(|_| ())
    }

    /// Copies a message into the packet that is open, if credit and room allow it.
    pub(super) fn pack(
        &mut self,
        id: StreamId,
        message: &[u8],
        confirm: bool,
    ) -> Result<Option<OperationId>, TrySendError> {
        let Some(stream) = self.streams.get_mut(&id) else { return Err(SendError::NoSuchStream.into()) };
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
        let head = Head::message(id, number, confirm, message.len());
        let buffer = packing.room_for(head.as_bytes().len() + message.len(), self.layout, &self.pool);
        buffer.append(head.as_bytes());
        buffer.append(message);
        Ok(operation)
    }
}
