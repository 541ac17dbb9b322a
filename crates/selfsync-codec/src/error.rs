//! What can go wrong: the caller's buffer ([`EncodeError`]) or the bytes on the line ([`Damage`]).

use core::ops::Range;

use crate::wire::{HEADROOM, MAX_BODY_IN_PLACE, TAILROOM};

/// The caller asked for an in-place encoding that the buffer does not allow. The buffer is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The body and its checksum are longer than [`MAX_BODY_IN_PLACE`]: use [`encode`](crate::encode()).
    #[error(
        "{bytes} bytes of body and checksum are more than the {MAX_BODY_IN_PLACE} that can be encoded in place"
    )]
    TooLong {
        /// Bytes of body and checksum.
        bytes: usize,
    },
    /// The body does not stand in the buffer, or with less than [`HEADROOM`] and [`TAILROOM`] around it.
    #[error(
        "body {body:?} needs {HEADROOM} bytes before and {TAILROOM} behind it in a buffer of {buffer_bytes}"
    )]
    NoRoom {
        /// Where the body was said to stand.
        body: Range<usize>,
        /// The length of the buffer.
        buffer_bytes: usize,
    },
}

/// Bytes that are no frame. The decoder has dropped them and goes on behind them.
///
/// On a line or in a file one counts it and calls again. On a reliable path nothing is ever damaged by accident:
/// there the first one is the end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} in what began at byte {offset} of the stream")]
#[non_exhaustive]
pub struct Damage {
    /// What gave it away.
    pub cause: Cause,
    /// How many bytes the decoder had consumed before the frame, or the noise, that it gave up.
    pub offset: u64,
}

/// What gave damage away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Something else than a marker stands where a frame has to begin.
    #[error("no marker")]
    NoMarker,
    /// A frame of a version unknown here.
    #[error("unknown version {0:#04x}")]
    UnknownVersion(u8),
    /// Something that is neither a run length nor the closing marker stands where one of them has to.
    #[error("no run length")]
    BadLength,
    /// A marker inside a run, or the closing marker behind a run of full length.
    #[error("marker inside a frame")]
    EarlyMarker,
    /// The frame announces a longer body than the decoder was told to accept.
    #[error("body above the maximum")]
    TooLong,
    /// The checksum is wrong or missing.
    #[error("wrong checksum")]
    Checksum,
    /// The input ended inside a frame ([`Decoder::next_frame_at_end`](crate::Decoder::next_frame_at_end)).
    #[error("end of input")]
    Truncated,
}
