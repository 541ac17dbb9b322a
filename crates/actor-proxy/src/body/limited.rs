//! Where an encoder writes: the end of a vector, up to a limit.

use std::io;

/// How much is gathered before it goes to the vector, in bytes: encoders write a number at a time, and a small
/// message fits as a whole.
const GATHERED_BYTES: usize = 128;

/// Appends to a vector until a limit, and remembers that it was met.
pub(super) struct Limited<'o> {
    out: &'o mut Vec<u8>,
    /// How many bytes the vector may still take, those gathered included.
    left: usize,
    gathered: [u8; GATHERED_BYTES],
    filled: usize,
    exceeded: bool,
}

/// A write that would pass the limit.
pub(super) struct Exceeded;

impl<'o> Limited<'o> {
    #[inline]
    pub(super) fn new(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self { out, left: limit, gathered: [0; GATHERED_BYTES], filled: 0, exceeded: false }
    }

    /// Appends all of `bytes` or nothing; after a refusal, nothing ever again.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Exceeded> {
        let Some(left) = self.left.checked_sub(bytes.len()) else { return self.refuse() };
        self.left = left;
        match self.gathered.get_mut(self.filled..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.filled += bytes.len();
            }
            None => self.spill(bytes),
        }
        Ok(())
    }

    /// Completes the vector; whether nothing was refused.
    #[inline]
    pub(super) fn finish(mut self) -> Result<(), Exceeded> {
        if self.exceeded {
            return Err(Exceeded);
        }
        self.spill(&[]);
        Ok(())
    }

    fn spill(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(&self.gathered[..self.filled]);
        self.filled = 0;
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
