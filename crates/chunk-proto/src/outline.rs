//! The grid a message lies on.

use std::ops::Range;

use crate::Error;

/// Smallest chunk size of a message of several chunks, in bytes: below it headers would outweigh what they carry.
pub const MIN_CHUNK_BYTES: u32 = 64;

/// Largest chunk size, in bytes: what one chunk can make a receiver allocate at once.
pub const MAX_CHUNK_BYTES: u32 = 65_536;

/// Chunk size unless configured otherwise, in bytes.
pub const DEFAULT_CHUNK_BYTES: u32 = 64_000;

/// A message of `total_bytes` on a grid: chunk `i` covers `i*c .. min((i+1)*c, total)` for `c = chunk_bytes`.
///
/// Chunks that lie on a grid cannot overlap and cannot leave gaps, so these need no checking anywhere. A message of
/// no bytes is one empty chunk. Outlines are canonical: a message that fits one chunk has `chunk_bytes` equal to its
/// length (1 if it is empty), whatever chunk size was asked for, so equal grids are equal values.
///
/// ```
/// use chunk_proto::Outline;
///
/// let outline = Outline::new(150_000, 64_000)?;
/// assert_eq!(outline.chunks(), 3);
/// assert_eq!(outline.range(2), Some(128_000..150_000));
/// assert_eq!(outline.range(3), None);
/// # Ok::<(), chunk_proto::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outline {
    total_bytes: u64,
    chunk_bytes: u32,
}

impl Outline {
    /// The grid of a message of `total_bytes` cut every `chunk_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::ChunkBytes`] outside [`MIN_CHUNK_BYTES`] to [`MAX_CHUNK_BYTES`], [`Error::TooManyChunks`] where a
    /// 32-bit index cannot count them.
    pub fn new(total_bytes: u64, chunk_bytes: u32) -> Result<Self, Error> {
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&chunk_bytes) {
            return Err(Error::ChunkBytes { chunk_bytes: chunk_bytes.into() });
        }
        if let Some(single) = Self::single(total_bytes, chunk_bytes) {
            return Ok(single);
        }
        // At most 2^32 - 1 chunks; the product cannot overflow.
        if total_bytes > u64::from(u32::MAX) * u64::from(chunk_bytes) {
            return Err(Error::TooManyChunks { total_bytes, chunk_bytes });
        }
        Ok(Self { total_bytes, chunk_bytes })
    }

    /// The canonical grid of a message that fits one chunk of at most `limit_bytes`.
    fn single(total_bytes: u64, limit_bytes: u32) -> Option<Self> {
        let total = u32::try_from(total_bytes).ok().filter(|total| *total <= limit_bytes)?;
        Some(Self { total_bytes, chunk_bytes: total.max(1) })
    }

    /// The length of the message, in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The length of each chunk but the last, in bytes.
    pub fn chunk_bytes(&self) -> u32 {
        self.chunk_bytes
    }

    /// How many chunks the message has; at least one.
    pub fn chunks(&self) -> u32 {
        let chunks = self.total_bytes.div_ceil(self.chunk_bytes.into()).max(1);
        u32::try_from(chunks).unwrap_or(u32::MAX) // `new` made sure that it fits
    }

    /// Whether the message is one chunk.
    pub fn is_single(&self) -> bool {
        self.total_bytes <= self.chunk_bytes.into()
    }

    /// What chunk `index` covers, or `None` outside the grid.
    pub fn range(&self, index: u32) -> Option<Range<u64>> {
        let start = self.offset(index);
        let inside = start < self.total_bytes || index == 0;
        inside.then(|| start..self.total_bytes.min(start + u64::from(self.chunk_bytes)))
    }

    /// Where chunk `index` starts. Cannot overflow: 32 bits times 17.
    pub(crate) fn offset(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.chunk_bytes)
    }

    /// How many bytes chunk `index` covers; none outside the grid.
    pub(crate) fn chunk_len(&self, index: u32) -> usize {
        let rest = self.total_bytes.saturating_sub(self.offset(index));
        usize::try_from(rest.min(self.chunk_bytes.into())).unwrap_or(usize::MAX) // at most 65,536
    }
}
