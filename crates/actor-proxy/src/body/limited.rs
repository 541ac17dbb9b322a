//! Where an encoder writes: the end of a vector, up to a limit.

use std::io;

use crate::limits::MAX_COPIED_BYTES;
use crate::scope;
use crate::written::MIN_SHARED_BYTES;

/// How much is gathered before it goes to the vector, in bytes: encoders write a number at a time, and a small
/// message fits as a whole.
const GATHERED_BYTES: usize = 128;
// What fits there is copied between senders and packets without being looked at again.
const _: () = assert!(GATHERED_BYTES <= MAX_COPIED_BYTES);

/// Room for a small message, where whoever wants it written keeps it.
pub(crate) struct Short {
    bytes: [u8; GATHERED_BYTES],
    filled: usize,
}

impl Short {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { bytes: [0; GATHERED_BYTES], filled: 0 }
    }

    /// What stands in it.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

/// Appends to a vector until a limit, and remembers that it was met.
pub(super) struct Limited<'o> {
    gathered: &'o mut Short,
    out: &'o mut Vec<u8>,
    /// Where the vector comes from, while none is needed.
    lend: Option<fn() -> Vec<u8>>,
    /// How many bytes may still be written.
    left: usize,
    exceeded: bool,
}

/// A write that would pass the limit.
pub(super) struct Exceeded;

impl<'o> Limited<'o> {
    #[inline]
    pub(super) fn new(gathered: &'o mut Short, out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self { gathered, out, lend: None, left: limit, exceeded: false }
    }

    /// Takes the vector from `lend` once it is needed: for more than `gathered` has room for.
    #[inline]
    pub(super) fn lending(self, lend: fn() -> Vec<u8>) -> Self {
        Self { lend: Some(lend), ..self }
    }

    /// Appends all of `bytes` or nothing; after a refusal, nothing ever again.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Exceeded> {
        let Some(left) = self.left.checked_sub(bytes.len()) else { return self.refuse() };
        self.left = left;
        let Short { bytes: room, filled } = &mut *self.gathered;
        match room.get_mut(*filled..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                *filled += bytes.len();
            }
            None => self.spill(bytes),
        }
        Ok(())
    }

    /// Completes what was written: in the vector, or, while none was needed, where it was gathered. Whether nothing was
    /// refused.
    #[inline]
    pub(super) fn finish(mut self) -> Result<(), Exceeded> {
        if self.exceeded {
            return Err(Exceeded);
        }
        if self.lend.is_none() {
            self.spill(&[]);
        }
        Ok(())
    }

    fn spill(&mut self, bytes: &[u8]) {
        if let Some(lend) = self.lend.take() {
            *self.out = lend();
        }
        self.out.extend_from_slice(self.gathered.as_slice());
        self.gathered.filled = 0;
        if bytes.len() >= MIN_SHARED_BYTES {
            if scope::share(bytes, self.out.len()) {
                return;
            }
            // A few bytes that follow shall not double what is large.
            self.out.reserve(bytes.len() + GATHERED_BYTES);
        }
        self.out.extend_from_slice(bytes);
    }

    #[cold]
    fn refuse(&mut self) -> Result<(), Exceeded> {
        self.left = 0;
        self.exceeded = true;
        Err(Exceeded)
    }
}

impl io::Write for Limited<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.append(bytes).map_err(|Exceeded| io::ErrorKind::StorageFull.into())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
