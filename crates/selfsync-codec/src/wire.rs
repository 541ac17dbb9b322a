//! The bytes of a frame: marker, version, run lengths in radix 253, and how much room they take.

/// What opens and closes every frame and stands nowhere inside one.
pub const MARKER: [u8; 2] = [0xFE, 0xFD];

/// The byte behind the opening marker: the version of the stuffing.
pub const VERSION: u8 = 0x01;

/// The longest first run, in bytes. A shorter one implies that a [`MARKER`] of the body follows it.
pub const MAX_FIRST_RUN: usize = RADIX - 1;

/// The longest later run, in bytes: 64,008. A shorter one implies that a [`MARKER`] of the body follows it.
pub const MAX_LATER_RUN: usize = RADIX * RADIX - 1;

/// Free bytes that in-place encoding needs in front of a body: marker, version, first run length, and two for
/// moving the first run to make room for the second length.
pub const HEADROOM: usize = 6;

/// Free bytes that in-place encoding needs behind a body: four for the checksum, two for moving the little that can
/// follow a later run of full length, two for the closing marker.
pub const TAILROOM: usize = 8;

/// The longest body (with its checksum, if it has one) that is encoded in place, in bytes: a first run of full
/// length and a later one just short of it, so that one length at most has to be squeezed in.
pub const MAX_BODY_IN_PLACE: usize = MAX_FIRST_RUN + MAX_LATER_RUN - 1;

/// Bytes of a frame that are not run: both markers, the version, the first length.
pub(crate) const FRAME_OVERHEAD: usize = 6;

/// Bytes in front of the first run: marker, version, first length.
pub(crate) const LEAD: usize = 4;

/// Run lengths are written in this radix, so that neither of their bytes can be part of a marker.
pub(crate) const RADIX: usize = 253;

/// The most bytes that a frame can take whose body has `body_len` bytes (a checksum counts as four more).
///
/// Only a run of full length costs two bytes more than it carries: every other later length takes the place of two
/// bytes of the body. Saturates at `usize::MAX`.
#[must_use]
pub const fn max_encoded_len(body_len: usize) -> usize {
    let full_runs = match body_len.checked_sub(MAX_FIRST_RUN) {
        Some(rest) => 1 + rest / MAX_LATER_RUN,
        None => 0,
    };
    body_len.saturating_add(FRAME_OVERHEAD + 2 * full_runs)
}

/// A later run's length, little-endian in radix 253.
pub(crate) fn later_length(run_len: usize) -> [u8; 2] {
    let [low, ..] = (run_len % RADIX).to_le_bytes();
    let [high, ..] = (run_len / RADIX).to_le_bytes();
    [low, high]
}

/// A first run's length.
pub(crate) fn first_length(run_len: usize) -> u8 {
    let [length, ..] = run_len.to_le_bytes();
    length
}

/// Reads a first length; `None` if it is none.
pub(crate) fn read_first_length(byte: u8) -> Option<usize> {
    let run_len = usize::from(byte);
    (run_len <= MAX_FIRST_RUN).then_some(run_len)
}

/// Reads a later length; `None` if it is none.
pub(crate) fn read_later_length([low, high]: [u8; 2]) -> Option<usize> {
    let (low, high) = (usize::from(low), usize::from(high));
    (low < RADIX && high < RADIX).then_some(low + RADIX * high)
}

#[cfg(test)]
mod tests;
