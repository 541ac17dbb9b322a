//! A message that is written in pieces.

use std::fmt;

use bytes::Bytes;
use link::Outcome;

use crate::error::SendError;
use crate::session::Operation;

/// A large message under way. Dropping it before [`finish`](Self::finish) gives the message up: its receiver is told.
pub struct Outgoing {
    operation: Operation,
    total_bytes: u64,
    unwritten_bytes: u64,
    ended: Option<Outcome>,
}

impl Outgoing {
    pub(crate) fn new(operation: Operation, total_bytes: u64) -> Self {
        Self { operation, total_bytes, unwritten_bytes: total_bytes, ended: None }
    }

    /// How many bytes of the announced total are still to be written.
    #[must_use]
    pub fn unwritten_bytes(&self) -> u64 {
        self.unwritten_bytes
    }

    /// Writes the next piece, of any size; resolves when it was taken under flow control. A future that is dropped
    /// before has written nothing.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] if the piece passes the announced total: nothing was written. Otherwise the message has
    /// ended, and every later call says the same.
    pub async fn write(&mut self, piece: impl Into<Bytes>) -> Result<(), SendError> {
        let piece = piece.into();
        let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if bytes > self.unwritten_bytes {
            return Err(SendError::TooLarge { bytes, limit: self.unwritten_bytes });
        }
        if let Some(outcome) = self.ended {
            return Err(failure(outcome));
        }
        if bytes == 0 {
            return Ok(());
        }
        if let Err(outcome) = std::future::poll_fn(|context| self.operation.poll_hungry(context)).await {
            self.ended = Some(outcome);
            return Err(failure(outcome));
        }
        if self.operation.supply(piece).is_err() {
            // It has ended between the two calls.
            let outcome = (&mut self.operation).await;
            self.ended = Some(outcome);
            return Err(failure(outcome));
        }
        self.unwritten_bytes -= bytes;
        Ok(())
    }

    /// Waits until the whole message is in the queue of the far receiver.
    ///
    /// # Errors
    /// [`SendError::Incomplete`] if not all of it was written: then it is given up. [`SendError`].
    pub async fn finish(self) -> Result<(), SendError> {
        let outcome = match self.ended {
            Some(outcome) => outcome,
            None if self.unwritten_bytes > 0 => {
                return Err(SendError::Incomplete { missing_bytes: self.unwritten_bytes });
            }
            None => self.operation.await,
        };
        SendError::of_outcome(outcome)
    }
}

/// A message that ended before it was written as a whole did not arrive, whatever it ended by.
fn failure(outcome: Outcome) -> SendError {
    SendError::of_outcome(outcome).err().unwrap_or(SendError::Lost { maybe_delivered: false })
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("total_bytes", &self.total_bytes)
            .field("unwritten_bytes", &self.unwritten_bytes)
            .finish_non_exhaustive()
    }
}
