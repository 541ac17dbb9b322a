//! Unsigned LEB128, minimal, at most ten bytes: the numbers of §1 of `docs/PROTOCOL.md`, for the layers above too.

use bytes::BufMut;

use crate::Error;

/// Writes `value`.
///
/// # Panics
///
/// If `out` is a slice without room for its [`len`].
pub fn put(mut value: u64, out: &mut impl BufMut) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.put_u8(low & 0x7F);
        }
        out.put_u8(low | 0x80);
    }
}

/// How many bytes [`put`] writes for `value`.
pub fn len(value: u64) -> usize {
    match (u64::BITS - value.leading_zeros()).div_ceil(7) {
        0 => 1,
        bytes => usize::try_from(bytes).unwrap_or(usize::MAX), // at most 10
    }
}

/// Takes a number off the front of `input`.
///
/// # Errors
///
/// [`Error::HeaderTruncated`]; [`Error::HeaderNumber`] for a last byte of zero (not minimal) and for what exceeds
/// 64 bits.
pub fn take(input: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(Error::HeaderTruncated)?;
        *input = rest;
        let bits = u64::from(byte & 0x7F);
        // Of the tenth byte only one bit is left.
        if (bits << shift) >> shift != bits || (byte == 0 && shift > 0) {
            return Err(Error::HeaderNumber);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Error::HeaderNumber)
}

/// Takes a number of at most 32 bits.
pub(crate) fn take_u32(input: &mut &[u8]) -> Result<u32, Error> {
    u32::try_from(take(input)?).map_err(|_| Error::HeaderNumber)
}
