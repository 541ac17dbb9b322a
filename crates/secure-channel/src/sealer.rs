//! What goes out: numbers are taken here, under the session's lock; packets are sealed anywhere.

use core::fmt;

use x3dh_handshake::Tag;

use crate::cipher::{Algorithm, PacketCipher};
use crate::header::{HEADER_BYTES, Header, MAX_PACKET_NUMBER, MAX_PLAINTEXT_BYTES, OVERHEAD_BYTES};
use crate::paths::{PathTable, RetiredPaths};
use crate::schedule::{ChainKey, EpochKey, KeyBlock};
use crate::{Error, Limits, NextSealing, PathNumber};

#[cfg(test)]
mod tests;

/// The sealing half of a session.
///
/// Commands: [`reserve`](Self::reserve), [`advance_epoch`](Self::advance_epoch),
/// [`retire_path`](Self::retire_path), [`close`](Self::close). It is meant to stand behind a lock: `reserve`
/// takes about a third of a hash, and the cipher runs in the [`SealTicket`] outside.
pub struct Sealer {
    algorithm: Algorithm,
    /// The peer's, so that it finds its session.
    tag: Tag,
    limits: Limits,
    /// `None` after the close.
    current: Option<Outgoing>,
    /// A generation that we answered with and that the peer has not used yet.
    next: Option<Box<Outgoing>>,
    retired: RetiredPaths,
}

/// One generation of the sealing direction.
struct Outgoing {
    generation: u64,
    epoch: u64,
    /// `c_{d,e+1}`
    chain: ChainKey,
    /// `p_{d,e}`
    key: EpochKey,
    sealed_in_epoch: u64,
    sealed: u64,
    highest: u64,
    paths: PathTable<Lane>,
}

/// One path of one generation.
struct Lane {
    next: u64,
    keys: KeyBlock,
}

impl Lane {
    const fn new() -> Self {
        Self { next: 0, keys: KeyBlock::empty() }
    }
}

impl Outgoing {
    fn new(generation: u64, chain: &ChainKey) -> Self {
        let (chain, key) = chain.step();
        let paths = PathTable::new();
        Self { generation, epoch: 0, chain, key, sealed_in_epoch: 0, sealed: 0, highest: 0, paths }
    }

    fn advance(&mut self) {
        (self.chain, self.key) = self.chain.step();
        self.epoch += 1;
        self.sealed_in_epoch = 0;
        self.paths.for_each(|lane| lane.keys = KeyBlock::empty());
    }
}

impl Sealer {
    pub(crate) fn new(algorithm: Algorithm, tag: Tag, limits: Limits, chain: &ChainKey) -> Self {
        let current = Some(Outgoing::new(0, chain));
        Self { algorithm, tag, limits, current, next: None, retired: RetiredPaths::new() }
    }

    /// Takes the next number of `path` and hands out what sealing that packet needs. The first call for a path
    /// starts it. A ticket that is dropped leaves a gap in the numbers, which disturbs nobody.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::PathRetired`], [`Error::TooManyPaths`], [`Error::Exhausted`].
    pub fn reserve(&mut self, path: PathNumber) -> Result<SealTicket, Error> {
        let current = self.current.as_mut().ok_or(Error::Closed)?;
        current.paths.check(path, &self.retired)?;
        let number = current.paths.find(path).map_or(0, |lane| lane.next);
        if number > MAX_PACKET_NUMBER {
            return Err(Error::Exhausted);
        }
        if current.sealed_in_epoch >= self.limits.epoch_packets.max(1) {
            current.advance();
        }
        let epoch = current.epoch;
        let lane = current.paths.enter(path, Lane::new);
        if !lane.keys.holds(epoch, number) {
            lane.keys.fill(&current.key, epoch, path, number);
        }
        let key = lane.keys.key(number);
        lane.next = number + 1;
        current.sealed_in_epoch += 1;
        current.sealed += 1;
        current.highest = current.highest.max(number);
        let header = Header {
            generation: low_byte(current.generation),
            epoch: low_byte(epoch),
            tag: self.tag,
            path,
            number,
        };
        let cipher = PacketCipher { algorithm: self.algorithm, key, number };
        Ok(SealTicket { header: header.encode(), cipher })
    }

    /// Moves to the next epoch now and erases the way back. [`reserve`](Self::reserve) does so by itself after
    /// [`Limits::epoch_packets`]; earlier moves are for a caller who knows that the peer has opened a packet of
    /// the present epoch, because the peer follows one step at a time.
    ///
    /// # Errors
    /// [`Error::EpochUnused`] when no packet was sealed in this epoch, [`Error::Closed`].
    pub fn advance_epoch(&mut self) -> Result<(), Error> {
        let current = self.current.as_mut().ok_or(Error::Closed)?;
        if current.sealed_in_epoch == 0 {
            return Err(Error::EpochUnused);
        }
        current.advance();
        Ok(())
    }

    /// Whether enough was sealed that fresh keys are due. Time is the caller's: see
    /// [`REKEY_AFTER`](crate::REKEY_AFTER).
    #[must_use]
    pub fn needs_rekey(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            current.sealed >= self.limits.rekey_packets || current.highest >= Limits::REKEY_NUMBER
        })
    }

    /// How often the session's keys were replaced before those in use for sealing.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.generation)
    }

    /// Takes the keys of the next generation. After our request they are used at once; after our answer to the
    /// peer's request they wait until [`follow`](Self::follow).
    ///
    /// # Errors
    /// [`Error::WrongGeneration`], [`Error::Closed`].
    pub fn install(&mut self, next: NextSealing) -> Result<(), Error> {
        let current = self.current.as_ref().ok_or(Error::Closed)?;
        if next.generation != current.generation + 1 || self.next.is_some() {
            return Err(Error::WrongGeneration);
        }
        self.next = Some(Box::new(Outgoing::new(next.generation, &next.chain)));
        if next.at_once {
            self.follow(next.generation);
        }
        Ok(())
    }

    /// Seals with `generation` from now on, if its keys are installed:
    /// [`Committed::generation`](crate::Committed) said that the peer uses it.
    pub fn follow(&mut self, generation: u64) {
        if let Some(mut next) = self.next.take_if(|next| next.generation == generation)
            && let Some(current) = &mut self.current
        {
            next.paths = current.paths.renewed(Lane::new);
            *current = *next;
        }
    }

    /// Ends `path`. Its number is refused for the rest of the session.
    pub fn retire_path(&mut self, path: PathNumber) {
        if let Some(current) = &mut self.current {
            current.paths.remove(path);
        }
        self.retired.retire(path);
    }

    /// Erases all keys. Tickets handed out before can still be used: seal the close first, then call this.
    pub fn close(&mut self) {
        self.current = None;
        self.next = None;
    }
}

fn low_byte(count: u64) -> u8 {
    count.to_le_bytes()[0]
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("generation", &self.generation())
            .field("epoch", &self.current.as_ref().map(|current| current.epoch))
            .finish_non_exhaustive()
    }
}

/// The right to seal one packet: its number, its key, its header. Used up by [`seal`](Self::seal).
#[must_use = "a reserved number that is never sealed is a gap"]
pub struct SealTicket {
    header: [u8; HEADER_BYTES],
    cipher: PacketCipher,
}

impl SealTicket {
    /// Seals one packet. `packet` is all of it, in this order:
    ///
    /// ```text
    /// | header, 19 bytes, written here | records, sealed in place | payload.len() bytes | tag, 16 bytes |
    /// ```
    ///
    /// What stands between the first 19 bytes and the room for `payload` and tag are the records. `payload` is
    /// sealed into the packet from where it is, without a copy of its own; it may be empty.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when `packet` is too short for that, or the plaintext longer than
    /// [`MAX_PLAINTEXT_BYTES`]; nothing was written then.
    pub fn seal(self, packet: &mut [u8], payload: &[u8]) -> Result<(), Error> {
        let plaintext = packet.len().checked_sub(OVERHEAD_BYTES).ok_or(Error::WrongLength)?;
        if plaintext < payload.len() || plaintext > MAX_PLAINTEXT_BYTES {
            return Err(Error::WrongLength);
        }
        let (header, body) = packet.split_at_mut(HEADER_BYTES);
        header.copy_from_slice(&self.header);
        self.cipher.seal(&self.header, body, payload)
    }

    /// Tells whether a key and nonce were used before: a hash of both, for simulations that note every one of them.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn key_fingerprint(&self) -> u128 {
        self.cipher.fingerprint()
    }

    /// The number that the packet will have on its path.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.cipher.number
    }
}

impl fmt::Debug for SealTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealTicket").field("number", &self.cipher.number).finish_non_exhaustive()
    }
}
