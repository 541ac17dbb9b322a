//! Bodies into frames.

use core::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::error::EncodeError;
use crate::search::MarkerSearch;
use crate::trailer::Trailer;
use crate::wire::{
    HEADROOM, LEAD, MARKER, MAX_BODY_IN_PLACE, MAX_FIRST_RUN, MAX_LATER_RUN, TAILROOM, VERSION, first_length,
    later_length, max_encoded_len,
};

/// Appends the frame of `body` (of any length, without a checksum) to `out`.
pub fn encode(body: &[u8], out: &mut BytesMut) {
    Encoder::new(Trailer::None).encode(body, out);
}

/// Makes a frame (without a checksum) of the body that stands in `buffer`, around it; see
/// [`Encoder::encode_in_place`].
///
/// # Errors
/// [`EncodeError`], and `buffer` is as it was.
pub fn encode_in_place(buffer: &mut [u8], body: Range<usize>) -> Result<Range<usize>, EncodeError> {
    Encoder::new(Trailer::None).encode_in_place(buffer, body)
}

/// Writes frames. It has no state (every frame is independent of the one before) but a prepared search: where frames
/// are many, keep one, or share it.
///
/// ```
/// use bytes::BytesMut;
/// use selfsync_codec::{Encoder, Trailer};
///
/// let mut line = BytesMut::new();
/// Encoder::new(Trailer::Crc32c).encode(b"123456789", &mut line);
/// assert_eq!(&line[..], b"\xFE\xFD\x01\x0D123456789\xEE\x71\x68\x70\xFE\xFD");
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    trailer: Trailer,
    search: MarkerSearch,
}

impl Encoder {
    /// An encoder whose frames end with `trailer`.
    #[must_use]
    pub fn new(trailer: Trailer) -> Self {
        Self { trailer, search: MarkerSearch::new() }
    }

    /// Appends the frame of `body` to `out`: at most [`max_encoded_len`] bytes, for which room is made at once.
    pub fn encode(&self, body: &[u8], out: &mut BytesMut) {
        let trailer = self.trailer.of(body);
        let mut source = Source { body, trailer: trailer.get(..self.trailer.len()).unwrap_or_default() };
        out.reserve(max_encoded_len(source.remaining()));
        out.put_slice(&[MARKER[0], MARKER[1], VERSION]);

        let mut length_at = out.len();
        let mut start = length_at + 1;
        let mut longest = MAX_FIRST_RUN;
        out.put_u8(0);
        loop {
            source.fill(out, start + longest);
            let (next_length_at, run_len) = match self.search.find(&out[start..]) {
                // The pair gives its place to the length of the next run.
                Some(run_len) => (start + run_len, run_len),
                None => (out.len(), out.len() - start),
            };
            if longest == MAX_FIRST_RUN {
                out[length_at] = first_length(run_len);
            } else {
                out[length_at..length_at + 2].copy_from_slice(&later_length(run_len));
            }
            if next_length_at == out.len() {
                if run_len < longest {
                    break;
                }
                out.put_slice(&[0, 0]);
            }
            (length_at, start, longest) = (next_length_at, next_length_at + 2, MAX_LATER_RUN);
        }
        out.put_slice(&MARKER);
    }

    /// Makes a frame of the body that stands in `buffer` at `body`, around it, and says where the frame stands.
    ///
    /// [`HEADROOM`] bytes before and [`TAILROOM`] behind the body are overwritten. Of the body only `FE FD` are:
    /// they give their place to run lengths. Besides, either the first 252 bytes or at most the last 249 move by two.
    ///
    /// ```
    /// use selfsync_codec::{HEADROOM, TAILROOM, encode_in_place};
    ///
    /// let mut buffer = [0; HEADROOM + 5 + TAILROOM];
    /// buffer[HEADROOM..][..5].copy_from_slice(b"hello");
    /// let frame = encode_in_place(&mut buffer, HEADROOM..HEADROOM + 5)?;
    /// assert_eq!(&buffer[frame], b"\xFE\xFD\x01\x05hello\xFE\xFD");
    /// # Ok::<(), selfsync_codec::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError`], and `buffer` is as it was.
    pub fn encode_in_place(
        &self,
        buffer: &mut [u8],
        body: Range<usize>,
    ) -> Result<Range<usize>, EncodeError> {
        let room = body.start.checked_sub(HEADROOM).zip(body.end.checked_add(TAILROOM));
        if body.start > body.end || room.is_none_or(|(_, end)| end > buffer.len()) {
            return Err(EncodeError::NoRoom { body, buffer_bytes: buffer.len() });
        }
        let bytes = body.len() + self.trailer.len();
        if bytes > MAX_BODY_IN_PLACE {
            return Err(EncodeError::TooLong { bytes });
        }
        let end = body.start + bytes;
        let trailer = self.trailer.of(&buffer[body.clone()]);
        buffer[body.end..end].copy_from_slice(&trailer[..end - body.end]);
        Ok(self.stuff(buffer, body.start, end))
    }

    /// Stuffs `buffer[start..end]`, which has room around it.
    fn stuff(&self, buffer: &mut [u8], start: usize, end: usize) -> Range<usize> {
        let window = start..end.min(start + MAX_FIRST_RUN);
        let first_run = self.search.find(&buffer[window.clone()]).unwrap_or(window.len());
        let frame = if first_run == MAX_FIRST_RUN {
            buffer.copy_within(window.clone(), start - 2);
            start - 2 - LEAD
        } else {
            start - LEAD
        };
        buffer[frame..frame + LEAD].copy_from_slice(&[
            MARKER[0],
            MARKER[1],
            VERSION,
            first_length(first_run),
        ]);

        let end = if first_run == MAX_FIRST_RUN {
            self.stuff_later(buffer, window.end - 2, end)
        } else if first_run < window.len() {
            self.stuff_later(buffer, start + first_run, end)
        } else {
            end
        };
        buffer[end..end + 2].copy_from_slice(&MARKER);
        frame..end + 2
    }

    /// Stuffs what follows the first run, where the first later length belongs at `length_at` and the bytes to be
    /// stuffed end at `end`. Returns where they end afterwards.
    fn stuff_later(&self, buffer: &mut [u8], mut length_at: usize, mut end: usize) -> usize {
        loop {
            let start = length_at + 2;
            let window = start..end.min(start + MAX_LATER_RUN);
            let found = self.search.find(&buffer[window.clone()]);
            let run_len = found.unwrap_or(window.len());
            buffer[length_at..start].copy_from_slice(&later_length(run_len));
            length_at = start + run_len;
            if found.is_none() {
                if run_len < MAX_LATER_RUN {
                    return end;
                }
                // A run of full length elides no pair: the next length is squeezed in. At most 249 bytes follow.
                buffer.copy_within(window.end..end, window.end + 2);
                end += 2;
            }
        }
    }
}

/// A body and its trailer, read one after the other.
struct Source<'a> {
    body: &'a [u8],
    trailer: &'a [u8],
}

impl Source<'_> {
    fn remaining(&self) -> usize {
        self.body.len() + self.trailer.len()
    }

    /// Moves bytes to the end of `out` until it has `len` bytes or nothing remains.
    fn fill(&mut self, out: &mut BytesMut, len: usize) {
        for part in [&mut self.body, &mut self.trailer] {
            let (now, later) = part.split_at(part.len().min(len.saturating_sub(out.len())));
            out.put_slice(now);
            *part = later;
        }
    }
}
