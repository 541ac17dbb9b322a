//! One generation of the opening direction: its epochs and its windows.

use crate::paths::{PathTable, RetiredPaths};
use crate::schedule::{ChainKey, EpochKey, KeyBlock};
use crate::secret::Secret;
use crate::window::Window;
use crate::{Error, PathNumber};

pub(crate) struct Incoming {
    generation: u64,
    epoch: u64,
    /// `c_{d,e+1}`
    chain: ChainKey,
    /// `p_{d,e}`
    key: EpochKey,
    /// `p_{d,e-1}`, for packets in flight.
    previous_key: Option<EpochKey>,
    opened_in_epoch: u64,
    opened: u64,
    paths: PathTable<Lane>,
}

/// One path of one generation.
struct Lane {
    window: Window,
    keys: KeyBlock,
}

impl Lane {
    const fn new() -> Self {
        Self { window: Window::new(), keys: KeyBlock::empty() }
    }
}

impl Incoming {
    pub(crate) fn new(generation: u64, chain: &ChainKey) -> Self {
        let (chain, key) = chain.step();
        Self {
            generation,
            epoch: 0,
            chain,
            key,
            previous_key: None,
            opened_in_epoch: 0,
            opened: 0,
            paths: PathTable::new(),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Packets accepted in this generation.
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    /// The epoch that a header's byte names: the present one, the one before while it is held, or the next.
    pub(crate) fn epoch_named(&self, low_byte: u8) -> Result<u64, Error> {
        match low_byte.wrapping_sub(self.epoch.to_le_bytes()[0]) {
            0 => Ok(self.epoch),
            1 => Ok(self.epoch + 1),
            u8::MAX if self.previous_key.is_some() => Ok(self.epoch - 1),
            _ => Err(Error::UnknownEpoch),
        }
    }

    /// The same question for an epoch in full.
    pub(crate) fn check_epoch(&self, epoch: u64) -> Result<(), Error> {
        let held = epoch == self.epoch
            || epoch == self.epoch + 1
            || (epoch + 1 == self.epoch && self.previous_key.is_some());
        if held { Ok(()) } else { Err(Error::UnknownEpoch) }
    }

    /// `Ok` when `path` is in use or may come into use.
    pub(crate) fn check_path(&self, path: PathNumber, retired: &RetiredPaths) -> Result<(), Error> {
        self.paths.check(path, retired)
    }

    /// `Ok` when a packet of this path and number may still be accepted.
    pub(crate) fn check_window(&self, path: PathNumber, number: u64) -> Result<(), Error> {
        self.paths.find(path).map_or(Ok(()), |lane| lane.window.check(number))
    }

    /// The key of a packet. On a path in use the block that it comes from is kept for the packets beside it; that is
    /// the memory of a function of what is held anyway, and decides nothing.
    pub(crate) fn packet_key(
        &mut self,
        epoch: u64,
        path: PathNumber,
        number: u64,
    ) -> Result<Secret<32>, Error> {
        let mut unknown_path = KeyBlock::empty();
        let block = self.paths.find_mut(path).map_or(&mut unknown_path, |lane| &mut lane.keys);
        if !block.holds(epoch, number) {
            let next;
            let key = if epoch == self.epoch {
                &self.key
            } else if epoch == self.epoch + 1 {
                (_, next) = self.chain.step();
                &next
            } else {
                self.previous_key.as_ref().ok_or(Error::UnknownEpoch)?
            };
            block.fill(key, epoch, path, number);
        }
        Ok(block.key(number))
    }

    /// Accepts a packet that has opened and passed all checks. Says whether it moved the epoch.
    pub(crate) fn accept(&mut self, epoch: u64, path: PathNumber, number: u64, grace_packets: u64) -> bool {
        let moves = epoch > self.epoch;
        if moves {
            self.advance();
        }
        self.opened += 1;
        if epoch == self.epoch {
            self.opened_in_epoch += 1;
        }
        if self.opened_in_epoch >= grace_packets {
            self.previous_key = None;
        }
        self.paths.enter(path, Lane::new).window.mark(number);
        moves
    }

    /// `c_{d,e+1}` becomes `c_{d,e+2}`, and with it the way back is erased but for `p_{d,e}`, kept for a while.
    fn advance(&mut self) {
        let (chain, key) = self.chain.step();
        self.chain = chain;
        self.previous_key = Some(core::mem::replace(&mut self.key, key));
        self.epoch += 1;
        self.opened_in_epoch = 0;
        self.paths.for_each(|lane| lane.keys = KeyBlock::empty());
    }

    pub(crate) fn holds_previous(&self) -> bool {
        self.previous_key.is_some()
    }

    pub(crate) fn forget_previous(&mut self) {
        self.previous_key = None;
    }

    pub(crate) fn enter_path(&mut self, path: PathNumber) {
        self.paths.enter(path, Lane::new);
    }

    pub(crate) fn remove_path(&mut self, path: PathNumber) {
        self.paths.remove(path);
    }

    /// Takes over the paths of the generation before, with nothing counted yet.
    pub(crate) fn adopt_paths(&mut self, before: &Self) {
        self.paths = before.paths.renewed(Lane::new);
    }
}

#[cfg(test)]
impl Incoming {
    /// Whether the key of such a packet is kept for the packets beside it.
    pub(crate) fn keeps_key_of(&self, epoch: u64, path: PathNumber, number: u64) -> bool {
        self.paths.find(path).is_some_and(|lane| lane.keys.holds(epoch, number))
    }

    /// Everything that decides anything, secrets included.
    pub(crate) fn state(&self) -> String {
        let keys = [
            Some(self.chain.bytes()),
            Some(self.key.bytes()),
            self.previous_key.as_ref().map(EpochKey::bytes),
        ];
        let windows: Vec<_> = self.paths.iter().map(|(path, lane)| (path, &lane.window)).collect();
        let counts = (self.generation, self.epoch, self.opened, self.opened_in_epoch);
        format!("{counts:?} {keys:?} {windows:?}")
    }
}
