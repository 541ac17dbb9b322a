//! Decompressing chunks.

use flate2::{Decompress, FlushDecompress, Status};

use crate::DeflateFlaw;

/// A decompressor, reused from chunk to chunk.
pub(crate) struct Inflater {
    /// On the heap: zlib-rs frees, when it is dropped, what a reference in it points to, which is undefined in a function
    /// that was given that reference by value, however deep (zlib-rs, issue 491).
    decompress: Box<Decompress>,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { decompress: Box::new(Decompress::new(false)) }
    }

    /// Inflates `input`, which must be one whole raw deflate stream of exactly `length` bytes.
    ///
    /// Never makes more than `length + 1` bytes: the one byte more tells "too long" from "just ended".
    pub(crate) fn inflate(&mut self, input: &[u8], length: usize) -> Result<Vec<u8>, DeflateFlaw> {
        let mut output = Vec::with_capacity(length + 1);
        self.decompress.reset(false);
        let status = self
            .decompress
            .decompress_vec(input, &mut output, FlushDecompress::Finish)
            .map_err(|_| DeflateFlaw::Broken)?;
        if output.len() > length {
            return Err(DeflateFlaw::TooLong);
        }
        if status != Status::StreamEnd {
            return Err(DeflateFlaw::Unfinished);
        }
        if output.len() < length {
            return Err(DeflateFlaw::TooShort);
        }
        // flate2 stops at the end of the stream and says nothing of what follows it.
        if usize::try_from(self.decompress.total_in()) != Ok(input.len()) {
            return Err(DeflateFlaw::TrailingBytes);
        }
        Ok(output)
    }
}
