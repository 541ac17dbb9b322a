//! Compressing chunks.

use std::fmt;

use bytes::Bytes;
use flate2::{Compress, FlushCompress, Status};

use crate::MAX_CHUNK_BYTES;

/// Compression level unless configured otherwise, of deflate's 1 (fast) to 9 (small).
///
/// Measured on source code, JSON and machine code: as fast as level 1 and a fifth smaller, since level 1 makes no
/// codes of its own; level 3 is half as fast for some 5 % more.
pub const DEFAULT_LEVEL: u32 = 2;

/// A chunk that compression makes smaller by less than this many per cent goes raw.
pub const MIN_GAIN_PERCENT: usize = 5;

/// A compressor that chunkers borrow, so that its state is made once and not once per chunk.
///
/// Weighs nothing until it is used, then about 500 KiB; [`Deflater::release`] makes it light again. Every chunk is a
/// stream of its own: nothing of one chunk or message shows in the size of another.
pub struct Deflater {
    level: u32,
    state: Option<State>,
}

struct State {
    /// On the heap for the reason that [`Inflater`](crate::inflate::Inflater) tells.
    compress: Box<Compress>,
    scratch: Vec<u8>,
}

impl Deflater {
    /// A compressor of a deflate `level` from 1 to 9; others are moved into that range.
    pub fn new(level: u32) -> Self {
        Self { level: level.clamp(1, 9), state: None }
    }

    /// Frees the compressor's memory until its next use.
    pub fn release(&mut self) {
        self.state = None;
    }

    /// `input` as one raw deflate stream, if that gains at least [`MIN_GAIN_PERCENT`].
    pub(crate) fn deflate(&mut self, input: &[u8]) -> Option<Bytes> {
        let limit = input.len() - (input.len() * MIN_GAIN_PERCENT).div_ceil(100);
        let level = self.level;
        let State { compress, scratch } = self.state.get_or_insert_with(|| State::new(level));
        compress.reset();
        match compress.compress(input, scratch, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => {
                let length = usize::try_from(compress.total_out()).ok()?;
                scratch.get(..length).filter(|_| length <= limit).map(Bytes::copy_from_slice)
            }
            // Longer inputs than a chunk do not occur; if one did, it would go raw.
            Ok(Status::Ok | Status::BufError) | Err(_) => None,
        }
    }
}

impl State {
    fn new(level: u32) -> Self {
        // Room for whatever becomes of a chunk: zlib-rs 0.6.8 panics at some inputs that do not fit, and its
        // fastest level spends up to nine bits on a byte.
        let scratch_bytes = usize::try_from(MAX_CHUNK_BYTES).map_or(usize::MAX, |bytes| 2 * bytes);
        // No zlib header, no checksum: chunks are authenticated below this layer.
        Self {
            compress: Box::new(Compress::new(flate2::Compression::new(level), false)),
            scratch: vec![0; scratch_bytes],
        }
    }
}

impl Default for Deflater {
    /// A compressor of [`DEFAULT_LEVEL`].
    fn default() -> Self {
        Self::new(DEFAULT_LEVEL)
    }
}

impl fmt::Debug for Deflater {
    // What it compressed last is still in its window: say nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("level", &self.level).finish_non_exhaustive()
    }
}
