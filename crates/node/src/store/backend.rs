//! What redb reads and writes: a medium as it is, or one under a layer in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Mutex;

use redb::{BackendError, StorageBackend};

use crate::sync::lock;

/// What a layer in memory keeps at once.
const BLOCK_BYTES: usize = 4096;
const BLOCK: u64 = 4096;
/// The largest layer: what opening a database writes, with room to spare.
const MAX_LAYER_BLOCKS: usize = 16 * 1024;

/// What redb reads and writes.
pub(super) struct Backend {
    base: Box<dyn StorageBackend>,
    layer: Option<Mutex<Layer>>,
}

/// What was written since, and is on no medium.
struct Layer {
    len: u64,
    /// How much of the medium still shows through.
    base_len: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

impl Backend {
    /// Writes where it reads.
    pub(super) fn direct(base: Box<dyn StorageBackend>) -> Self {
        Self { base, layer: None }
    }

    /// Writes to memory only: opens a database whose repair has no room on its medium, for reading.
    pub(super) fn layered(base: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = base.len()?;
        let layer = Layer { len, base_len: len, blocks: BTreeMap::new() };
        Ok(Self { base, layer: Some(Mutex::new(layer)) })
    }
}

/// A run of bytes that lies in one block.
struct Piece {
    block: u64,
    /// From where in the block.
    within: usize,
    /// From where in the caller's bytes.
    at: usize,
    count: usize,
}

/// The pieces of `length` bytes from `offset` on.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    let mut block = offset / BLOCK;
    let mut within = usize::try_from(offset % BLOCK).unwrap_or_default();
    std::iter::from_fn(move || {
        let count = (BLOCK_BYTES - within).min(length - at);
        let piece = Piece { block, within, at, count };
        (at, block, within) = (at + count, block + 1, 0);
        (count > 0).then_some(piece)
    })
}

impl Layer {
    /// A block as the medium has it, zero where that does not reach.
    fn below(&self, base: &dyn StorageBackend, block: u64) -> io::Result<Box<[u8; BLOCK_BYTES]>> {
        let mut bytes = Box::new([0; BLOCK_BYTES]);
        let start = block.saturating_mul(BLOCK);
        let there = self.base_len.saturating_sub(start).min(BLOCK);
        let there = usize::try_from(there).map_err(io::Error::other)?;
        if there > 0 {
            base.read(start, &mut bytes[..there])?;
        }
        Ok(bytes)
    }

    fn read(&self, base: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        for Piece { block, within, at, count } in pieces(offset, out.len()) {
            let part = &mut out[at..at + count];
            match self.blocks.get(&block) {
                Some(bytes) => part.copy_from_slice(&bytes[within..within + count]),
                None => part.copy_from_slice(&self.below(base, block)?[within..within + count]),
            }
        }
        Ok(())
    }

    fn write(&mut self, base: &dyn StorageBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        for Piece { block, within, at, count } in pieces(offset, data.len()) {
            if !self.blocks.contains_key(&block) {
                if self.blocks.len() >= MAX_LAYER_BLOCKS {
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                let below = self.below(base, block)?;
                self.blocks.insert(block, below);
            }
            if let Some(bytes) = self.blocks.get_mut(&block) {
                bytes[within..within + count].copy_from_slice(&data[at..at + count]);
            }
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        // What is cut off is zero when it comes back.
        self.base_len = self.base_len.min(len);
        self.blocks.retain(|block, _| block.saturating_mul(BLOCK) < len);
        let within = usize::try_from(len % BLOCK).unwrap_or_default();
        if let Some(last) = self.blocks.get_mut(&(len / BLOCK)) {
            last[within..].fill(0);
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.layer.as_ref().map_or_else(|| self.base.len(), |layer| Ok(lock(layer).len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.layer {
            None => self.base.read(offset, out),
            Some(layer) => lock(layer).read(&*self.base, offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match &self.layer {
            None => self.base.set_len(len),
            Some(layer) => {
                lock(layer).set_len(len);
                Ok(())
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        match &self.layer {
            None => self.base.sync_data(),
            Some(_) => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &self.layer {
            None => self.base.write(offset, data),
            Some(layer) => lock(layer).write(&*self.base, offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.base.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base.query_lock_range(start, end)
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("layered", &self.layer.is_some()).finish_non_exhaustive()
    }
}
