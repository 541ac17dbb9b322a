//! T packets: what both ends say once there are keys (PROTOCOL §14.5).

use snow::TransportState;
use zeroize::Zeroizing;

use super::{exchange::Exchange, packet::Kind, packet::Record};
use crate::{
    aead::TAG_BYTES,
    error::{Error, Rejected},
};

/// The keys of both directions. A packet opens in its place only: not twice, not earlier, not later.
pub(super) struct Transport {
    state: TransportState,
    sent: u64,
}

impl Transport {
    pub(super) fn new(exchange: Exchange) -> Result<Self, Error> {
        let state = exchange.into_state().into_transport_mode().map_err(|_| Error::Primitive)?;
        Ok(Self { state, sent: 0 })
    }

    /// T packets sealed so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn seal(&mut self, record: &Record<'_>) -> Result<Vec<u8>, Error> {
        let plaintext = record.encode();
        let mut packet = vec![0; 1 + plaintext.len() + TAG_BYTES];
        let (first, message) = packet.split_first_mut().ok_or(Error::Primitive)?;
        *first = Kind::Transport.byte();
        let written = self.state.write_message(&plaintext, message).map_err(|_| Error::Primitive)?;
        if written != message.len() {
            return Err(Error::Primitive);
        }
        self.sent += 1;
        Ok(packet)
    }

    /// The plaintext of the far end's next packet.
    pub(super) fn open(&mut self, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Rejected> {
        let length = body.len().checked_sub(TAG_BYTES).ok_or(Rejected)?;
        let mut plaintext = Zeroizing::new(vec![0; length]);
        let read = self.state.read_message(body, &mut plaintext).map_err(|_| Rejected)?;
        if read == length { Ok(plaintext) } else { Err(Rejected) }
    }
}
