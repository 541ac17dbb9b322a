//! What comes in: a packet changes something here only after it has opened.

use core::fmt;

use x3dh_handshake::Tag;

use crate::cipher::{Algorithm, PacketCipher};
use crate::header::Header;
use crate::incoming::Incoming;
use crate::paths::RetiredPaths;
use crate::schedule::ChainKey;
use crate::ticket::PacketFacts;
use crate::{Error, Limits, NextOpening, OpenTicket, Opened, PathNumber};

#[cfg(test)]
mod tests;

/// The opening half of a session.
///
/// Inputs: [`ticket`](Self::ticket) and [`commit`](Self::commit), or [`open`](Self::open) for all in one step.
/// Commands: [`install`](Self::install), [`retire_path`](Self::retire_path), [`forget_previous`](Self::forget_previous),
/// [`close`](Self::close). Only `commit` and the commands change anything.
pub struct Opener {
    algorithm: Algorithm,
    /// Ours: what packets of this session name.
    tag: Tag,
    limits: Limits,
    confirmed: bool,
    retired: RetiredPaths,
    /// `None` after the close.
    generations: Option<Generations>,
}

/// The generations whose packets open.
///
/// ```text
///              install                   first packet of g + 1 commits
///   { g } ─────────────────> { g, g + 1 } ─────────────────────────────> { g + 1, g as previous }
///     ^                                                                            │
///     └───────────────── grace over, or forget_previous ──────────────────────────┘
/// ```
struct Generations {
    current: Incoming,
    /// Agreed on, not used by the peer yet.
    next: Option<Box<Incoming>>,
    /// Still open for packets in flight.
    previous: Option<Box<Incoming>>,
}

/// What the acceptance of a packet brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// This was the first packet of the session: the peer has proven that it holds the session's keys.
    pub confirms: bool,
    /// The peer has begun to use this generation: tell [`Sealer::follow`](crate::Sealer::follow) and
    /// [`Rekey::handle_followed`](crate::Rekey::handle_followed), and let the peer see a packet of it soon.
    pub generation: Option<u64>,
    /// Keys before the present ones are held for packets in flight. Call
    /// [`Opener::forget_previous`] after [`PREVIOUS_GRACE`](crate::PREVIOUS_GRACE).
    pub moved: bool,
}

impl Opener {
    pub(crate) fn new(algorithm: Algorithm, tag: Tag, limits: Limits, chain: &ChainKey) -> Self {
        let generations = Generations { current: Incoming::new(0, chain), next: None, previous: None };
        let retired = RetiredPaths::new();
        Self { algorithm, tag, limits, confirmed: false, retired, generations: Some(generations) }
    }

    /// Finds the key of a packet. The packet may be forged, so this changes nothing that decides anything: several
    /// tickets may be taken before the first of them is opened.
    ///
    /// # Errors
    /// One of the packet's faults in [`Error`], or [`Error::Closed`].
    pub fn ticket(&mut self, packet: &[u8]) -> Result<OpenTicket, Error> {
        let generations = self.generations.as_mut().ok_or(Error::Closed)?;
        let header = Header::decode(packet)?;
        if header.tag != self.tag {
            return Err(Error::WrongTag);
        }
        let incoming = generations.find_named(header.generation).ok_or(Error::UnknownEpoch)?;
        let (generation, epoch) = (incoming.generation(), incoming.epoch_named(header.epoch)?);
        generations.check(incoming, &header, &self.retired)?;
        let incoming = generations.find_mut(generation).ok_or(Error::UnknownEpoch)?;
        let key = incoming.packet_key(epoch, header.path, header.number)?;
        let facts = PacketFacts { header, packet_bytes: packet.len(), generation, epoch };
        Ok(OpenTicket {
            facts,
            cipher: PacketCipher { algorithm: self.algorithm, key, number: header.number },
        })
    }

    /// Accepts a packet that has opened: moves the replay window, and with the first packet of an epoch or a
    /// generation the keys. Only after this may its content be used.
    ///
    /// # Errors
    /// [`Error::Replayed`] when a duplicate, opened at the same time, came first; [`Error::TooOld`],
    /// [`Error::UnknownEpoch`], [`Error::PathRetired`] or [`Error::TooManyPaths`] when others overtook it so far;
    /// [`Error::WrongTicket`], [`Error::Closed`].
    pub fn commit(&mut self, opened: Opened) -> Result<Committed, Error> {
        let generations = self.generations.as_mut().ok_or(Error::Closed)?;
        let PacketFacts { header, generation, epoch, .. } = opened.facts;
        if header.tag != self.tag {
            return Err(Error::WrongTicket);
        }
        let incoming = generations.find(generation).ok_or(Error::UnknownEpoch)?;
        incoming.check_epoch(epoch)?;
        generations.check(incoming, &header, &self.retired)?;

        let new_generation = generations.promote(generation);
        generations.current.enter_path(header.path);
        let grace_packets = self.limits.grace_packets;
        let incoming = generations.find_mut(generation).ok_or(Error::UnknownEpoch)?;
        let new_epoch = incoming.accept(epoch, header.path, header.number, grace_packets);
        generations.end_grace(grace_packets);
        let confirms = !self.confirmed;
        self.confirmed = true;
        Ok(Committed {
            confirms,
            generation: new_generation.then_some(generation),
            moved: new_generation || new_epoch,
        })
    }

    /// [`ticket`](Self::ticket), [`OpenTicket::open`] and [`commit`](Self::commit) in one step: the plaintext
    /// within `packet`, and what its acceptance brought about.
    ///
    /// # Errors
    /// Those of the three. What `packet` holds after [`Error::Unauthentic`] is unspecified.
    pub fn open<'packet>(
        &mut self,
        packet: &'packet mut [u8],
    ) -> Result<(&'packet mut [u8], Committed), Error> {
        let opened = self.ticket(packet)?.open(packet)?;
        let plaintext = opened.plaintext();
        let committed = self.commit(opened)?;
        packet.get_mut(plaintext).map(|text| (text, committed)).ok_or(Error::WrongLength)
    }

    /// Accepts packets of the next generation from now on, besides those of the present one.
    ///
    /// # Errors
    /// [`Error::WrongGeneration`], [`Error::Closed`].
    pub fn install(&mut self, next: NextOpening) -> Result<(), Error> {
        let held = self.generations.as_mut().ok_or(Error::Closed)?;
        if next.generation != held.current.generation() + 1 || held.next.is_some() {
            return Err(Error::WrongGeneration);
        }
        held.next = Some(Box::new(Incoming::new(next.generation, &next.chain)));
        Ok(())
    }

    /// Whether the peer has proven, with at least one packet, that it holds the session's keys.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether keys before the present ones are still held for packets in flight.
    #[must_use]
    pub fn holds_previous(&self) -> bool {
        self.generations.as_ref().is_some_and(|held| held.previous.is_some() || held.current.holds_previous())
    }

    /// Erases the epoch and the generation before the present ones: packets still in flight are lost.
    pub fn forget_previous(&mut self) {
        if let Some(held) = &mut self.generations {
            held.previous = None;
            held.current.forget_previous();
        }
    }

    /// Ends `path`. Packets that name it are refused for the rest of the session.
    pub fn retire_path(&mut self, path: PathNumber) {
        if let Some(held) = &mut self.generations {
            held.current.remove_path(path);
            for other in [&mut held.next, &mut held.previous].into_iter().flatten() {
                other.remove_path(path);
            }
        }
        self.retired.retire(path);
    }

    /// Erases all keys; nothing opens any more.
    pub fn close(&mut self) {
        self.generations = None;
    }
}

impl Generations {
    fn all(&self) -> impl Iterator<Item = &Incoming> {
        let others = [&self.next, &self.previous];
        core::iter::once(&self.current).chain(others.into_iter().flatten().map(|boxed| &**boxed))
    }

    /// By the byte in the header: of three consecutive numbers at most one fits.
    fn find_named(&self, low_byte: u8) -> Option<&Incoming> {
        self.all().find(|incoming| incoming.generation().to_le_bytes()[0] == low_byte)
    }

    fn find(&self, generation: u64) -> Option<&Incoming> {
        self.all().find(|incoming| incoming.generation() == generation)
    }

    fn find_mut(&mut self, generation: u64) -> Option<&mut Incoming> {
        if self.current.generation() == generation {
            return Some(&mut self.current);
        }
        let others = [&mut self.next, &mut self.previous];
        others.into_iter().flatten().map(|boxed| &mut **boxed).find(|held| held.generation() == generation)
    }

    /// Windows are per generation; which paths are in use is a matter of the current one.
    fn check(&self, incoming: &Incoming, header: &Header, retired: &RetiredPaths) -> Result<(), Error> {
        self.current.check_path(header.path, retired)?;
        incoming.check_window(header.path, header.number)
    }

    /// Makes `generation` the current one if it was the next; the one before stays for packets in flight.
    fn promote(&mut self, generation: u64) -> bool {
        let Some(mut next) = self.next.take_if(|next| next.generation() == generation) else {
            return false;
        };
        next.adopt_paths(&self.current);
        let previous = core::mem::replace(&mut self.current, *next);
        self.previous = Some(Box::new(previous));
        true
    }

    fn end_grace(&mut self, grace_packets: u64) {
        if self.current.opened() >= grace_packets {
            self.previous = None;
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.generations.as_ref().map(|held| &held.current);
        f.debug_struct("Opener")
            .field("confirmed", &self.confirmed)
            .field("generation", &current.map(Incoming::generation))
            .field("epoch", &current.map(Incoming::epoch))
            .finish_non_exhaustive()
    }
}
