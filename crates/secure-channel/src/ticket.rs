//! One packet between its arrival and its acceptance.

use core::fmt;
use core::ops::Range;

use crate::Error;
use crate::cipher::PacketCipher;
use crate::header::{HEADER_BYTES, Header, TAG_BYTES};

/// What opening one packet needs. Holding one has changed nothing; many may be held at a time.
pub struct OpenTicket {
    pub(crate) facts: PacketFacts,
    pub(crate) cipher: PacketCipher,
}

/// Which packet a ticket is about.
#[derive(Debug)]
pub(crate) struct PacketFacts {
    pub(crate) header: Header,
    pub(crate) packet_bytes: usize,
    /// In full, unlike in the header.
    pub(crate) generation: u64,
    pub(crate) epoch: u64,
}

/// Proof that a packet opened. It counts as received only after [`Opener::commit`](crate::Opener::commit).
#[must_use = "only `Opener::commit` protects against a replay of this packet"]
pub struct Opened {
    pub(crate) facts: PacketFacts,
}

impl OpenTicket {
    /// Opens the packet in place. `packet` is the one the ticket was made for, whole.
    ///
    /// # Errors
    /// [`Error::Unauthentic`]: what `packet` holds then is unspecified. [`Error::WrongTicket`] when it is not the
    /// packet of this ticket; it is untouched then. Neither has changed the [`Opener`](crate::Opener).
    pub fn open(self, packet: &mut [u8]) -> Result<Opened, Error> {
        if packet.len() != self.facts.packet_bytes {
            return Err(Error::WrongTicket);
        }
        let (header, body) = packet.split_at_mut(HEADER_BYTES);
        let expected = self.facts.header.encode();
        if header != expected {
            return Err(Error::WrongTicket);
        }
        self.cipher.open(&expected, body)?;
        Ok(Opened { facts: self.facts })
    }
}

impl Opened {
    /// Where in the packet the plaintext stands.
    #[must_use]
    pub fn plaintext(&self) -> Range<usize> {
        HEADER_BYTES..self.facts.packet_bytes - TAG_BYTES
    }
}

impl fmt::Debug for OpenTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTicket").field("header", &self.facts.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("header", &self.facts.header).finish_non_exhaustive()
    }
}
