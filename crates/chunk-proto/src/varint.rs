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
#[inline]
pub fn take(input: &mut &[u8]) -> Result<u64, Error> {
    // Most are streams and lengths of one byte, and the numbers of messages.
    let (value, rest) = match *input {
        [a @ ..0x80, rest @ ..] => (u64::from(*a), rest),
        [a, b @ 1..0x80, rest @ ..] => (low_bits(*a) | u64::from(*b) << 7, rest),
        [a, b @ 0x80..=0xFF, c @ 1..0x80, rest @ ..] => {
            (low_bits(*a) | low_bits(*b) << 7 | u64::from(*c) << 14, rest)
        }
        _ => return take_longer(input),
    };
    *input = rest;
    Ok(value)
}

fn low_bits(byte: u8) -> u64 {
    u64::from(byte & 0x7F)
}

#[cold]
fn take_longer(input: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(Error::HeaderTruncated)?;
        *input = rest;
        let bits = low_bits(byte);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put(value, &mut out);
        out
    }

    #[test]
    fn known_values() {
        for (value, bytes) in [
            (0, vec![0x00]),
            (127, vec![0x7F]),
            (128, vec![0x80, 0x01]),
            (300, vec![0xAC, 0x02]),
            (u64::MAX, vec![0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] {
            assert_eq!(encoded(value), bytes);
        }
    }

    #[test]
    fn refuses_what_put_would_not_write() {
        let too_long = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        let too_big = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02];
        for bytes in [&[0x80, 0x00][..], &[0xFF, 0x80, 0x00], &too_long, &too_big] {
            assert_eq!(take(&mut &bytes[..]), Err(Error::HeaderNumber), "{bytes:x?}");
        }
        for bytes in [&[][..], &[0x80], &[0xFF; 9]] {
            assert_eq!(take(&mut &bytes[..]), Err(Error::HeaderTruncated), "{bytes:x?}");
        }
        assert_eq!(take_u32(&mut &encoded(1 << 32)[..]), Err(Error::HeaderNumber));
    }

    proptest! {
        #[test]
        fn round_trip(value: u64, shift in 0..64u32, tail: [u8; 3]) {
            let value = value >> shift;
            let mut bytes = encoded(value);
            prop_assert_eq!(bytes.len(), len(value));
            bytes.extend(tail);
            let mut input = &bytes[..];
            prop_assert_eq!(take(&mut input), Ok(value));
            prop_assert_eq!(input, &tail[..]);
        }

        #[test]
        fn one_encoding_per_value(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut input = &bytes[..];
            if let Ok(value) = take(&mut input) {
                prop_assert_eq!(encoded(value), &bytes[..bytes.len() - input.len()]);
            }
        }
    }
}
